import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { answering, ProxyFixture, scriptedUpstream } from "../../support/proxy-fixture.ts";
import { bodyOf } from "../../support/raw-client.ts";

const GET = "GET / HTTP/1.1\r\nHost: reviews\r\n\r\n";
const HALF_POST = "POST / HTTP/1.1\r\nHost: reviews\r\ncontent-length: 10\r\n\r\nhalf";
const REQUESTS = 3_000;
const ABORTED = 300;

describe("after thousands of requests", () => {
  it("and hundreds of aborted ones nothing is left over", async (t) => {
    const port = await scriptedUpstream(
      t,
      answering((request) => {
        const id = /^\w+ \/(\w*) /.exec(request)?.[1] ?? "";
        return `HTTP/1.1 200 OK\r\ncontent-length: ${id.length}\r\n\r\n${id}`;
      }),
    );
    const proxy = await new ProxyFixture([port]).start(t);
    let ids = 0;
    const keepAlive = async (): Promise<void> => {
      const client = await proxy.connect();
      for (let i = 0; i < REQUESTS / 10; i += 1) {
        const id = `id${(ids += 1)}`;
        client.write(`GET /${id} HTTP/1.1\r\nHost: reviews\r\n\r\n`);
        assert.equal(bodyOf(await client.response()), id, "the answer is the request's own");
      }
      client.destroy();
    };
    const aborting = async (): Promise<void> => {
      for (let i = 0; i < ABORTED / 10; i += 1) {
        const client = await proxy.connect();
        client.write(i % 2 === 0 ? HALF_POST : GET);
        await proxy.until(() => proxy.listener.connections > 0, "it has been accepted");
        client.socket.resetAndDestroy();
      }
    };
    await Promise.all(Array.from({ length: 10 }, () => [keepAlive(), aborting()]).flat());
    await proxy.until(() => proxy.listener.connections === 0, "all clients have left");
    assert.equal(proxy.active, 0);
    assert.equal(proxy.listener.inFlight, 0);
    assert.ok(proxy.sink.finished.length >= REQUESTS);
    assert.ok(proxy.sink.finished.length <= REQUESTS + ABORTED);
    assert.equal(proxy.wheel.size, proxy.upstreamConnections, "idle connections alone have deadlines");
    proxy.endpoints[0]?.pool?.drain();
    assert.equal(proxy.upstreamConnections, 0);
    assert.equal(proxy.wheel.size, 0);
  });
});
