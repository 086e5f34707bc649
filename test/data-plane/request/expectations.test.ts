import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";

import {
  answering,
  ProxyFixture,
  scriptedUpstream,
  turns,
  type ConnectionScript,
} from "../../support/proxy-fixture.ts";
import { bodyOf } from "../../support/raw-client.ts";

const HOST = "Host: reviews\r\n";

async function before(t: TestContext, script: ConnectionScript): Promise<ProxyFixture> {
  return new ProxyFixture([await scriptedUpstream(t, script)]).start(t);
}

/** What RFC 9110 asks of a proxy for some requests: Expect, OPTIONS, TRACE, CONNECT. */
describe("a request", () => {
  it("passes an expectation and its answer on", async (t) => {
    const proxy = await before(t, (socket) => {
      let text = "";
      socket.on("data", (bytes: Buffer) => {
        const isHead = text === "";
        text += bytes.toString("latin1");
        if (isHead && /\r\nexpect: 100-continue\r\n/.test(text)) socket.write("HTTP/1.1 100 Continue\r\n\r\n");
        if (text.endsWith("hello")) socket.write("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
      });
    });
    const client = await proxy.connect();
    client.write(`POST / HTTP/1.1\r\n${HOST}expect: 100-continue\r\ncontent-length: 5\r\n\r\n`);
    assert.equal(await client.response(), "HTTP/1.1 100 Continue\r\n\r\n");
    client.write("hello");
    assert.equal(bodyOf(await client.response()), "ok");
  });

  it("is 405 with TRACE, and with CONNECT where nothing leads out of the mesh", async (t) => {
    const proxy = await before(t, (socket) => socket.end());
    const connect = "CONNECT reviews:443 HTTP/1.1\r\nHost: reviews:443\r\n\r\n";
    assert.match(await proxy.send(connect), /^HTTP\/1\.1 405 /);
    assert.match(await proxy.send(`TRACE / HTTP/1.1\r\n${HOST}\r\n`), /^HTTP\/1\.1 405 /);
  });

  it("with an expectation that is answered with a final status keeps its body to itself", async (t) => {
    const seen: string[] = [];
    const proxy = await before(t, (socket) => {
      socket.on("data", (bytes: Buffer) => {
        seen.push(bytes.toString("latin1"));
        if (seen.length === 1) socket.write("HTTP/1.1 401 Unauthorized\r\ncontent-length: 100\r\n\r\nthe beginning");
      });
      socket.on("end", () => socket.end());
    });
    const client = await proxy.connect();
    client.write(`POST / HTTP/1.1\r\n${HOST}expect: 100-continue\r\ncontent-length: 40\r\n\r\n`);
    await client.until(() => client.received.endsWith("the beginning"));
    assert.match(client.received, /^HTTP\/1\.1 401 Unauthorized\r\ncontent-length: 100\r\nconnection: close\r\n\r\n/);
    // The client sends it all the same; no other request may come of it.
    client.write(`GET /smuggled HTTP/1.1\r\n${HOST}\r\n`);
    await turns(20);
    assert.equal(seen.length, 1);
    client.destroy();
    await proxy.until(() => proxy.listener.connections === 0, "the client has left");
    assert.equal(proxy.sink.finished.length, 1);
    assert.equal(proxy.upstreamConnections, 0);
  });

  it("with an expectation nobody knows is refused with 417", async (t) => {
    const proxy = await before(t, (socket) => socket.end());
    const text = `POST / HTTP/1.1\r\n${HOST}expect: a-miracle\r\ncontent-length: 5\r\n\r\n`;
    assert.match(await proxy.send(text), /^HTTP\/1\.1 417 .*\r\nconnection: close\r\n/s);
  });

  it("of OPTIONS for the whole server goes to the service as `*`, and counts the proxies on its way", async (t) => {
    const seen: string[] = [];
    const proxy = await new ProxyFixture(
      [
        await scriptedUpstream(
          t,
          answering((request) => {
            seen.push(request);
            return "HTTP/1.1 204 No Content\r\n\r\n";
          }),
        ),
      ],
      { match: (head) => head.hostname === "reviews" && head.path.startsWith("/") },
    ).start(t);
    for (const target of ["*", "http://reviews"]) {
      assert.match(await proxy.send(`OPTIONS ${target} HTTP/1.1\r\n${HOST}\r\n`), /^HTTP\/1\.1 204 /);
      assert.match(seen.pop() ?? "", /^OPTIONS \* HTTP\/1\.1\r\nhost: reviews\r\n/);
    }
    const limited = (method: string, forwards: string): Promise<string> =>
      proxy.send(`${method} / HTTP/1.1\r\n${HOST}max-forwards: ${forwards}\r\n\r\n`);
    assert.match(await limited("OPTIONS", "1"), /^HTTP\/1\.1 204 /);
    assert.match(seen.pop() ?? "", /\r\nmax-forwards: 0\r\n/);
    const own = await limited("OPTIONS", "0");
    assert.match(
      own,
      /^HTTP\/1\.1 200 OK\r\nallow: GET, HEAD, POST, PUT, DELETE, PATCH, OPTIONS\r\ncontent-length: 0\r\n/,
    );
    assert.equal(proxy.last().detail, "max-forwards");
    assert.equal(seen.length, 0);
    for (const [method, forwards] of [
      ["OPTIONS", "x"],
      ["GET", "0"],
    ] as const) {
      assert.match(await limited(method, forwards), /^HTTP\/1\.1 204 /);
      assert.match(seen.pop() ?? "", new RegExp(`\r\nmax-forwards: ${forwards}\r\n`));
    }
    const refused = await proxy.send(`TRACE / HTTP/1.1\r\n${HOST}\r\n`);
    assert.match(refused, /^HTTP\/1\.1 405 .*\r\nallow: GET, /s);
  });
});
