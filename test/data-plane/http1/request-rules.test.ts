/** One row or more for each rule of http1.md that is the codec's: the bytes, and what must come of them. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { RequestHead } from "../../../data-plane/http1/message.ts";
import { RequestDecoder, type RequestDecoderOptions } from "../../../data-plane/http1/request-decoder.ts";
import { assertMessage, bytesOf, decodeRequests, everyByte, pick, pieces } from "./decode-all.ts";

const HOST = "Host: a\r\n";
const get = (fields: string, line = "GET / HTTP/1.1"): string => `${line}\r\n${HOST}${fields}\r\n`;
const post = (fields: string, body = ""): string => `POST / HTTP/1.1\r\n${HOST}${fields}\r\n${body}`;
const chunked = (body: string): string => post("Transfer-Encoding: chunked\r\n", body);
const line = (text: string): string => `${text}\r\n${HOST}\r\n`;
const target = (text: string): string => line(`GET ${text} HTTP/1.1`);
const host = (value: string): string => `GET / HTTP/1.1\r\nHost: ${value}\r\n\r\n`;

/** `[rule, status, code, bytes]` */
const REFUSED_REQUESTS: readonly (readonly [string, number, string, string])[] = [
  [
    "F1",
    400,
    "content_length_with_transfer_encoding",
    post("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
  ],
  [
    "F1",
    400,
    "content_length_with_transfer_encoding",
    post("Transfer-Encoding: chunked\r\nContent-Length: 3\r\n", "0\r\n\r\n"),
  ],
  ["F2", 400, "transfer_encoding_not_chunked_last", post("Transfer-Encoding: chunked, gzip\r\n")],
  ["F2", 400, "transfer_encoding_not_chunked_last", post("Transfer-Encoding: gzip\r\n")],
  ["F2", 400, "transfer_encoding_not_chunked_last", post("Transfer-Encoding: identity\r\n")],
  ["F2", 400, "transfer_encoding_not_chunked_last", post("Transfer-Encoding: xchunked\r\n")],
  ["F3", 501, "transfer_coding_unknown", post("Transfer-Encoding: gzip, chunked\r\n")],
  ["F3", 501, "transfer_coding_unknown", post("Transfer-Encoding: gzip;q=1, chunked\r\n")],
  ["F4", 400, "transfer_encoding_repeated", post("Transfer-Encoding: chunked, chunked\r\n")],
  ["F4", 400, "transfer_encoding_repeated", post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n")],
  ["F4", 400, "transfer_encoding_repeated", post("Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n")],
  ["F5", 400, "transfer_encoding_malformed", post("Transfer-Encoding:\r\n")],
  ["F5", 400, "transfer_encoding_malformed", post("Transfer-Encoding: ,chunked\r\n")],
  ["F5", 400, "transfer_encoding_malformed", post('Transfer-Encoding: "chunked"\r\n')],
  ["F5", 400, "transfer_encoding_malformed", post("Transfer-Encoding: chunked;\r\n")],
  ["F5", 400, "transfer_encoding_malformed", post("Transfer-Encoding: chun ked\r\n")],
  ["F5", 400, "transfer_encoding_malformed", post("Transfer-Encoding: chunked\xa0\r\n")],
  ["F5", 400, "control_in_field_value", post("Transfer-Encoding: \x0bchunked\r\n")],
  ["F5", 400, "control_in_field_value", post("Transfer-Encoding: chunked\x0c\r\n")],
  ["F5", 400, "space_before_colon", post("Transfer-Encoding : chunked\r\n")],
  ["F5", 400, "space_before_colon", post("Transfer-Encoding\t: chunked\r\n")],
  ["F5", 400, "obs_fold", post("Transfer-Encoding:\r\n chunked\r\n")],
  ["F6", 400, "transfer_encoding_in_http_1_0", `POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`],
  ["F7", 400, "content_length_differs", post("Content-Length: 1\r\nContent-Length: 2\r\n")],
  ["F8", 400, "content_length_repeated", post("Content-Length: 5\r\nContent-Length: 5\r\n", "hello")],
  ["F8", 400, "content_length_malformed", post("Content-Length: 5, 5\r\n", "hello")],
  ...[
    "+5",
    "-0",
    "0x5",
    "5_0",
    "5 6",
    "",
    "18446744073709551616",
    "0,",
    "9007199254740992",
    "00000000000000000005",
  ].map((value) => ["F9", 400, "content_length_malformed", post(`Content-Length: ${value}\r\n`, "hello")] as const),
  ["F11", 400, "bare_lf", "GET / HTTP/1.1\nHost: a\n\n"],
  ["F11", 400, "bare_lf", "GET / HTTP/1.1\r\nHost: a\n\r\n"],
  ["F11", 400, "bare_lf", "GET / HTTP/1.1\r\nHost: a\r\n\n"],
  ["F12", 400, "bare_cr", "GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n"],
  ["F12", 400, "bare_cr", "GET / HTTP/1.1\r\nHost: a\r\n\rX"],
  ["F12", 400, "bare_cr", "GET / HTTP/1.1\rHost: a\r\n\r\n"],
  ["F12", 400, "bare_cr", "\rGET / HTTP/1.1\r\nHost: a\r\n\r\n"],
  ["F13", 400, "obs_fold", get("X: a\r\n b\r\n")],
  ["F13", 400, "obs_fold", get("X: a\r\n\tb\r\n")],
  ["F14", 400, "space_before_first_field", "GET / HTTP/1.1\r\n Host: a\r\n\r\n"],
  ["F14", 400, "space_before_first_field", "GET / HTTP/1.1\r\n\tX: a\r\nHost: a\r\n\r\n"],
  ["F15", 400, "control_in_field_value", get("X: a\0b\r\n")],
  ["F15", 400, "control_in_field_value", get("X: a\x7fb\r\n")],
  ["F15", 400, "control_in_field_name", get("X\0: b\r\n")],
  ["F16", 400, "field_name_malformed", get("X@: b\r\n")],
  ["F16", 400, "field_name_malformed", get("X\xe9: b\r\n")],
  ["F16", 400, "field_name_malformed", get(": b\r\n")],
  ["F16", 400, "field_without_colon", get("X\r\n")],
  ["F17", 400, "chunk_size_malformed", chunked("+5\r\nhello\r\n")],
  ["F17", 400, "chunk_size_malformed", chunked("0x5\r\nhello\r\n")],
  ["F17", 400, "chunk_size_malformed", chunked("5_\r\nhello\r\n")],
  ["F17", 400, "chunk_size_malformed", chunked(" 5\r\nhello\r\n")],
  ["F17", 400, "chunk_size_malformed", chunked("5 \r\nhello\r\n")],
  ["F17", 400, "chunk_size_malformed", chunked("\r\nhello\r\n")],
  ["F17", 400, "chunk_size_malformed", chunked("00000000000000005\r\nhello\r\n")],
  ["F17", 400, "chunk_size_malformed", chunked("ffffffffffffffff\r\n")],
  ["F17", 400, "chunk_size_malformed", chunked("20000000000000\r\n")],
  ["F18", 400, "chunk_extension_malformed", chunked("5;\r\nhello\r\n")],
  ["F18", 400, "chunk_extension_malformed", chunked("5;a\n\r\nhello\r\n")],
  ["F18", 400, "chunk_extension_malformed", chunked("5;a=\r\nhello\r\n")],
  ["F18", 400, "chunk_extension_malformed", chunked("5;a\0\r\nhello\r\n")],
  ["F18", 400, "chunk_extension_malformed", chunked('5;a="b\r\nhello\r\n')],
  ["F18", 400, "chunk_extension_malformed", chunked('5;a="b"c\r\nhello\r\n')],
  ["F18", 400, "chunk_extensions_too_large", chunked(`5;${"a".repeat(4096)}\r\nhello\r\n`)],
  ["F18", 400, "chunk_extensions_too_large", chunked(`1;${"a".repeat(1000)}\r\nh\r\n`.repeat(5))],
  ["F19", 400, "chunk_not_ended_by_crlf", chunked("5\nhello\r\n".replace("5\n", "5\r\r"))],
  ["F19", 400, "chunk_not_ended_by_crlf", chunked("5\r\nhelloX\r\n")],
  ["F19", 400, "chunk_not_ended_by_crlf", chunked("5\r\nhello\n")],
  ["F19", 400, "chunk_not_ended_by_crlf", chunked("5\r\nhello\rX")],
  ["F19", 400, "chunk_size_malformed", chunked("5\nhello\r\n")],
  ["F19", 400, "field_name_malformed", chunked("0\r\n@")],
  ["F20", 400, "field_without_colon", chunked("0\r\nbad\r\n\r\n")],
  ["F20", 400, "space_before_colon", chunked("0\r\nbad : x\r\n\r\n")],
  ["F20", 400, "bare_lf", chunked("0\r\nX: y\n\r\n")],
  ["F20", 431, "trailers_too_large", chunked(`0\r\nX: ${"y".repeat(8192)}\r\n\r\n`)],
  ["F25", 400, "version_malformed", line("GET / HTTP/1.10")],
  ["F25", 400, "version_malformed", line("GET / http/1.1")],
  ["F25", 400, "version_malformed", line("GET / HTTP/1")],
  ["F25", 400, "version_malformed", line("GET / HTTP/11.1")],
  ["F25", 400, "version_malformed", line("GET / HTTP/1.1 ")],
  ["F25", 400, "version_malformed", line("GET /")],
  ["F25", 505, "version_unsupported", line("GET / HTTP/9.9")],
  ["F25", 505, "version_unsupported", line("GET / HTTP/2.0")],
  ["F25", 505, "version_unsupported", line("GET / HTTP/0.9")],
  ["F26", 400, "http2_preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"],
  ["F26", 400, "method_malformed", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"],
  ["F26", 400, "method_malformed", " GET / HTTP/1.1\r\n"],
  ["F26", 400, "method_malformed", "G\0T / HTTP/1.1\r\n"],
  ["R1", 400, "host_missing", "GET / HTTP/1.1\r\n\r\n"],
  ["R1", 400, "host_missing", "GET http://a/ HTTP/1.1\r\n\r\n"],
  ["R1", 400, "host_repeated", get(HOST)],
  ["R1", 400, "host_repeated", get("Host: b\r\n")],
  ...[
    "",
    "u@a",
    "a/b",
    "a,b",
    "a, b",
    "a b",
    "a:b",
    "a:99999",
    "a:0",
    "a:1:2",
    "[::1",
    "[v1.a]",
    "[1]",
    ".",
    "a..",
    "a%41",
    "a\\b",
    "a?b",
    "é",
  ].map((value) => ["R1", 400, "host_malformed", host(value)] as const),
  ["R2", 400, "host_differs_from_target", line("GET http://b/ HTTP/1.1")],
  ["R2", 400, "host_differs_from_target", line("GET http://a:81/ HTTP/1.1")],
  ["R2", 400, "scheme_differs_from_transport", line("GET https://a/ HTTP/1.1")],
  ["R2", 400, "absolute_target_malformed", line("GET http:/// HTTP/1.1")],
  ["R2", 400, "absolute_target_malformed", line("GET http://u@a/ HTTP/1.1")],
  ["R3", 400, "target_form", target("*")],
  ["R3", 400, "target_form", target("admin")],
  ["R3", 400, "target_form", target("a:80")],
  ["R3", 400, "target_form", target("ftp://a/")],
  ["R3", 400, "target_form", target("*/a")],
  ["R4", 400, "fragment_in_target", target("/a#b")],
  ["R4", 400, "fragment_in_target", target("/a?b#c")],
  ["R5", 400, "version_malformed", target("/a b")],
  ["R5", 400, "target_malformed", target("/a\tb")],
  ["R5", 400, "target_malformed", target("/a\x01")],
  ["R5", 400, "target_malformed", target("/\xe9")],
  ["R5", 400, "target_malformed", target("/\x7f")],
  ["R5", 400, "target_malformed", target("/a\\b")],
  ["R5", 400, "target_malformed", line("GET  HTTP/1.1")],
  ...[
    "/a%2fb",
    "/a%5Cb",
    "/a%00",
    "/..",
    "/a/../..",
    "/%2e%2e/",
    "/a%",
    "/a%2",
    "/a%zz",
    "/a/..;/b",
    "/%c0%af",
    "/%e0%80%af",
    "//../..",
  ].map((path) => ["R6", 400, "path_not_canonical", target(path)] as const),
  ["H4", 405, "connect_refused", "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n"],
  ["H4", 400, "connect_authority_malformed", "CONNECT a HTTP/1.1\r\nHost: a\r\n\r\n"],
  ["H4", 400, "connect_authority_malformed", "CONNECT /a HTTP/1.1\r\nHost: a\r\n\r\n"],
  ["H5", 405, "trace_refused", get("", "TRACE / HTTP/1.1")],
  ["H6", 417, "expectation_unknown", post("Expect: 200-ok\r\n")],
  ["H6", 417, "expectation_unknown", post("Expect: 100-continue, x\r\n")],
  ["5", 501, "method_too_long", line(`${"M".repeat(65)} / HTTP/1.1`)],
  ["5", 414, "request_line_too_long", target(`/${"a".repeat(8192)}`)],
  ["5", 431, "head_too_large", get(`X: ${"a".repeat(32 * 1024)}\r\n`)],
  ["5", 431, "too_many_fields", get("X: a\r\n".repeat(100))],
];

/** `[rule, bytes, what the head must be, body]` */
const TAKEN_REQUESTS: readonly (readonly [string, string, Partial<RequestHead>, string?])[] = [
  ["F5", get("Transfer_Encoding: chunked\r\n"), { framing: "none", headers: ["transfer_encoding", "chunked"] }],
  ["F5", post("Transfer-Encoding: CHUNKED\r\n", "1\r\nx\r\n0\r\n\r\n"), { framing: "chunked", contentLength: -1 }, "x"],
  ["F6", "GET / HTTP/1.0\r\nHost: a\r\n\r\n", { minorVersion: 0, keepAlive: false }],
  ["F6", "GET / HTTP/1.0\r\nHost: a\r\nConnection: Keep-Alive\r\n\r\n", { minorVersion: 0, keepAlive: true }],
  ["F6", "GET / HTTP/1.0\r\n\r\n", { minorVersion: 0, authority: "", hostname: "" }],
  ["F9", post("Content-Length: 0000000000000000005\r\n", "hello"), { framing: "length", contentLength: 5 }, "hello"],
  ["F9", post("Content-Length: 010\r\n", "0123456789"), { framing: "length", contentLength: 10 }, "0123456789"],
  ["F10", get("Content-Length: 2\r\n") + "hi", { method: "GET", framing: "length", contentLength: 2 }, "hi"],
  ["F10", get("Content-Length: 0\r\n"), { framing: "length", contentLength: 0 }],
  [
    "F10",
    get("Transfer-Encoding: chunked\r\n", "DELETE / HTTP/1.1") + "2\r\nhi\r\n0\r\n\r\n",
    { framing: "chunked" },
    "hi",
  ],
  ["F15", get("X: \xe9\t\xff\r\n"), { headers: ["x", "\xe9\t\xff"] }],
  ["F15", get("X: \t a b \t\r\nY:\r\nZ:c\r\n"), { headers: ["x", "a b", "y", "", "z", "c"] }],
  ["F17", chunked("00000005\r\nhello\r\nA\r\n0123456789\r\n000\r\n\r\n"), { framing: "chunked" }, "hello0123456789"],
  ["F18", chunked('5;a;b=c;d="e\\"; f"\r\nhello\r\n0;x\r\n\r\n'), { framing: "chunked" }, "hello"],
  ["F25", get("", "GET / HTTP/1.2"), { minorVersion: 1 }],
  ["F25", get("", "GET / HTTP/1.9"), { minorVersion: 1, keepAlive: true }],
  ["9112 2.2", `\r\n${get("")}`, { method: "GET", path: "/" }],
  ["R2", line("GET http://a HTTP/1.1"), { form: "absolute", path: "/", query: "", authority: "a" }],
  ["R2", line("GET HTTP://A:80/b?c=d HTTP/1.1"), { form: "absolute", path: "/b", query: "?c=d", authority: "a" }],
  ["R2", line("GET http://a?c HTTP/1.1"), { form: "absolute", path: "/", query: "?c" }],
  ["R2", "GET http://b:81/ HTTP/1.0\r\n\r\n", { authority: "b:81", hostname: "b" }],
  ["R3", line("OPTIONS * HTTP/1.1"), { form: "asterisk", path: "*" }],
  ["R3", line("OPTIONS http://a HTTP/1.1"), { form: "asterisk", path: "*", authority: "a" }],
  ["R5", target('/a"<>^{}|`?"<>^{}|`'), { path: '/a"<>^{}|`', query: '?"<>^{}|`' }],
  ["R6", target("/a/./b/../c//d"), { path: "/a/c/d" }],
  ["R6", target("/a/.."), { path: "/" }],
  ["R6", target("/a/b/."), { path: "/a/b/" }],
  ["R6", target("/a//../b"), { path: "/a/b" }],
  ["R6", target("/%61%2e%2E/%7e%e9"), { path: "/a../~%E9" }],
  ["R6", target("/a/%2e%2e/b?%2e%2e%2f%"), { path: "/b", query: "?%2e%2e%2f%" }],
  ["R6", target("/%252e%252e/;p=1/.hidden/..."), { path: "/%252e%252e/;p=1/.hidden/..." }],
  ["R7", host("WWW.Example.COM.:80"), { authority: "www.example.com", hostname: "www.example.com" }],
  ["R7", host("a:08080"), { authority: "a:8080", hostname: "a" }],
  ["R7", host("a:"), { authority: "a" }],
  ["R7", host("[2001:DB8::1]:81"), { authority: "[2001:db8::1]:81", hostname: "[2001:db8::1]" }],
  ["R7", host("my_host.svc"), { authority: "my_host.svc" }],
  ["R9", get("X-Role: user\r\nx-role: admin\r\n"), { headers: ["x-role", "user", "x-role", "admin"] }],
  ["R10", get("", "get / HTTP/1.1"), { method: "get" }],
  ["R10", get("", "M-SEARCH / HTTP/1.1"), { method: "M-SEARCH" }],
  [
    "H1",
    get(
      "A: 1\r\nConnection: B, keep-alive\r\nb: 2\r\nKeep-Alive: x\r\nProxy-Connection: x\r\nTE: trailers, x\r\n" +
        "Trailer: x\r\nProxy-Authorization: x\r\nUpgrade: x\r\nC: 3\r\n",
    ),
    { headers: ["a", "1", "c", "3"], acceptsTrailers: true, upgrade: "", keepAlive: true },
  ],
  ["H1", get("Connection: close\r\n"), { keepAlive: false, headers: [] }],
  ["H1", get("Connection: Close, x\r\n"), { keepAlive: false }],
  ["H1", get("Connection: x\r\nConnection: close\r\n"), { keepAlive: false }],
  [
    "H2",
    get(
      "Connection: x-forwarded-client-cert, authorization, x-heddle-a, traceparent, host, content-length\r\n" +
        "X-Forwarded-Client-Cert: c\r\nAuthorization: b\r\nX-Heddle-A: d\r\nTraceparent: e\r\n",
    ),
    {
      headers: ["x-forwarded-client-cert", "c", "authorization", "b", "x-heddle-a", "d", "traceparent", "e"],
      authority: "a",
    },
  ],
  ["H3", get("Connection: upgrade\r\nUpgrade: WebSocket\r\n"), { upgrade: "websocket", headers: [] }],
  ["H3", get("Connection: upgrade\r\nUpgrade: foo/2, WebSocket\r\n"), { upgrade: "websocket", headers: [] }],
  [
    "H3",
    get("Connection: upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: x\r\n"),
    { upgrade: "", headers: [] },
  ],
  ["H3", get("Connection: keep-alive\r\nUpgrade: websocket\r\n"), { upgrade: "", headers: [] }],
  ["H3", post("Connection: upgrade\r\nUpgrade: websocket\r\nContent-Length: 1\r\n", "x"), { upgrade: "" }, "x"],
  ["H6", post("Expect: 100-Continue\r\nContent-Length: 1\r\n", "x"), { expectsContinue: true, headers: [] }, "x"],
  ["H6", post("Expect: 100-continue\r\n"), { expectsContinue: false }],
  ["H6", "POST / HTTP/1.0\r\nExpect: x\r\nContent-Length: 1\r\n\r\nx", { expectsContinue: false }, "x"],
  ["5", target(`/${"a".repeat(8000)}`), { path: `/${"a".repeat(8000)}` }],
  ["5", get("X: a\r\n".repeat(99)), { framing: "none" }],
  ["5", line(`${"M".repeat(64)} / HTTP/1.1`), { method: "M".repeat(64) }],
];

describe("requests that http1.md refuses", () => {
  for (const [rule, status, code, text] of REFUSED_REQUESTS) {
    it(`${rule} ${code}: ${JSON.stringify(text.slice(0, 90))}`, () => {
      for (const chunks of [pieces(bytesOf(text), []), pieces(bytesOf(text), everyByte(bytesOf(text)))]) {
        const { end } = decodeRequests(chunks);
        assert.ok(typeof end === "object", `not refused: ${JSON.stringify(end)}`);
        assert.deepEqual({ status: end.status, code: end.code }, { status, code });
      }
    });
  }
});

describe("requests that http1.md lets pass", () => {
  for (const [rule, text, expected, body = ""] of TAKEN_REQUESTS) {
    it(`${rule}: ${JSON.stringify(text.slice(0, 90))}`, () => {
      for (const chunks of [pieces(bytesOf(text), []), pieces(bytesOf(text), everyByte(bytesOf(text)))]) {
        assertMessage(decodeRequests(chunks), expected, body, bytesOf(text).length);
      }
    });
  }

  it("F20: of the trailers only those on the allow-list are kept", () => {
    const fields =
      "Grpc-Status: 0\r\nHost: b\r\nContent-Length: 4\r\nAuthorization: x\r\nTrailer: y\r\nServer-Timing: z\r\n";
    const { messages } = decodeRequests([bytesOf(chunked(`0\r\n${fields}\r\n`))]);
    assert.deepEqual(messages[0]?.trailers, ["grpc-status", "0", "server-timing", "z"]);
  });

  it("F21: what follows a request that closes the connection is left alone", () => {
    const first = get("Connection: close\r\n");
    const { messages, end, used } = decodeRequests([bytesOf(`${first}GET /evil HTTP/1.1\r\n`)]);
    assert.deepEqual([messages.length, end, used], [1, "closed", first.length]);
  });

  it("H4: CONNECT passes where it is allowed, with its authority", () => {
    const options: RequestDecoderOptions = { allowConnect: true };
    const { messages } = decodeRequests([bytesOf("CONNECT A:443 HTTP/1.1\r\nHost: a\r\n\r\n")], options);
    assert.deepEqual(pick(messages[0]?.head, ["form", "authority", "hostname", "path"]), {
      form: "authority",
      authority: "a:443",
      hostname: "a",
      path: "",
    });
  });

  it("H4: CONNECT with a body is refused where CONNECT is allowed", () => {
    const text = "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\nContent-Length: 1\r\n\r\nx";
    const { end } = decodeRequests([bytesOf(text)], { allowConnect: true });
    assert.equal(typeof end === "object" && end.code, "connect_with_body");
  });

  it("R2: an https target passes on TLS, and 443 is its default port", () => {
    const { messages } = decodeRequests([bytesOf("GET https://a:443/ HTTP/1.1\r\nHost: a\r\n\r\n")], {
      scheme: "https",
    });
    assert.equal(messages[0]?.head.authority, "a");
  });

  it("9112 2.2: an empty line after a body does not start a request", () => {
    const decoder = new RequestDecoder();
    const read = (text: string): void => {
      decoder.read(bytesOf(text), 0, text.length, { onBody: () => undefined });
    };
    assert.equal(decoder.started, false);
    read("\r\n");
    assert.deepEqual([decoder.step, decoder.started], ["need-more", false]);
    read("G");
    assert.equal(decoder.started, true);
    read(get("").slice(1));
    assert.deepEqual([decoder.step, decoder.started], ["head", true]);
    decoder.reset();
    assert.equal(decoder.started, false);
  });

  it("5: a head and its line may be as long as their bounds, and no longer", () => {
    const head = get("X: abc\r\n");
    const lineBytes = head.indexOf("\n") + 1;
    const exact = {
      headBytesMax: head.length,
      fieldCountMax: 2,
      requestLineBytesMax: lineBytes,
      methodBytesMax: 3,
      bodyBytesMax: 0,
    };
    for (const cuts of [[], everyByte(bytesOf(head))]) {
      const codeWith = (less: Partial<typeof exact>): string => {
        const { end } = decodeRequests(pieces(bytesOf(head), cuts), { limits: { ...exact, ...less } });
        return typeof end === "object" ? end.code : end;
      };
      assert.equal(codeWith({}), "more");
      assert.equal(codeWith({ headBytesMax: head.length - 1 }), "head_too_large");
      assert.equal(codeWith({ fieldCountMax: 1 }), "too_many_fields");
      assert.equal(codeWith({ requestLineBytesMax: lineBytes - 1 }), "request_line_too_long");
      assert.equal(codeWith({ methodBytesMax: 2 }), "method_too_long");
    }
  });

  it("H10: pipelined requests come out one by one, bodies with their own", () => {
    const text =
      get("A: 1\r\n") + post("Content-Length: 3\r\n", "abc") + chunked("1\r\nx\r\n0\r\n\r\n") + get("B: 2\r\n");
    const { messages, end } = decodeRequests([bytesOf(text)]);
    assert.deepEqual(
      messages.map(({ body }) => body),
      ["", "abc", "x", ""],
    );
    assert.equal(end, "more");
  });
});
