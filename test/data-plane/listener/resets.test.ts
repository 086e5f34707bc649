import assert from "node:assert/strict";
import type { Socket } from "node:net";
import { describe, it, type TestContext } from "node:test";

import { LINGER_BYTES_MAX } from "../../../shared/limits.ts";
import { ProxyFixture, scriptedUpstream } from "../../support/proxy-fixture.ts";
import type { RawClient } from "../../support/raw-client.ts";

const GET = "GET / HTTP/1.1\r\nHost: reviews\r\n\r\n";
const WITH_LENGTH = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello";
const IN_CHUNKS = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n";

interface Stage {
  readonly proxy: ProxyFixture;
  /** The upstream's side of the connection that carries the present request. */
  readonly upstream: () => Promise<Socket>;
}

/** A proxy before an upstream that is played by hand. */
async function staged(t: TestContext): Promise<Stage> {
  let asked = Promise.withResolvers<Socket>();
  const port = await scriptedUpstream(t, (socket) => {
    let text = "";
    socket.on("data", (bytes: Buffer) => {
      text += bytes.toString("latin1");
      if (text.endsWith("\r\n\r\n")) asked.resolve(socket);
    });
  });
  const proxy = await new ProxyFixture([port], { timeoutMs: 0 }).start(t);
  return {
    proxy,
    upstream: async () => {
      const socket = await asked.promise;
      asked = Promise.withResolvers<Socket>();
      return socket;
    },
  };
}

async function written(socket: Socket, text: string): Promise<void> {
  if (text === "") return;
  await new Promise<void>((done) => {
    socket.write(text, "latin1", () => done());
  });
}

/** Nothing of the exchange is kept, in the proxy or in its pools. */
async function assertNothingLeft({ proxy }: Stage): Promise<void> {
  await proxy.until(() => proxy.listener.connections === 0, "the client's connection is closed");
  await proxy.until(() => proxy.upstreamConnections === 0, "the upstream's connection is closed");
  assert.equal(proxy.active, 0);
  assert.equal(proxy.listener.inFlight, 0);
  assert.equal(proxy.wheel.size, 0);
}

async function closed(client: RawClient): Promise<void> {
  await client.ended();
  client.socket.end();
  await client.closed();
}

describe("a reset", () => {
  for (const [framing, response] of [
    ["with a length", WITH_LENGTH],
    ["in chunks", IN_CHUNKS],
  ] as const) {
    const headEnd = response.indexOf("\r\n\r\n") + 4;

    it(`of the upstream at any byte of a response ${framing} is an error or a cut, never a whole answer`, async (t) => {
      const stage = await staged(t);
      for (let step = 0; step < response.length; step += 1) {
        const client = await stage.proxy.connect();
        client.write(GET);
        const upstream = await stage.upstream();
        await written(upstream, response.slice(0, step));
        const isBegun = step >= headEnd;
        if (isBegun) await client.until(() => client.received.includes("\r\n\r\n"));
        upstream.resetAndDestroy();
        if (isBegun) {
          await client.closed();
          assert.ok(client.wasReset, `${step}: ${client.received}`);
          assert.doesNotMatch(client.received, framing === "in chunks" ? /\r\n0\r\n\r\n$/ : /hello$/);
          assert.equal(stage.proxy.last().status, 200);
        } else {
          assert.match(await client.response(), step === 0 ? /^HTTP\/1\.1 503 / : /^HTTP\/1\.1 50[23] /, String(step));
          client.socket.end();
          await client.closed();
        }
        assert.match(stage.proxy.last().flag, /^(UC|UPE)$/);
        await assertNothingLeft(stage);
      }
    });

    it(`of the client at any byte of a response ${framing} lets the upstream go`, async (t) => {
      const stage = await staged(t);
      for (let step = 0; step < response.length; step += 1) {
        const client = await stage.proxy.connect();
        client.write(GET);
        const upstream = await stage.upstream();
        await written(upstream, response.slice(0, step));
        if (step >= headEnd) await client.until(() => client.received.includes("\r\n\r\n"));
        client.socket.resetAndDestroy();
        await stage.proxy.until(() => stage.proxy.sink.finished.length === step + 1, "it is given up");
        assert.equal(stage.proxy.last().flag, "DC");
        await assertNothingLeft(stage);
      }
    });
  }
});

describe("a refusal while the client still sends", () => {
  it("reaches the client, which may go on to send as much as is read and dropped", async (t) => {
    const { proxy } = await staged(t);
    const rest = "x".repeat(LINGER_BYTES_MAX / 2);
    const early: readonly (readonly [string, RegExp])[] = [
      ["GET / HTTP/1.1\r\nHost: a b\r\n\r\n", /^HTTP\/1\.1 400 /],
      [`GET / HTTP/1.1\r\nHost: reviews\r\n${"x: y\r\n".repeat(101)}\r\n`, /^HTTP\/1\.1 431 /],
      ["POST / HTTP/1.1\r\nHost: reviews\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n", /^HTTP\/1\.1 400 /],
      [`POST / HTTP/1.1\r\nHost: nobody\r\ncontent-length: ${rest.length}\r\n\r\n`, /^HTTP\/1\.1 404 /],
    ];
    for (const [head, status] of early) {
      const client = await proxy.connect();
      client.socket.pause();
      client.write(head + rest);
      await proxy.until(() => client.socket.writableLength === 0, "all of it has been sent");
      client.socket.resume();
      assert.match(await client.response(), status);
      await client.ended();
      for (let sent = 0; sent < rest.length / 2; sent += 1_024) await written(client.socket, "y".repeat(1_024));
      await closed(client);
      assert.equal(client.wasReset, false, head);
      assert.equal(client.received, "");
    }
  });
});

describe("a client that is only half there", () => {
  it("has closed its side before its answer, and gets it", async (t) => {
    const stage = await staged(t);
    const client = await stage.proxy.connect();
    client.socket.end(GET, "latin1");
    const upstream = await stage.upstream();
    await written(upstream, WITH_LENGTH);
    assert.match(await client.response(), /^HTTP\/1\.1 200 .*hello$/s);
    await client.closed();
    assert.equal(client.wasReset, false);
    stage.proxy.endpoints[0]?.pool?.drain();
    await assertNothingLeft(stage);
  });

  it("has closed its side after its answer, and is closed", async (t) => {
    const stage = await staged(t);
    const client = await stage.proxy.connect();
    client.write(GET);
    await written(await stage.upstream(), WITH_LENGTH);
    await client.response();
    client.socket.end();
    await client.closed();
    assert.equal(client.wasReset, false);
    stage.proxy.endpoints[0]?.pool?.drain();
    await assertNothingLeft(stage);
  });
});
