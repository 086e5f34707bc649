import { SERVICE_NAME_CHARS_MAX, XDS_NODE_ID_CHARS_MAX } from "../../shared/limits.ts";
import type { ProxyNode } from "../../shared/model/node.ts";

/** Control characters would forge lines in logs and keys. */
const CONTROL = /\p{Cc}/u;

/** Why a node cannot be served, as a sentence; undefined when it can. */
export function checkNode(node: ProxyNode | undefined): string | undefined {
  if (node === undefined) return "node: must be set in the first request";
  return (
    checkText("node.id", node.id, { min: 1, max: XDS_NODE_ID_CHARS_MAX }) ??
    checkText("node.cluster", node.service, { min: 0, max: SERVICE_NAME_CHARS_MAX })
  );
}

function checkText(path: string, text: string, { min, max }: { min: number; max: number }): string | undefined {
  if (text.length < min) return `${path}: must not be empty`;
  if (text.length > max) return `${path}: has ${text.length} characters, at most ${max} are allowed`;
  return CONTROL.test(text) ? `${path}: must not hold control characters` : undefined;
}
