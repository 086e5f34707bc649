import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { answering, messageEnd, ProxyFixture, scriptedUpstream } from "../../support/proxy-fixture.ts";
import { bodyOf } from "../../support/raw-client.ts";

const HEAD = "POST / HTTP/1.1\r\nHost: reviews\r\nTransfer-Encoding: chunked\r\n\r\n";
const OK = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

describe("a body made to hurt", () => {
  it("of 100,000 chunks of one byte goes up and comes down whole", async (t) => {
    const count = 100_000;
    const chunks = `${"1\r\nx\r\n".repeat(count)}0\r\n\r\n`;
    const port = await scriptedUpstream(t, (socket) => {
      let text = "";
      socket.on("data", (bytes: Buffer) => {
        text += bytes.toString("latin1");
        if (!text.endsWith("0\r\n\r\n") || messageEnd(text) < 0) return;
        assert.equal(bodyOf(text).length, count);
        socket.write(`HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n${chunks}`);
      });
    });
    const proxy = await new ProxyFixture([port]).start(t);
    const response = await proxy.send(HEAD + chunks);
    assert.equal(bodyOf(response), "x".repeat(count));
    assert.equal(proxy.last().bytesReceived, count);
    assert.equal(proxy.last().bytesSent, count);
  });

  it("with extensions or trailers without end is refused at their bound, and the upstream is let go", async (t) => {
    const proxy = await new ProxyFixture([
      await scriptedUpstream(
        t,
        answering(() => OK),
      ),
    ]).start(t);
    const endless: readonly (readonly [string, string, string])[] = [
      ["1;", "a".repeat(64 * 1024), "400"],
      ["", "1;a=b\r\nx\r\n".repeat(10_000), "400"],
      ["0\r\n", "etag: x\r\n".repeat(10_000), "431"],
      ["0\r\nx: ", "y".repeat(64 * 1024), "431"],
    ];
    for (const [beginning, rest, status] of endless) {
      const client = await proxy.connect();
      client.write(`${HEAD}1\r\nx\r\n${beginning}`);
      await proxy.until(() => proxy.active === 1, "the request is under way");
      client.write(rest);
      assert.equal((await client.response()).slice(9, 12), status);
      assert.equal(proxy.active, 0);
      client.destroy();
    }
    await proxy.until(() => proxy.upstreamConnections === 0, "no unfinished request is left at the upstream");
  });

  it("is given up at every step at which its sender resets, without a trace", async (t) => {
    const proxy = await new ProxyFixture([
      await scriptedUpstream(
        t,
        answering(() => OK),
      ),
    ]).start(t);
    const text = `${HEAD}3\r\nabc\r\n0\r\n\r\n`;
    for (let step = 1; step < text.length; step += 1) {
      const client = await proxy.connect();
      client.write(text.slice(0, step));
      const before = proxy.sink.finished.length;
      const hasHead = step >= HEAD.length;
      if (hasHead) await proxy.until(() => proxy.active === 1, "the request is under way");
      client.socket.resetAndDestroy();
      if (hasHead) await proxy.until(() => proxy.sink.finished.length === before + 1, "it is given up");
      if (hasHead) assert.equal(proxy.last().flag, "DC");
    }
    await proxy.until(() => proxy.listener.connections === 0, "all have left");
    await proxy.until(() => proxy.upstreamConnections === 0, "nothing half-sent is kept");
    assert.equal(proxy.active, 0);
    assert.equal(proxy.wheel.size, 0);
  });
});
