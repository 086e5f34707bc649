/** Requests by the grammar of HTTP/1.1, each valid but for what chance breaks in it: in its words, and in its bytes. */

import type { Random } from "../../shared/random.ts";

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

/** One to three requests of one connection, with `id` in each. */
export function randomRequests(random: Random, id: string): Buffer {
  let text = "";
  for (let count = 1 + random.below(3); count > 0; count -= 1) text += randomRequest(random, `${id}-${count}`);
  let bytes: Buffer = Buffer.from(text, "latin1");
  for (let mutations = random.below(4) === 0 ? 1 + random.below(2) : 0; mutations > 0; mutations -= 1) {
    bytes = mutated(random, bytes);
  }
  return random.below(10) === 0 ? bytes.subarray(0, random.below(bytes.length)) : bytes;
}

const INTERESTING = "\r\n\t \0:;,%/?#0aZ\x7f\x80\xff";
const PIECES = ["\r\n", "\r\n\r\n", "\n", " ", "\t", "\0", "0\r\n\r\n", "Host: b\r\n", "GET / HTTP/1.1\r\n", ","];

function mutated(random: Random, bytes: Buffer): Buffer {
  if (bytes.length === 0) return bytes;
  const at = random.below(bytes.length);
  const end = Math.min(bytes.length, at + 1 + random.below(8));
  switch (random.below(5)) {
    case 0:
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(end)]);
    case 1:
      return Buffer.concat([bytes.subarray(0, end), bytes.subarray(at)]);
    case 2:
      return Buffer.concat([bytes.subarray(0, at), Buffer.from(one(random, PIECES), "latin1"), bytes.subarray(at)]);
    default: {
      const changed = Buffer.from(bytes);
      changed[at] = INTERESTING.charCodeAt(random.below(INTERESTING.length));
      return changed;
    }
  }
}

function randomRequest(random: Random, id: string): string {
  const rarely = (usual: string, pool: readonly string[]): string =>
    random.below(4) === 0 ? one(random, pool) : usual;
  const lines = [
    `${one(random, METHODS)} ${rarely(`/p${id}`, TARGETS)} ${rarely("HTTP/1.1", VERSIONS)}`,
    rarely("Host: a", FIELDS),
    `X-Id: ${id}`,
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
