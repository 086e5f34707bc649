/**
 * Random requests, many of them broken, through our decoder and through node's parser.
 *
 * - What we take, node takes too and reads the same: no request is let through that a node:http origin sees otherwise.
 * - What node takes and we refuse is refused by a rule of the list below: over-rejection is a decision.
 *
 * `HEDDLE_FUZZ_CASES` and `HEDDLE_FUZZ_SEED` make it longer or another one.
 */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { RequestHead } from "../../../data-plane/http1/message.ts";
import { type Random, seededRandom } from "../../../shared/random.ts";
import { type Decoded, decodeRequests, pieces } from "./decode-all.ts";
import { type NodeMessage, type NodeOutcome, nodeParserSkip, nodeRequests } from "./node-parser.ts";

const CASES = Number(process.env["HEDDLE_FUZZ_CASES"] ?? 20_000);
const SEED = Number(process.env["HEDDLE_FUZZ_SEED"] ?? 20_260_101);

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

/** Reasons by which node refuses what we take. */
const WIDER: readonly RegExp[] = [
  // R10: a method is any token; node has a list.
  /^(?:Invalid method|Expected space after method|Invalid method encountered)/,
  // F25: HTTP/1.2 to 1.9 are read as 1.1.
  /^Invalid HTTP version/,
  // llhttp reads `Proxy-Connection: close` as the end.
  /^Data after/,
];

describe("against the parser of node:http", () => {
  it(`reads ${CASES} random requests alike`, { skip: nodeParserSkip }, () => {
    const random = seededRandom(SEED);
    const seen = { both: 0, neither: 0, stricter: 0 };
    for (let index = 0; index < CASES; index += 1) {
      const bytes = randomRequests(random);
      const where = `seed ${SEED}, case ${index}: ${JSON.stringify(bytes.toString("latin1"))}`;
      seen[compare(bytes, where)] += 1;
    }
    // The generator must reach all three, else the test says nothing.
    for (const [kind, count] of Object.entries(seen)) assert.ok(count > CASES / 100, `${kind}: ${count}`);
  });
});

function compare(bytes: Buffer, where: string): "both" | "neither" | "stricter" {
  const ours = decodeRequests(pieces(bytes, []), { allowConnect: true });
  const theirs = nodeRequests(bytes);
  if (typeof ours.end === "string") {
    // A head is judged once it is whole.
    if (ours.end === "more" && !ours.bodyBegun && ours.used < bytes.length) return "neither";
    compareMessages(ours, theirs, where);
    const wider = ours.end === "closed" || WIDER.some((pattern) => pattern.test(theirs.error));
    assert.ok(theirs.error === "" || wider, `we take what node refuses (${theirs.error}): ${where}`);
    return "both";
  }
  compareMessages(ours, theirs, where);
  if (theirs.error !== "" || theirs.upgrade) return "neither";
  assert.ok(STRICTER.has(ours.end.rule), `only we refuse (${ours.end.rule} ${ours.end.code}): ${where}`);
  return "stricter";
}

/** The messages that both have read completely are the same. */
function compareMessages(ours: Decoded<RequestHead>, theirs: NodeOutcome, where: string): void {
  const complete = theirs.messages.filter((message) => message.complete);
  for (const [index, { head, body }] of ours.messages.entries()) {
    const message = complete[index];
    if (message === undefined) {
      assert.ok(theirs.error !== "" || theirs.upgrade, `node does not see message ${index}: ${where}`);
      return;
    }
    assert.equal(head.method, message.method, where);
    assert.equal(body, message.body, where);
    assert.deepEqual(head.headers, endToEnd(message), where);
    if (isPlain(message, theirs)) assert.equal(head.keepAlive, message.keepAlive, where);
    if (head.form === "origin" && !/[%.]|\/\//.test(message.target)) {
      assert.equal(head.path + head.query, message.target, where);
    }
  }
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

const METHODS = ["GET", "GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "FOO", "TRACE", "get"];
const TARGETS = ["/", "/", "/a/b?c=d", "/a%20b", "/a/../b", "*", "http://a/x", "/a#b", "/\\", "a", "/\xe9", "/%2f"];
const VERSIONS = ["HTTP/1.1", "HTTP/1.1", "HTTP/1.1", "HTTP/1.1", "HTTP/1.0", "HTTP/1.2", "HTTP/2.0", "http/1.1"];
const FIELDS = [
  "X-A: b",
  "X-A:b ",
  "X-A: \t b\t",
  "x-b: 1",
  "X-B:",
  "Accept: */*",
  "Cookie: a=b; c=d",
  "X: \xe9\xff",
  "Connection: close",
  "Connection: keep-alive",
  "Connection: X-B",
  "TE: trailers",
  "Expect: 100-continue",
  "Expect: x",
  "X A: b",
  "X-A : b",
  " X: y",
  "X",
  ":",
  "X: a\0b",
  "X: a\x0bb",
  "X@: y",
  "Content-Length: +3",
  "Host: a",
  "Host: b",
  "Content-Length: 3, 3",
  "Transfer-Encoding: gzip",
  "Transfer-Encoding: chunked, chunked",
  "Content_Length: 3",
  "Transfer-Encoding: \x0bchunked",
  "Transfer-Encoding : chunked",
  "Proxy-Connection: close",
  "Keep-Alive: 5",
];
const CHUNKS = [
  "3\r\nabc\r\n",
  "a\r\n0123456789\r\n",
  "3;a=b\r\nabc\r\n",
  '3;a="b;c"\r\nabc\r\n',
  "03\r\nabc\r\n",
  "1\r\nx\r\n",
];
const BROKEN_CHUNKS = [
  "3 \r\nabc\r\n",
  "0x3\r\nabc\r\n",
  "3;\r\nabc\r\n",
  "3\nabc\r\n",
  "3\r\nabcd\r\n",
  "3\r\nabc\n",
  "g\r\n",
];
const LAST_CHUNKS = [
  "0\r\n\r\n",
  "0\r\n\r\n",
  "00\r\n\r\n",
  "0;x\r\n\r\n",
  "0\r\nT: u\r\n\r\n",
  "0\r\n T: u\r\n\r\n",
  "0\r\nT u\r\n\r\n",
];

/** One to three requests, each valid but for what chance breaks in it. */
function randomRequests(random: Random): Buffer {
  let text = "";
  for (let count = 1 + random.below(3); count > 0; count -= 1) text += randomRequest(random);
  const bytes = Buffer.from(text, "latin1");
  for (let flips = random.below(4) === 0 ? 1 + random.below(2) : 0; flips > 0; flips -= 1) {
    const interesting = "\r\n\t \0:;,%/?#0aZ\x7f\x80\xff";
    bytes[random.below(bytes.length)] = interesting.charCodeAt(random.below(interesting.length));
  }
  return random.below(10) === 0 ? bytes.subarray(0, random.below(bytes.length)) : bytes;
}

function randomRequest(random: Random): string {
  const rarely = (usual: string, pool: readonly string[]): string =>
    random.below(4) === 0 ? one(random, pool) : usual;
  const lines = [
    `${one(random, METHODS)} ${rarely("/p", TARGETS)} ${rarely("HTTP/1.1", VERSIONS)}`,
    rarely("Host: a", FIELDS),
  ];
  for (let fields = random.below(4); fields > 0; fields -= 1)
    lines.push(rarely(one(random, FIELDS.slice(0, 12)), FIELDS));
  const [framing, body] = randomBody(random);
  if (framing !== "") lines.splice(1 + random.below(lines.length), 0, framing);
  const end = random.below(20) === 0 ? "\n" : "\r\n";
  return lines.join(end) + end + end + body;
}

function randomBody(random: Random): readonly [string, string] {
  const kind = random.below(4);
  if (kind === 0) return ["", ""];
  if (kind === 1) return [one(random, ["Content-Length: 3", "Content-Length: 3", "Content-Length: 003"]), "abc"];
  let body = "";
  for (let chunks = random.below(4); chunks > 0; chunks -= 1)
    body += one(random, random.below(9) === 0 ? BROKEN_CHUNKS : CHUNKS);
  const names = ["Transfer-Encoding: chunked", "transfer-encoding:CHUNKED", "Transfer-Encoding: gzip, chunked"];
  return [one(random, kind === 2 ? names : names.slice(0, 2)), body + one(random, LAST_CHUNKS)];
}

function one(random: Random, pool: readonly string[]): string {
  return pool[random.below(pool.length)] ?? "";
}
