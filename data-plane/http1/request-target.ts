/** The four forms of a request target (RFC 9112 3.2) and which method may use which (R2, R3). */

import { type Scheme, parseAuthority } from "./authority.ts";
import { SLASH } from "./chars.ts";
import { BAD_ABSOLUTE_TARGET, BAD_CONNECT_AUTHORITY, BAD_PATH, BAD_TARGET_FORM, SCHEME_MISMATCH } from "./failures.ts";
import type { CodecFailure, RequestHead } from "./message.ts";
import { type PathMode, pathOf } from "./path-mode.ts";

export interface TargetRules {
  readonly scheme: Scheme;
  readonly pathMode: PathMode;
}

const ABSOLUTE = /^(https?):\/\/([^/?]*)/i;

/**
 * Sets form, path and query of `head`, and its authority where the target names one. `head.method` is set already;
 * `target` holds target bytes only (no space, control or `#`; no `\` in the path mode "reject").
 */
export function readTarget(head: RequestHead, target: string, rules: TargetRules): CodecFailure | undefined {
  if (head.method === "CONNECT") return readConnectTarget(head, target, rules.scheme);
  if (target.charCodeAt(0) === SLASH) return setPath(head, target, rules.pathMode);
  if (target === "*") {
    if (head.method !== "OPTIONS") return BAD_TARGET_FORM;
    return setAsterisk(head);
  }
  return readAbsoluteTarget(head, target, rules);
}

function readAbsoluteTarget(head: RequestHead, target: string, rules: TargetRules): CodecFailure | undefined {
  const { scheme, pathMode } = rules;
  const found = ABSOLUTE.exec(target);
  if (found === null) return BAD_TARGET_FORM;
  const [prefix, targetScheme = "", authorityText = ""] = found;
  if (targetScheme.toLowerCase() !== scheme) return SCHEME_MISMATCH;
  const authority = parseAuthority(authorityText, scheme);
  if (authority === undefined) return BAD_ABSOLUTE_TARGET;
  head.authority = authority.authority;
  head.hostname = authority.hostname;
  const rest = target.slice(prefix.length);
  // RFC 9112 3.2.4: OPTIONS for a whole server, sent through a proxy.
  if (rest === "" && head.method === "OPTIONS") return setAsterisk(head);
  head.form = "absolute";
  return setPath(head, rest.charCodeAt(0) === SLASH ? rest : `/${rest}`, pathMode);
}

function readConnectTarget(head: RequestHead, target: string, scheme: Scheme): CodecFailure | undefined {
  const authority = parseAuthority(target, scheme);
  if (authority === undefined || !authority.hasPort) return BAD_CONNECT_AUTHORITY;
  head.form = "authority";
  head.authority = authority.authority;
  head.hostname = authority.hostname;
  return undefined;
}

function setAsterisk(head: RequestHead): undefined {
  head.form = "asterisk";
  head.path = "*";
}

function setPath(head: RequestHead, target: string, mode: PathMode): CodecFailure | undefined {
  const question = target.indexOf("?");
  const path = pathOf(question < 0 ? target : target.slice(0, question), mode);
  if (path === undefined) return BAD_PATH;
  head.path = path;
  if (question >= 0) head.query = target.slice(question);
  return undefined;
}
