/**
 * Our decoder beside the parser of node:http.
 *
 * - What we take, node takes too and reads the same: no request is let through that a node:http origin sees otherwise.
 * - What node takes and we refuse is refused by a rule of the list below: over-rejection is a decision.
 */

import assert from "node:assert/strict";
import { isDeepStrictEqual } from "node:util";
import type { RequestHead } from "../../data-plane/http1/message.ts";
import { type Decoded, decodeRequests, pieces } from "../data-plane/http1/decode-all.ts";
import { type NodeMessage, type NodeOutcome, nodeRequests } from "../data-plane/http1/node-parser.ts";

/** Rules by which we refuse what node's strict parser takes. */
const STRICTER = new Set([
  // Framing.
  "F2",
  "F3",
  "F4",
  "F5",
  "F6",
  "F8",
  "F9",
  // Chunk extensions without a name: llhttp takes `;;`.
  "F18",
  // A path, Host or target that node leaves to the application.
  "R1",
  "R2",
  "R3",
  "R4",
  "R5",
  "R6",
  // Methods and expectations that node leaves to the application.
  "H4",
  "H5",
  "H6",
  // Versions: node knows 0.9 and 2.0.
  "F25",
  // Line ends before a request: node skips any number and kind of them, we skip one CRLF.
  "F11",
  "F12",
  "F26",
  // Names of fields in trailers, limits.
  "F20",
  "5",
]);

/** Reasons by which node refuses what we take; some only for requests of a certain look. */
const WIDER: readonly { readonly error: RegExp; readonly request?: RegExp }[] = [
  // R10: a method is any token; node has a list.
  { error: /^(?:Invalid method|Expected space after method|Invalid method encountered)/ },
  // F25: HTTP/1.2 to 1.9 are read as 1.1.
  { error: /^Invalid HTTP version/ },
  // llhttp reads `Proxy-Connection: close` as the end.
  { error: /^Data after/ },
  // RFC 9110 5.6.3: a tab behind a value is white space as well; llhttp takes only a blank behind `chunked`.
  { error: /^Request has invalid `Transfer-Encoding`/, request: /^transfer-encoding:[^\r\n]*\t[ \t]*\r?$/im },
];

export function compareWithNode(bytes: Buffer, where: () => string): "both" | "neither" | "stricter" {
  const ours = decodeRequests(pieces(bytes, []), { allowConnect: true });
  const theirs = nodeRequests(bytes);
  if (typeof ours.end === "string") {
    // A head is judged once it is whole.
    if (ours.end === "more" && !ours.bodyBegun && ours.used < bytes.length) return "neither";
    compareMessages(ours, theirs, where);
    const wider = ours.end === "closed" || isWider(bytes, theirs.error);
    if (theirs.error !== "" && !wider) assert.fail(`we take what node refuses (${theirs.error}): ${where()}`);
    return "both";
  }
  compareMessages(ours, theirs, where);
  if (theirs.error !== "" || theirs.upgrade) return "neither";
  if (!STRICTER.has(ours.end.rule)) assert.fail(`only we refuse (${ours.end.rule} ${ours.end.code}): ${where()}`);
  return "stricter";
}

function isWider(bytes: Buffer, reason: string): boolean {
  const text = bytes.toString("latin1");
  return WIDER.some(({ error, request }) => error.test(reason) && request?.test(text) !== false);
}

/** The messages that both have read completely are the same. */
function compareMessages(ours: Decoded<RequestHead>, theirs: NodeOutcome, where: () => string): void {
  const complete = theirs.messages.filter((message) => message.complete);
  for (const [index, { head, body }] of ours.messages.entries()) {
    const message = complete[index];
    if (message === undefined) {
      if (theirs.error === "" && !theirs.upgrade) assert.fail(`node does not see message ${index}: ${where()}`);
      return;
    }
    same(head.method, message.method, where);
    same(body, message.body, where);
    same(head.headers, endToEnd(message), where);
    if (isPlain(message, theirs)) same(head.keepAlive, message.keepAlive, where);
    if (head.form === "origin" && !/[%.]|\/\//.test(message.target)) {
      same(head.path + head.query, message.target, where);
    }
  }
}

/** The words are made only for a failure: there are a million cases. */
function same(actual: unknown, expected: unknown, where: () => string): void {
  if (isDeepStrictEqual(actual, expected)) return;
  assert.fail(`${JSON.stringify(actual)} is not ${JSON.stringify(expected)}: ${where()}`);
}

/** llhttp reads Proxy-Connection as if it were Connection, and lets the last of close and keep-alive win in HTTP/1.0. */
function isPlain(message: NodeMessage, { upgrade }: NodeOutcome): boolean {
  const options = message.headers.filter((name, i) => i % 2 === 0 && /^(?:proxy-)?connection$/i.test(name));
  return !upgrade && options.length <= 1 && !/^proxy/i.test(options[0] ?? "");
}

const HOP = new Set([
  "host",
  "connection",
  "content-length",
  "transfer-encoding",
  "keep-alive",
  "te",
  "trailer",
  "upgrade",
  "expect",
  "proxy-connection",
  "proxy-authorization",
  "proxy-authenticate",
]);

function endToEnd({ headers }: NodeMessage): string[] {
  const nominated = nominations(headers);
  const kept: string[] = [];
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i]?.toLowerCase() ?? "";
    if (!HOP.has(name) && !nominated.includes(name)) kept.push(name, headers[i + 1] ?? "");
  }
  return kept;
}

/** The names that Connection lines name; the generator nominates none that may not be. */
function nominations(headers: readonly string[]): string[] {
  const values = headers.filter((_, i) => i % 2 === 1 && headers[i - 1]?.toLowerCase() === "connection");
  return values.flatMap((value) => value.split(",").map((option) => option.trim().toLowerCase()));
}
