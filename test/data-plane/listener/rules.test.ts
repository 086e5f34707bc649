/**
 * One row for each rule of the specification of HTTP/1.1: the bytes that a client sends, the status it gets, and whether
 * the connection closes. Through a real listener, in front of an upstream that reads with a parser of its own.
 */

import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";

import { ProxyFixture, scriptedUpstream } from "../../support/proxy-fixture.ts";
import { RecordingUpstream } from "../../support/recording-upstream.ts";
import { strictResponse } from "../../support/strict-parser.ts";

const HOST = "Host: reviews\r\n";
const get = (fields: string): string => `GET / HTTP/1.1\r\n${HOST}${fields}\r\n`;
const post = (fields: string, body: string): string => `POST / HTTP/1.1\r\n${HOST}${fields}\r\n${body}`;
const chunked = (body: string): string => post("Transfer-Encoding: chunked\r\n", body);
const target = (text: string): string => `GET ${text} HTTP/1.1\r\n${HOST}\r\n`;
const host = (value: string): string => `GET / HTTP/1.1\r\nHost: ${value}\r\n\r\n`;
const LAST = "0\r\n\r\n";

/** `[rule, section, bytes, status, whether the connection closes]` */
type Row = readonly [string, string, string, number, boolean];

const REQUESTS: readonly Row[] = [
  ["F1", "9112 6.1", post("Content-Length: 4\r\nTransfer-Encoding: chunked\r\n", LAST), 400, true],
  ["F2", "9112 6.1", post("Transfer-Encoding: chunked, gzip\r\n", LAST), 400, true],
  ["F3", "9112 6.1", post("Transfer-Encoding: gzip, chunked\r\n", LAST), 501, true],
  ["F4", "9112 6.1", post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", LAST), 400, true],
  ["F5", "9112 5.1", post("Transfer-Encoding : chunked\r\n", LAST), 400, true],
  ["F5", "9110 5.6.2", post("Transfer-Encoding: \x0bchunked\r\n", LAST), 400, true],
  ["F6", "9112 6.1", `POST / HTTP/1.0\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n${LAST}`, 400, true],
  ["F6", "9112 9.3", `GET / HTTP/1.0\r\n${HOST}\r\n`, 200, true],
  ["F7", "9112 6.3", post("Content-Length: 1\r\nContent-Length: 2\r\n", "ab"), 400, true],
  ["F8", "9112 6.3", post("Content-Length: 2\r\nContent-Length: 2\r\n", "ab"), 400, true],
  ["F9", "9110 8.6", post("Content-Length: +2\r\n", "ab"), 400, true],
  ["F9", "9110 8.6", post("Content-Length: 010\r\n", "0123456789"), 200, false],
  ["F10", "9110 9.3.1", get("Content-Length: 2\r\n") + "ab", 200, false],
  ["F11", "9112 2.2", "GET / HTTP/1.1\nHost: reviews\n\n", 400, true],
  ["F12", "9112 2.2", get("X: a\rb\r\n"), 400, true],
  ["F13", "9112 5.2", get("X: a\r\n b\r\n"), 400, true],
  ["F14", "9112 2.2", `GET / HTTP/1.1\r\n ${HOST}\r\n`, 400, true],
  ["F15", "9110 5.5", get("X: a\0b\r\n"), 400, true],
  ["F16", "9110 5.1", get("X@: a\r\n"), 400, true],
  ["F16", "9112 5", get("X\r\n"), 400, true],
  ["F17", "9112 7.1", chunked(`0x1\r\na\r\n${LAST}`), 400, true],
  ["F18", "9112 7.1.1", chunked(`1;a="b;c"\r\na\r\n${LAST}`), 200, false],
  ["F18", "9112 7.1.1", chunked(`1;${"a".repeat(5_000)}\r\na\r\n${LAST}`), 400, true],
  ["F19", "9112 7.1", chunked(`1\r\nab\r\n${LAST}`), 400, true],
  ["F20", "9110 6.5.1", chunked("1\r\na\r\n0\r\nHost: evil\r\nETag: x\r\n\r\n"), 200, false],
  ["F20", "9112 7.1.2", chunked("0\r\nbad line\r\n\r\n"), 400, true],
  ["F21", "9112 9.6", get("Connection: close\r\n") + get("X-Never: read\r\n"), 200, true],
  ["F25", "9112 2.3", "GET / HTTP/1.10\r\nHost: reviews\r\n\r\n", 400, true],
  ["F25", "9110 15.6.6", "GET / HTTP/9.9\r\nHost: reviews\r\n\r\n", 505, true],
  ["F25", "9110 2.5", "GET / HTTP/1.2\r\nHost: reviews\r\n\r\n", 200, false],
  ["F26", "9113 3.4", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, true],
  ["F26", "9112 3", "\x16\x03\x01\x02\0\x01\0", 400, true],
  ["R1", "9112 3.2", "GET / HTTP/1.1\r\n\r\n", 400, true],
  ["R1", "9112 3.2", get(HOST), 400, true],
  ["R1", "9110 4.2.4", host("user@reviews"), 400, true],
  ["R1", "9112 3.2", host("reviews,ratings"), 400, true],
  ["R1", "9112 3.2", host(""), 400, true],
  ["R2", "9112 3.2.2", target("http://reviews/a"), 200, false],
  ["R2", "9112 3.2.2", target("http://ratings/a"), 400, true],
  ["R2", "9110 7.4", target("https://reviews/a"), 400, true],
  ["R3", "9112 3.2.4", target("*"), 400, true],
  ["R3", "9112 3.2.3", target("reviews:80"), 400, true],
  ["R4", "9112 3.2.1", target("/a#b"), 400, true],
  ["R5", "3986 2", target("/a\\b"), 400, true],
  ["R5", "3986 2", target("/\xe9"), 400, true],
  ["R6", "3986 6.2.2", target("/a/../b//%41"), 200, false],
  ["R6", "3986 6.2.2", target("/a%2fb"), 400, true],
  ["R6", "3986 5.2.4", target("/../a"), 400, true],
  ["R7", "9110 4.2.3", host("REVIEWS.:80"), 200, false],
  ["R10", "9110 9.1", `get / HTTP/1.1\r\n${HOST}\r\n`, 200, false],
  ["H1", "9110 7.6.1", get("Connection: x-a\r\nX-A: 1\r\nKeep-Alive: 5\r\nProxy-Connection: x\r\n"), 200, false],
  ["H2", "9110 7.6.1", get("Connection: authorization, x-forwarded-for\r\nAuthorization: b\r\n"), 200, false],
  ["H3", "9110 7.8", get("Connection: upgrade\r\nUpgrade: h2c\r\n"), 200, false],
  ["H3", "9110 7.8", get("Connection: upgrade\r\nUpgrade: websocket\r\n") + get(""), 200, true],
  ["H4", "9110 9.3.6", "CONNECT reviews:80 HTTP/1.1\r\nHost: reviews:80\r\n\r\n", 405, true],
  ["H4", "9110 9.3.6", "CONNECT reviews HTTP/1.1\r\nHost: reviews\r\n\r\n", 400, true],
  ["H5", "9110 9.3.8", `TRACE / HTTP/1.1\r\n${HOST}\r\n`, 405, true],
  ["H6", "9110 10.1.1", post("Expect: 100-continue\r\nContent-Length: 2\r\n", "ab"), 200, false],
  ["H6", "9110 10.1.1", post("Expect: a-miracle\r\nContent-Length: 2\r\n", "ab"), 417, true],
  ["H8", "9110 9.3.2", `HEAD / HTTP/1.1\r\n${HOST}\r\n`, 200, false],
  ["5", "9112 3", target(`/${"a".repeat(9_000)}`), 414, true],
  ["5", "6585 5", get("X: y\r\n".repeat(101)), 431, true],
  ["5", "6585 5", get(`X: ${"y".repeat(33_000)}\r\n`), 431, true],
];

/** The same for what an upstream answers to a GET; 0 is a cut before the end. */
const RESPONSES: readonly Row[] = [
  ["F22", "9112 9.3", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab", 200, false],
  ["F23", "9112 9.3", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nabHTTP/1.1 200 OK\r\n", 200, false],
  ["F24", "9112 6.3", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\na", 502, false],
  [
    "F24",
    "9112 6.1",
    "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    502,
    false,
  ],
  ["F24", "9112 7.1", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\nzz\r\n", 0, true],
  ["F24", "9112 8", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab", 0, true],
  ["H7", "9110 15.2", "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n", 204, false],
  ["H7", "9110 15.2", "HTTP/1.1 102 Processing\r\n\r\n".repeat(9), 502, false],
  ["H7", "9110 15.2.2", "HTTP/1.1 101 S\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", 502, false],
  ["H8", "9110 15.4.5", "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", 304, false],
  ["H8", "9110 15.3.5", "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nhello", 204, false],
  ["H9", "9112 6.3", "HTTP/1.1 200 OK\r\n\r\nup to the end", 200, false],
];

async function oneRow(proxy: ProxyFixture, [rule, section, bytes, status, closes]: Row): Promise<void> {
  const name = `${rule} (RFC ${section}): ${JSON.stringify(bytes.slice(0, 200))}`;
  const client = await proxy.connect();
  client.write(bytes);
  const method = bytes.startsWith("HEAD") ? "HEAD" : "GET";
  if (status === 0) {
    await client.closed();
    assert.ok(client.wasReset, name);
    return;
  }
  let response = await client.response(method);
  while (Number(response.slice(9, 12)) < 200) response = await client.response(method);
  const read = strictResponse(response, method, false);
  assert.equal(read?.status, status, name);
  assert.equal(read.closes, closes, name);
  if (closes) {
    await client.ended();
    assert.equal(client.received, "", name);
  } else {
    client.write(`GET /nobody HTTP/1.1\r\nHost: nobody\r\n\r\n`);
    assert.match(await client.response(), /^HTTP\/1\.1 404 /, name);
  }
  client.destroy();
}

describe("every rule of HTTP/1.1", () => {
  it("has a row", () => {
    const named = new Set([...REQUESTS, ...RESPONSES].map(([rule]) => rule));
    const numbers = (letter: string, count: number): string[] =>
      Array.from({ length: count }, (_, i) => `${letter}${i + 1}`);
    // Of one message alone: R8 and R9 are of matching (router), H10 and H11 of several messages (connection, retry).
    const elsewhere = new Set(["R8", "R9", "H10", "H11"]);
    const missing = [...numbers("F", 26), ...numbers("R", 10), ...numbers("H", 11)].filter(
      (rule) => !named.has(rule) && !elsewhere.has(rule),
    );
    assert.deepEqual(missing, []);
  });

  it("holds for requests", async (t) => {
    const upstream = new RecordingUpstream();
    const proxy = await new ProxyFixture([await upstream.listen(t)]).start(t);
    for (const row of REQUESTS) {
      const before = upstream.requests.length;
      await oneRow(proxy, row);
      const accepted = row[3] === 200 ? 1 : 0;
      assert.equal(upstream.requests.length - before, accepted, `${row[0]}: ${JSON.stringify(row[2])}`);
    }
    assert.deepEqual(upstream.violations, []);
  });

  it("holds for responses", async (t) => {
    await responses(t, RESPONSES);
  });

  it("uses no upstream connection again after bytes that nobody asked for (F22, F23)", async (t) => {
    let connections = 0;
    const port = await scriptedUpstream(t, (socket, number) => {
      connections = number + 1;
      const own = `HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n${number}`;
      socket.on("data", () => socket.write(`${own}HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\npoison`));
    });
    const proxy = await new ProxyFixture([port]).start(t);
    const client = await proxy.connect();
    for (let i = 0; i < 5; i += 1) {
      client.write(get(""));
      assert.match(await client.response(), new RegExp(`\r\n\r\n${i}$`));
    }
    assert.equal(connections, 5);
    assert.equal(client.received, "");
  });

  it("shows the upstream one spelling of path, host and fields", async (t) => {
    const upstream = new RecordingUpstream();
    const proxy = await new ProxyFixture([await upstream.listen(t)]).start(t);
    await proxy.send(
      "GET http://REVIEWS:80/a/./b/../%7Ec?x=%2f HTTP/1.1\r\nHost: Reviews.\r\nX-A: 1\r\nx-b:\t2 \r\nX-A: 3\r\nConnection: x-b, close\r\nVia: 1.1 other\r\n\r\n",
    );
    const seen = upstream.requests[0];
    assert.equal(seen?.startLine, "GET /a/~c?x=%2f HTTP/1.1");
    assert.deepEqual(
      seen.fields.filter(([name]) => !/^(?:x-request-id|traceparent|x-heddle-source|x-heddle-deadline-ms)$/.test(name)),
      [
        ["host", "reviews"],
        ["x-a", "1"],
        ["x-a", "3"],
        ["via", "1.1 other"],
      ],
    );
  });
});

async function responses(t: TestContext, rows: readonly Row[]): Promise<void> {
  let answer = "";
  const port = await scriptedUpstream(t, (socket) => {
    socket.once("data", () => socket.end(answer, "latin1"));
  });
  const proxy = await new ProxyFixture([port]).start(t);
  for (const [rule, section, bytes, status, closes] of rows) {
    answer = bytes;
    await oneRow(proxy, [`${rule} ${section} ${JSON.stringify(bytes)}`, section, get(""), status, closes]);
  }
}
