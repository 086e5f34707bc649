/** HTTP test data that lives beside the project and is never copied into it; a test without its file skips and names it. */

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { packageRoot } from "../../shared/package-root.ts";

export interface LlhttpEntry {
  readonly id: string;
  readonly type: string;
  readonly payload: string;
  readonly error: string | null;
}

export interface DesyncEntry {
  readonly id: string;
  readonly payload: string;
  readonly tier: "Severe" | "Ambiguous" | "Acceptable" | "Compliant";
  readonly reason: string;
}

export interface PathEntry {
  readonly group: string;
  readonly inp: string;
  readonly out: string;
}

/** `skip` is for node:test's options; `entries` is empty when the file is absent. */
export interface Corpus<Entry> {
  readonly entries: readonly Entry[];
  readonly skip: string | false;
}

export const llhttpCorpus = (): Corpus<LlhttpEntry> => load("llhttp.json");
export const desyncCorpus = (): Corpus<DesyncEntry> => load("desync.json");
export const pathCorpus = (): Corpus<PathEntry> => load("path-normalization.json");

/** The payload's bytes as Latin-1 text. */
export function payloadText(entry: { readonly payload: string }): string {
  return Buffer.from(entry.payload, "base64").toString("latin1");
}

const HEAD_START = /(^|\r\n)([A-Z-]+ (\S+) HTTP\/\d\.\d *\r\n)([\s\S]*?)(?=\r\n\r\n|$)/g;

/** The payloads come without Host, which rule R1 asks for: each head without one gets that of its target, or "a". */
export function withHost(text: string): string {
  return text.replace(HEAD_START, (head: string, before: string, line: string, target: string, fields: string) => {
    if (/^host:/im.test(fields)) return head;
    const authority = /^(?:https?:\/\/)?(?:[^/?#]*@)?([^/?#*]+)/.exec(target)?.[1] ?? "a";
    return `${before}${line}Host: ${authority}\r\n${fields}`;
  });
}

/** The head with a Host where it has none, and with the body that it announces. */
export function desyncMessage(entry: DesyncEntry): string {
  const head = payloadText(entry);
  const hosted = /^host:/im.test(head) ? head : head.replace("\r\n", "\r\nHost: a\r\n");
  const length = Number(/^content-length:\s*(\d{1,3})\s*$/im.exec(head)?.[1] ?? 0);
  if (length > 0) return hosted + "x".repeat(length);
  return /transfer-encoding/i.test(head) ? `${hosted}1\r\nx\r\n0\r\n\r\n` : hosted;
}

function load<Entry>(file: string): Corpus<Entry> {
  const path = join(packageRoot, "../shared/corpora", file);
  if (!existsSync(path)) return { entries: [], skip: `skipped: ../shared/corpora/${file} not present` };
  // The shape of the file is described beside it, in its README.
  const entries = JSON.parse(readFileSync(path, "utf8")) as readonly Entry[];
  return { entries, skip: false };
}
