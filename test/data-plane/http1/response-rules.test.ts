/** One row or more for each rule of http1.md about responses: the bytes, and what must come of them. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { ResponseHead } from "../../../data-plane/http1/message.ts";
import { type ResponseRun, assertMessage, bytesOf, decodeResponse, everyByte, pieces } from "./decode-all.ts";

const ok = (fields: string, body = "", status = "200 OK"): string => `HTTP/1.1 ${status}\r\n${fields}\r\n${body}`;

const REFUSED_RESPONSES: readonly (readonly [string, string, string, ResponseRun?])[] = [
  ["F24", "content_length_with_transfer_encoding", ok("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n")],
  ["F24", "transfer_encoding_not_chunked_last", ok("Transfer-Encoding: gzip\r\n")],
  ["F24", "transfer_coding_unknown", ok("Transfer-Encoding: gzip, chunked\r\n")],
  ["F24", "transfer_encoding_malformed", ok("Transfer-Encoding: \r\n")],
  ["F24", "transfer_encoding_in_http_1_0", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"],
  ["F24", "content_length_differs", ok("Content-Length: 3\r\nContent-Length: 4\r\n")],
  ["F24", "content_length_malformed", ok("Content-Length: -3\r\n")],
  ["F24", "bare_lf", ok("X: a\n")],
  ["F24", "bare_lf", "HTTP/1.1 200 OK\n\n"],
  ["F24", "obs_fold", ok("X: a\r\n b\r\n")],
  ["F24", "control_in_field_value", ok("X: a\0\r\n")],
  ["F24", "chunk_size_malformed", ok("Transfer-Encoding: chunked\r\n", "zz\r\n")],
  ["F24", "head_too_large", ok(`X: ${"a".repeat(40_000)}\r\n`)],
  ["F24", "status_line_malformed", "\r\nHTTP/1.1 200 OK\r\n\r\n"],
  ["F24", "status_line_malformed", "HTTP/2.0 200 OK\r\n\r\n"],
  ["F24", "status_line_malformed", "HTTP/1.1 20 OK\r\n\r\n"],
  ["F24", "status_line_malformed", "HTTP/1.1 2000 OK\r\n\r\n"],
  ["F24", "status_line_malformed", "HTTP/1.1 099 OK\r\n\r\n"],
  ["F24", "status_line_malformed", "HTTP/1.1 600 OK\r\n\r\n"],
  ["F24", "status_line_malformed", "HTTP/1.1  200 OK\r\n\r\n"],
  ["F24", "status_line_malformed", "HTTP/1.1 200 O\0K\r\n\r\n"],
  ["F24", "status_line_malformed", "<html>"],
  ["F24", "upstream_ended_early", "", { eof: true }],
  ["F24", "upstream_ended_early", "HTTP/1.1 200", { eof: true }],
  ["F24", "upstream_ended_early", ok("Content-Length: 3\r\n", "ab"), { eof: true }],
  ["F24", "upstream_ended_early", ok("Transfer-Encoding: chunked\r\n", "1\r\na\r\n"), { eof: true }],
  ["F24", "upstream_ended_early", ok("", "", "100 Continue"), { eof: true }],
  ["H7", "too_many_informational_responses", ok("", "", "103 Early Hints").repeat(9)],
  ["H7", "unexpected_switching_protocols", ok("Upgrade: x\r\nConnection: upgrade\r\n", "", "101 S")],
  ["H3", "unexpected_switching_protocols", ok("Upgrade: h2c\r\n", "", "101 S"), { upgrade: "websocket" }],
  ["H3", "unexpected_switching_protocols", ok("", "", "101 S"), { upgrade: "websocket" }],
  ["H3", "unexpected_switching_protocols", ok("Upgrade: websocket\r\n", "", "101 S"), { upgrade: "websocket" }],
];

const TAKEN_RESPONSES: readonly (readonly [string, string, Partial<ResponseHead>, string, ResponseRun?])[] = [
  ["9112 4", "HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", { status: 200, reason: "" }, ""],
  ["9112 4", ok("Content-Length: 2\r\n", "hi", "404 Not \xe9"), { status: 404, reason: "Not \xe9" }, "hi"],
  ["9112 6", ok("Transfer-Encoding: Chunked\r\n", "2\r\nhi\r\n0\r\n\r\n"), { framing: "chunked" }, "hi"],
  ["H1", ok("Content-Length: 0\r\nConnection: x-a\r\nX-A: 1\r\nX-B: 2\r\n"), { headers: ["x-b", "2"] }, ""],
  ["H1", ok("Content-Length: 0\r\nKeep-Alive: timeout=5, max=9\r\n"), { keepAliveTimeoutSec: 5, keepAlive: true }, ""],
  ["H1", ok("Content-Length: 0\r\nConnection: close\r\n"), { keepAlive: false }, ""],
  ["H1", "HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", { keepAlive: false, minorVersion: 0 }, ""],
  [
    "H3",
    ok("Upgrade: WebSocket\r\nConnection: upgrade\r\n", "", "101 S"),
    { upgrade: "websocket", framing: "until-close", keepAlive: false },
    "",
    { upgrade: "websocket", eof: true },
  ],
  [
    "H3",
    ok("Upgrade: websocket\r\nConnection: upgrade\r\nContent-Length: 1\r\n", "\x81\x02hi", "101 S"),
    { upgrade: "websocket", framing: "until-close" },
    "\x81\x02hi",
    { upgrade: "websocket", eof: true },
  ],
  ["H4", ok("Content-Length: 5\r\n"), { framing: "none", contentLength: -1 }, "", { method: "CONNECT" }],
  ["H8", ok("Content-Length: 5\r\n"), { framing: "none", contentLength: 5 }, "", { method: "HEAD" }],
  ["H8", ok("Transfer-Encoding: chunked\r\n"), { framing: "none", contentLength: -1 }, "", { method: "HEAD" }],
  ["H8", ok("Content-Length: 5\r\n", "", "304 N"), { framing: "none", contentLength: 5 }, ""],
  ["H8", ok("Content-Length: 5\r\n", "", "204 N"), { framing: "none", contentLength: -1 }, ""],
  ["H9", ok("A: b\r\n", "until the end"), { framing: "until-close", keepAlive: false }, "until the end", { eof: true }],
  ["H9", "HTTP/1.0 200 OK\r\n\r\n", { framing: "until-close", keepAlive: false }, "", { eof: true }],
];

describe("responses that http1.md refuses, each with 502", () => {
  for (const [rule, code, text, run] of REFUSED_RESPONSES) {
    it(`${rule} ${code}: ${JSON.stringify(text.slice(0, 90))}`, () => {
      for (const chunks of [pieces(bytesOf(text), []), pieces(bytesOf(text), everyByte(bytesOf(text)))]) {
        const { end } = decodeResponse(chunks, run);
        assert.ok(typeof end === "object", `not refused: ${JSON.stringify(end)}`);
        assert.deepEqual({ status: end.status, code: end.code }, { status: 502, code });
      }
    });
  }
});

describe("responses that http1.md lets pass", () => {
  for (const [rule, text, expected, body, run] of TAKEN_RESPONSES) {
    it(`${rule}: ${JSON.stringify(text.slice(0, 90))}`, () => {
      for (const chunks of [pieces(bytesOf(text), []), pieces(bytesOf(text), everyByte(bytesOf(text)))]) {
        assertMessage(decodeResponse(chunks, run), expected, body, bytesOf(text).length);
      }
    });
  }

  it("H7: eight informational heads come before the final one", () => {
    const text = ok("L: 1\r\n", "", "103 Early Hints").repeat(8) + ok("Content-Length: 1\r\n", "x");
    const { messages } = decodeResponse([bytesOf(text)]);
    assert.deepEqual(
      messages.map(({ head }) => head.status),
      [103, 103, 103, 103, 103, 103, 103, 103, 200],
    );
    assert.equal(messages.at(-1)?.body, "x");
  });

  it("F23: bytes after the response are left to the caller", () => {
    const first = ok("Content-Length: 1\r\n", "x");
    const { used, messages } = decodeResponse([bytesOf(`${first}HTTP/1.1 200 OK\r\n\r\n`)]);
    assert.deepEqual([messages.length, used], [1, first.length]);
  });
});
