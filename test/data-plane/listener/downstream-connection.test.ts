import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";

import { LINGER_BYTES_MAX } from "../../../shared/limits.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { answering, ProxyFixture, scriptedUpstream, turns } from "../../support/proxy-fixture.ts";
import { bodyOf } from "../../support/raw-client.ts";

const HOST = "Host: reviews\r\n";

/** Answers each request with its path as the body. */
const echoPath = answering((request) => {
  const path = request.split(" ")[1] ?? "";
  return `HTTP/1.1 200 OK\r\ncontent-length: ${path.length}\r\n\r\n${path}`;
});

describe("a downstream connection", () => {
  it("answers pipelined requests in their order, whatever the splits of their bytes", async (t) => {
    const proxy = await new ProxyFixture([await scriptedUpstream(t, echoPath)]).start(t);
    const requests = Array.from({ length: 20 }, (_, i) => `GET /${i} HTTP/1.1\r\n${HOST}\r\n`).join("");
    for (const size of [1, 7, 64, requests.length]) {
      const client = await proxy.connect();
      for (let at = 0; at < requests.length; at += size) client.write(requests.slice(at, at + size));
      for (let i = 0; i < 20; i += 1) assert.equal(bodyOf(await client.response()), `/${i}`);
      client.destroy();
    }
    assert.equal(proxy.sink.finished.length, 80);
    assert.equal(proxy.active, 0);
  });

  it("answers pipelined requests that need no upstream without growing the stack", async (t) => {
    const proxy = await new ProxyFixture([1], { match: () => false }).start(t);
    const client = await proxy.connect();
    const count = 20_000;
    client.write(`GET / HTTP/1.1\r\n${HOST}\r\n`.repeat(count));
    for (let i = 0; i < count; i += 1) assert.match(await client.response(), /^HTTP\/1\.1 404 /);
  });

  it("keeps the connection after a body, and ends it when the client asks", async (t) => {
    const proxy = await new ProxyFixture([await scriptedUpstream(t, echoPath)]).start(t);
    const client = await proxy.connect();
    client.write(`POST /a HTTP/1.1\r\n${HOST}content-length: 3\r\n\r\nabc`);
    assert.equal(bodyOf(await client.response()), "/a");
    client.write(`GET /b HTTP/1.1\r\n${HOST}connection: close\r\n\r\nGET /never HTTP/1.1\r\n${HOST}\r\n`);
    const response = await client.response();
    assert.match(response, /\r\nconnection: close\r\n/);
    assert.equal(bodyOf(response), "/b");
    await client.ended();
    assert.equal(client.received, "");
    assert.equal(proxy.sink.finished.length, 2);
  });

  it("speaks HTTP/1.0: closes by default, keeps the connection on request", async (t) => {
    const proxy = await new ProxyFixture([await scriptedUpstream(t, echoPath)]).start(t);
    const client = await proxy.connect();
    client.write(`GET /a HTTP/1.0\r\n${HOST}connection: keep-alive\r\n\r\n`);
    assert.match(await client.response(), /\r\nconnection: keep-alive\r\n/);
    client.write(`GET /b HTTP/1.0\r\n${HOST}\r\n`);
    assert.match(await client.response(), /\r\nconnection: close\r\n/);
    await client.ended();
  });

  it("answers a client that has closed its side after its request", async (t) => {
    const proxy = await new ProxyFixture([await scriptedUpstream(t, echoPath)]).start(t);
    const client = await proxy.connect();
    client.socket.end(`GET /half HTTP/1.1\r\n${HOST}\r\n`);
    assert.equal(bodyOf(await client.response()), "/half");
    await client.closed();
    assert.equal(client.wasReset, false);
  });

  it("answers all that a client has pipelined before it closed its side", async (t) => {
    const proxy = await new ProxyFixture([await scriptedUpstream(t, echoPath)]).start(t);
    for (const rest of ["", "GET /cut"]) {
      const client = await proxy.connect();
      client.socket.end(`${["/a", "/b", "/c"].map((path) => `GET ${path} HTTP/1.1\r\n${HOST}\r\n`).join("")}${rest}`);
      for (const path of ["/a", "/b", "/c"]) assert.equal(bodyOf(await client.response()), path);
      if (rest !== "") assert.match(await client.response(), /^HTTP\/1\.1 400 /);
      await client.closed();
      assert.equal(client.wasReset, false);
      assert.equal(client.received, "");
    }
  });

  it("refuses a malformed request, says so before it closes, and decodes nothing after it", async (t) => {
    const proxy = await new ProxyFixture([await scriptedUpstream(t, echoPath)]).start(t);
    const client = await proxy.connect();
    client.write(`GET /a HTTP/1.1\r\n${HOST}bad(header: x\r\n\r\nGET /never HTTP/1.1\r\n${HOST}\r\n`);
    const response = await client.response();
    assert.match(response, /^HTTP\/1\.1 400 Bad Request\r\n/);
    assert.match(response, /\r\nx-heddle-error: field_name_malformed\r\n/);
    assert.match(response, /\r\nconnection: close\r\n/);
    // What it still sends is read and dropped, so that no RST takes the answer away.
    await client.ended();
    for (let i = 0; i < 10; i += 1) {
      client.write("x".repeat(1_000));
      await turns(2);
    }
    client.socket.end();
    await client.closed();
    assert.equal(client.wasReset, false);
    assert.equal(proxy.sink.finished.length, 1);
    assert.equal(proxy.last().flag, "DPE");
  });

  it("answers a malformed body with 400 and gives the attempt up", async (t) => {
    const proxy = await new ProxyFixture([await scriptedUpstream(t, echoPath)]).start(t);
    const client = await proxy.connect();
    client.write(`POST /a HTTP/1.1\r\n${HOST}transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n`);
    await proxy.until(() => proxy.upstreamConnections === 1, "the request goes up");
    client.write("zz\r\n");
    assert.match(await client.response(), /^HTTP\/1\.1 400 .*x-heddle-error: chunk_size_malformed/s);
    assert.equal(proxy.active, 0);
    await proxy.until(() => proxy.upstreamConnections === 0, "the unfinished request is given up");
  });

  it("answers a request that ends in its middle with 400", async (t) => {
    const proxy = await new ProxyFixture([await scriptedUpstream(t, echoPath)]).start(t);
    for (const part of [`GET /a HTTP/1.1\r\nHo`, `POST /a HTTP/1.1\r\n${HOST}content-length: 9\r\n\r\nabc`]) {
      const client = await proxy.connect();
      client.socket.end(part);
      assert.match(await client.response(), /^HTTP\/1\.1 400 .*x-heddle-error: client-ended-early/s);
      await client.closed();
    }
    assert.equal(proxy.active, 0);
  });

  it("closes a connection that lingers beyond its bytes", async (t) => {
    const proxy = await new ProxyFixture([1]).start(t);
    const client = await proxy.connect();
    client.write("NOT HTTP\r\n\r\n");
    await client.response();
    client.write("x".repeat(LINGER_BYTES_MAX + 1));
    await proxy.until(() => proxy.listener.connections === 0, "the connection is forgotten");
  });

  it("tells an error of ours with 500 and lives on", async (t) => {
    const failing = {
      match: () => {
        throw new Error("a bug of the route table");
      },
    };
    const proxy = await new ProxyFixture([1], failing).start(t);
    assert.match(await proxy.send(`GET / HTTP/1.1\r\n${HOST}\r\n`), /^HTTP\/1\.1 500 .*x-heddle-error: internal/s);
    assert.match(await proxy.send(`GET / HTTP/1.1\r\n${HOST}\r\n`), /^HTTP\/1\.1 500 /);
    assert.equal(proxy.bugs.splice(0).length, 2);
    assert.equal(proxy.listener.inFlight, 0);
  });
});

describe("the patience of a downstream connection", () => {
  const start = async (t: TestContext, script = echoPath): Promise<ProxyFixture> =>
    new ProxyFixture([await scriptedUpstream(t, script)], { clock: new ManualClock(), timeoutMs: 0 }).start(t);

  it("ends with 408 for a head that does not come, however busily its bytes drip", async (t) => {
    const proxy = await start(t);
    const client = await proxy.connect();
    client.write("GET / HTTP/1.1\r\n");
    await proxy.until(() => proxy.listener.connections === 1, "the connection is accepted");
    for (let second = 0; second < 11; second += 1) {
      client.write("x");
      await proxy.pass(1_000);
    }
    assert.match(await client.response(), /^HTTP\/1\.1 408 .*x-heddle-error: client-timeout/s);
    client.socket.end();
    await client.closed();
  });

  it("gives each later head its whole time, from its first byte", async (t) => {
    const proxy = await start(t);
    const client = await proxy.connect();
    client.write(`GET /a HTTP/1.1\r\n${HOST}\r\n`);
    await client.response();
    await proxy.pass(50_000);
    client.write("GET /b HTTP/1.1\r\n");
    await new Promise((resolve) => {
      client.socket.write(HOST, resolve);
    });
    await proxy.until(() => proxy.listener.connections === 1, "still open");
    await proxy.pass(9_000);
    client.write("\r\n");
    assert.equal(bodyOf(await client.response()), "/b");
  });

  it("ends without a word for a connection that never spoke, and for one that is idle for long", async (t) => {
    const proxy = await start(t);
    const silent = await proxy.connect();
    const idle = await proxy.connect();
    idle.write(`GET /a HTTP/1.1\r\n${HOST}\r\n`);
    await idle.response();
    await proxy.until(() => proxy.listener.connections === 2, "both are accepted");
    await proxy.pass(10_100);
    await silent.ended();
    assert.equal(silent.received, "");
    assert.equal(idle.isEnded, false);
    await proxy.pass(50_000);
    await idle.ended();
    assert.equal(idle.received, "");
    assert.equal(proxy.listener.idled, 2);
    await proxy.pass(1_100);
    await proxy.until(() => proxy.listener.connections === 0, "both are closed");
    assert.equal(proxy.wheel.size, proxy.upstreamConnections);
  });

  it("ends with 408 for a body that stops", async (t) => {
    const proxy = await start(t);
    const client = await proxy.connect();
    client.write(`POST /a HTTP/1.1\r\n${HOST}content-length: 10\r\n\r\n`);
    for (const byte of "abc") {
      client.write(byte);
      await proxy.until(() => proxy.active === 1, "the request is under way");
      await proxy.pass(20_000);
    }
    await proxy.pass(31_000);
    assert.match(await client.response(), /^HTTP\/1\.1 408 .*x-heddle-error: client-timeout/s);
    assert.equal(proxy.active, 0);
  });

  it("ends with 408 for a body that drips beyond the time of its request", async (t) => {
    const listener = { times: { requestMs: 60_000 } };
    const options = { clock: new ManualClock(), timeoutMs: 0, listener };
    const proxy = await new ProxyFixture([await scriptedUpstream(t, echoPath)], options).start(t);
    const client = await proxy.connect();
    client.write(`POST /a HTTP/1.1\r\n${HOST}content-length: 10\r\n\r\n`);
    for (const byte of "abc") {
      client.write(byte);
      await proxy.until(() => proxy.active === 1, "the request is under way");
      await proxy.pass(19_000);
      assert.equal(proxy.sink.finished.length, 0);
    }
    client.write("d");
    await proxy.pass(4_000);
    assert.equal(proxy.sink.finished.length, 1);
    assert.match(await client.response(), /^HTTP\/1\.1 408 .*x-heddle-error: client-timeout/s);
    assert.equal(proxy.active, 0);
  });

  it("ends with a reset for a client that does not take its answer", async (t) => {
    const body = "x".repeat(16 * 1024 * 1024);
    const big = answering(() => `HTTP/1.1 200 OK\r\ncontent-length: ${body.length}\r\n\r\n${body}`);
    const proxy = await start(t, big);
    const client = await proxy.connect();
    client.socket.pause();
    client.write(`GET /big HTTP/1.1\r\n${HOST}\r\n`);
    await proxy.until(() => proxy.sink.finished.length === 0 && proxy.active === 1, "the request is under way");
    await turns(200);
    await proxy.pass(31_000);
    await proxy.until(() => proxy.listener.connections === 0, "the connection is cut");
    assert.equal(proxy.last().flag, "DC");
    assert.equal(proxy.active, 0);
  });
});
