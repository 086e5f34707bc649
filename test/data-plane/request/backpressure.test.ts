import assert from "node:assert/strict";
import type { Socket } from "node:net";
import { describe, it } from "node:test";

import { ProxyFixture, scriptedUpstream, turns } from "../../support/proxy-fixture.ts";
import { RawClient } from "../../support/raw-client.ts";

const HOST = "Host: reviews\r\n";
const BODY_BYTES = 100 * 1024 * 1024;
/** What two sockets' kernel buffers and our own may hold; far below the body, far above what one machine differs. */
const HELD_BYTES_MAX = 24 * 1024 * 1024;

/** Writes `bytes` of body as fast as the socket takes them; returns how many it has taken so far. */
function pour(socket: Socket, bytes: number): () => number {
  const block = Buffer.alloc(64 * 1024, "z");
  let left = bytes;
  const go = (): void => {
    while (left > 0 && !socket.destroyed) {
      left -= block.length;
      if (!socket.write(block)) return;
    }
  };
  socket.on("drain", go);
  go();
  return () => bytes - left - socket.writableLength;
}

/** Resolves when `value` has not changed for a while of event-loop turns. */
async function settled(value: () => number): Promise<number> {
  for (let before = -1; ; before = value()) {
    await turns(300);
    if (before === value()) return before;
  }
}

describe("a stalled reader", () => {
  it("of a response of 100 MiB stops the upstream, and gets it all once it reads", async (t) => {
    let taken: () => number = () => 0;
    const port = await scriptedUpstream(t, (socket) => {
      socket.once("data", () => {
        socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${BODY_BYTES}\r\n\r\n`);
        taken = pour(socket, BODY_BYTES);
      });
    });
    const proxy = await new ProxyFixture([port], { timeoutMs: 0 }).start(t);
    const client = await RawClient.connect(proxy.port);
    let read = 0;
    client.socket.removeAllListeners("data");
    client.socket.pause();
    client.write(`GET / HTTP/1.1\r\n${HOST}\r\n`);
    await proxy.until(() => proxy.active === 1, "the request is under way");
    const held = await settled(() => taken());
    assert.ok(held < HELD_BYTES_MAX, `${held} bytes were taken from the upstream`);
    client.socket.on("data", (bytes: Buffer) => (read += bytes.length));
    client.socket.resume();
    await proxy.until(() => read > BODY_BYTES, "all of it arrives");
    assert.equal(proxy.last().bytesSent, BODY_BYTES);
    client.destroy();
  });

  it("of a request of 100 MiB stops the client, and gets it all once it reads", async (t) => {
    let upstream: Socket | undefined;
    let read = 0;
    const port = await scriptedUpstream(t, (socket) => {
      upstream = socket;
      socket.pause();
    });
    const proxy = await new ProxyFixture([port], { timeoutMs: 0 }).start(t);
    const client = await proxy.connect();
    client.write(`PUT / HTTP/1.1\r\n${HOST}content-length: ${BODY_BYTES}\r\n\r\n`);
    const taken = pour(client.socket, BODY_BYTES);
    await proxy.until(() => upstream !== undefined, "the request goes up");
    const held = await settled(() => taken());
    assert.ok(held < HELD_BYTES_MAX, `${held} bytes were taken from the client`);
    assert.ok(upstream !== undefined);
    upstream.on("data", (bytes: Buffer) => {
      read += bytes.length;
      if (read > BODY_BYTES) upstream?.write("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
    });
    upstream.resume();
    await client.response();
    assert.equal(proxy.last().bytesReceived, BODY_BYTES);
  });

  it("of many pipelined requests is not read further than the bound", async (t) => {
    const port = await scriptedUpstream(t, (socket) => {
      socket.resume();
    });
    const proxy = await new ProxyFixture([port], { timeoutMs: 0 }).start(t);
    const client = await proxy.connect();
    client.write(`GET / HTTP/1.1\r\n${HOST}\r\n`);
    const taken = pour(client.socket, BODY_BYTES);
    const held = await settled(() => taken());
    assert.ok(held < HELD_BYTES_MAX, `${held} bytes were taken from the client`);
  });
});
