import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import type { Socket } from "node:net";
import { describe, it, type TestContext } from "node:test";

import { TUNNEL_IDLE_MS } from "../../../shared/defaults.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import {
  answering,
  ProxyFixture,
  scriptedUpstream,
  turns,
  type ConnectionScript,
} from "../../support/proxy-fixture.ts";
import type { RawClient } from "../../support/raw-client.ts";

const HOST = "Host: reviews\r\n";
const UPGRADE = `GET /ws HTTP/1.1\r\n${HOST}connection: keep-alive, Upgrade\r\nupgrade: WebSocket\r\n\r\n`;
const SWITCH = "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\nx-up: 1\r\n\r\n";
const SWITCHED = "HTTP/1.1 101 Switching Protocols\r\nx-up: 1\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n";

/** An upstream that switches at the first request and tells what comes after it. */
class SwitchingUpstream {
  head = "";
  received = "";
  isEnded = false;
  wasReset = false;
  socket: Socket | undefined;
  readonly script: ConnectionScript = (socket) => {
    this.socket = socket;
    socket.on("data", (bytes: Buffer) => {
      this.received += bytes.toString("latin1");
      if (this.head !== "") return;
      const end = this.received.indexOf("\r\n\r\n");
      if (end < 0) return;
      this.head = this.received.slice(0, end + 4);
      this.received = this.received.slice(end + 4);
      this.answer();
    });
    socket.on("end", () => (this.isEnded = true));
    socket.on("error", () => (this.wasReset = true));
  };
  answer = (): void => {
    this.socket?.write(SWITCH);
  };
}

interface Opened {
  readonly upstream: SwitchingUpstream;
  readonly proxy: ProxyFixture;
  readonly client: RawClient;
}

async function opened(t: TestContext, options: ConstructorParameters<typeof ProxyFixture>[1] = {}): Promise<Opened> {
  const upstream = new SwitchingUpstream();
  const proxy = await new ProxyFixture([await scriptedUpstream(t, upstream.script)], options).start(t);
  const client = await proxy.connect();
  client.write(UPGRADE);
  assert.equal(await client.response(), SWITCHED);
  return { upstream, proxy, client };
}

async function finished({ proxy }: Opened): Promise<void> {
  await proxy.until(() => proxy.sink.finished.length === 1 && proxy.listener.connections === 0, "the tunnel is over");
  assert.equal(proxy.active, 0);
  assert.equal(proxy.listener.inFlight, 0);
  assert.equal(proxy.listener.tunnels, 0);
  assert.equal(proxy.upstreamConnections, 0);
  assert.equal(proxy.wheel.size, 0);
}

describe("an upgrade to a listed protocol", () => {
  it("becomes a tunnel of bytes, counted and logged as one request when it ends", async (t) => {
    const all = await opened(t);
    const { upstream, proxy, client } = all;
    assert.match(upstream.head, /^GET \/ws HTTP\/1\.1\r\nhost: reviews\r\n/);
    assert.match(upstream.head, /\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n$/);
    client.write("\x81\x02hi\0\r\n\r\nGET / HTTP/1.1\r\n\r\n");
    await proxy.until(() => upstream.received.length === 27, "the upstream has the bytes");
    assert.equal(upstream.received, "\x81\x02hi\0\r\n\r\nGET / HTTP/1.1\r\n\r\n");
    upstream.socket?.write("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n\xff", "latin1");
    await client.until(() => client.received.endsWith("\xff"));
    assert.equal(client.received, "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n\xff");
    assert.equal(proxy.listener.tunnels, 1);
    assert.equal(proxy.sink.finished.length, 0);
    client.socket.end();
    await proxy.until(() => upstream.isEnded, "the upstream hears the end");
    upstream.socket?.end();
    await client.closed();
    await finished(all);
    assert.equal(client.wasReset, false);
    const { status, flag, bytesReceived, bytesSent, path } = proxy.last();
    assert.deepEqual(
      { status, flag, bytesReceived, bytesSent, path },
      {
        status: 101,
        flag: "",
        bytesReceived: 27,
        bytesSent: 39,
        path: "/ws",
      },
    );
  });

  it("carries the bytes that come with the 101, and holds those of the client until then", async (t) => {
    const upstream = new SwitchingUpstream();
    upstream.answer = () => undefined;
    const proxy = await new ProxyFixture([await scriptedUpstream(t, upstream.script)]).start(t);
    const client = await proxy.connect();
    client.write(`${UPGRADE}early`);
    await proxy.until(() => upstream.head !== "", "the request is there");
    client.write(" bird");
    await turns(20);
    assert.equal(upstream.received, "");
    upstream.socket?.write(`${SWITCH}hello`);
    await client.until(() => client.received.endsWith("hello"));
    assert.equal(client.received, `${SWITCHED}hello`);
    await proxy.until(() => upstream.received === "early bird", "what was held has come");
  });

  it("lets each side speak on after the other has closed its own", async (t) => {
    const first = await opened(t);
    first.client.socket.end("last words");
    await first.proxy.until(() => first.upstream.isEnded, "the end of the client is passed on");
    assert.equal(first.upstream.received, "last words");
    first.upstream.socket?.write("an answer");
    await first.client.until(() => first.client.received === "an answer");
    first.upstream.socket?.end(" and more");
    await first.client.closed();
    assert.equal(first.client.received, "an answer and more");
    assert.equal(first.client.wasReset, false);
    await finished(first);

    const second = await opened(t);
    second.upstream.socket?.end("bye");
    await second.client.ended();
    assert.equal(second.client.received, "bye");
    second.client.write("still here");
    await second.proxy.until(() => second.upstream.received === "still here", "the client is heard");
    second.client.socket.end("!");
    await second.proxy.until(() => second.upstream.isEnded, "the end comes last");
    assert.equal(second.upstream.received, "still here!");
    assert.equal(second.upstream.wasReset, false);
    await finished(second);
    assert.equal(second.proxy.last().flag, "");
  });

  it("of a client that closed its side at once stands all the same", async (t) => {
    const upstream = new SwitchingUpstream();
    const proxy = await new ProxyFixture([await scriptedUpstream(t, upstream.script)]).start(t);
    const client = await proxy.connect();
    client.socket.end(`${UPGRADE}all of it`);
    await proxy.until(() => upstream.isEnded, "the end is passed on");
    assert.equal(upstream.received, "all of it");
    upstream.socket?.end("an answer");
    await client.closed();
    assert.equal(client.received, `${SWITCHED}an answer`);
    await finished({ upstream, proxy, client });
  });

  it("is cut on one side when it is cut on the other", async (t) => {
    const first = await opened(t);
    first.client.socket.resetAndDestroy();
    await first.proxy.until(() => first.upstream.wasReset, "the reset reaches the upstream");
    await finished(first);
    assert.equal(first.proxy.last().flag, "DC");

    const second = await opened(t);
    second.upstream.socket?.resetAndDestroy();
    await second.client.closed();
    assert.equal(second.client.wasReset, true);
    await finished(second);
    assert.equal(second.proxy.last().flag, "UC");
    assert.equal(second.proxy.last().status, 101);
  });

  it("is as fast as its slower end, in both directions, and loses no byte", async (t) => {
    const all = await opened(t);
    const { upstream, proxy, client } = all;
    const piece = Buffer.alloc(64 * 1024, "x");
    const total = 512 * piece.length;
    for (const [from, to] of [
      [client.socket, upstream.socket],
      [upstream.socket, client.socket],
    ]) {
      assert.ok(from !== undefined && to !== undefined);
      let received = 0;
      to.removeAllListeners("data");
      to.on("data", (bytes: Buffer) => (received += bytes.length));
      to.pause();
      for (let i = 0; i < 512; i += 1) from.write(piece);
      let left = -1;
      // Until the buffers on the way are full and nothing moves any more.
      for (let quiet = 0; quiet < 20; quiet += 1) {
        if (from.writableLength !== left) quiet = 0;
        left = from.writableLength;
        await turns(5);
      }
      assert.ok(left > total / 4, `the sender is held back: ${left} of ${total} bytes are still with it`);
      to.resume();
      await proxy.until(() => received === total, "every byte has come");
    }
    client.socket.end();
    await proxy.until(() => upstream.isEnded, "the end is passed on");
    upstream.socket?.end();
    await finished(all);
    assert.equal(proxy.last().bytesReceived, total);
    assert.equal(proxy.last().bytesSent, total);
  });

  it("brings the last bytes of a client to a slow upstream that has nothing more to say", async (t) => {
    const all = await opened(t);
    const { upstream, proxy, client } = all;
    const { socket } = upstream;
    assert.ok(socket !== undefined);
    let received = 0;
    socket.removeAllListeners("data");
    socket.on("data", (bytes: Buffer) => {
      received += bytes.length;
      socket.pause();
      setImmediate(() => setImmediate(() => socket.resume()));
    });
    socket.end();
    await client.ended();
    const total = 16 * 1024 * 1024;
    client.socket.end(Buffer.alloc(total, "x"));
    await proxy.until(() => upstream.isEnded || upstream.wasReset, "the upstream has heard the end");
    assert.equal(received, total);
    await finished(all);
    assert.equal(proxy.last().flag, "");
  });

  it("outlives the time of its request, and ends when it is idle for long", async (t) => {
    const clock = new ManualClock();
    const all = await opened(t, { clock, timeoutMs: 1_000 });
    const { upstream, proxy, client } = all;
    await proxy.pass(100_000);
    client.write("a");
    await proxy.until(() => upstream.received === "a", "the tunnel stands");
    clock.now += TUNNEL_IDLE_MS - 1_000;
    proxy.wheel.advance();
    upstream.socket?.write("b");
    await client.until(() => client.received === "b");
    clock.now += TUNNEL_IDLE_MS - 1_000;
    proxy.wheel.advance();
    assert.equal(proxy.sink.finished.length, 0);
    clock.now += 2_000;
    proxy.wheel.advance();
    await client.ended();
    client.socket.end();
    await finished(all);
    assert.equal(proxy.last().flag, "SI");
    assert.equal(proxy.last().detail, "tunnel-idle");
    assert.equal(proxy.last().status, 101);
  });

  it("outlives the retirement of its endpoint and the drain of its listener, until they close", async (t) => {
    const all = await opened(t);
    const { upstream, proxy, client } = all;
    proxy.endpoints[0]?.pool?.drain();
    proxy.listener.drain();
    client.write("ping");
    await proxy.until(() => upstream.received === "ping", "the tunnel stands");
    assert.equal(proxy.listener.inFlight, 1);
    proxy.listener.close();
    await client.ended();
    client.destroy();
    await finished(all);
  });
});

describe("an upgrade that is not made", () => {
  const refusing = answering((request) => {
    const path = request.split(" ")[1] ?? "";
    const body = `${path} ${/\r\nupgrade: /.test(request) ? "asked" : "not asked"}`;
    return `HTTP/1.1 200 OK\r\nupgrade: websocket\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
  });

  it("is an ordinary response, after which the connection lives on", async (t) => {
    const proxy = await new ProxyFixture([await scriptedUpstream(t, refusing)]).start(t);
    const client = await proxy.connect();
    for (let i = 0; i < 2; i += 1) {
      client.write(UPGRADE);
      assert.equal(await client.response(), "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n/ws asked");
    }
    assert.equal(proxy.upstreamConnections, 1);
  });

  it("makes nothing of the bytes that were sent ahead", async (t) => {
    const proxy = await new ProxyFixture([await scriptedUpstream(t, refusing)]).start(t);
    const client = await proxy.connect();
    client.write(`${UPGRADE}GET /smuggled HTTP/1.1\r\n${HOST}\r\n`);
    assert.match(await client.response(), /\r\nconnection: close\r\n\r\n\/ws asked$/);
    await client.ended();
    assert.equal(client.received, "");
    assert.equal(proxy.sink.finished.length, 1);
  });

  it("is not even asked for when the protocol is h2c or unlisted, or a body comes with it", async (t) => {
    const proxy = await new ProxyFixture([await scriptedUpstream(t, refusing)]).start(t);
    const ask = (fields: string, body = ""): string => `GET / HTTP/1.1\r\n${HOST}${fields}\r\n${body}`;
    for (const request of [
      ask("connection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: AA\r\n"),
      ask("connection: upgrade\r\nupgrade: spdy/3\r\n"),
      ask("connection: close\r\nupgrade: websocket\r\n"),
      ask("connection: upgrade\r\nupgrade: websocket\r\ncontent-length: 1\r\n", "x"),
    ]) {
      assert.match(await proxy.send(request), /\/ not asked$/);
    }
    const listed = { codec: { upgrades: new Set(["spdy/3"]) } };
    const other = await new ProxyFixture([await scriptedUpstream(t, refusing)], { listener: listed }).start(t);
    assert.match(await other.send(ask("connection: upgrade\r\nupgrade: spdy/3\r\n")), /\/ asked$/);
  });

  it("is 502 when the upstream switches to another protocol, or without a word of it", async (t) => {
    for (const head of ["upgrade: h2c\r\nconnection: upgrade\r\n", "", "upgrade: websocket\r\n"]) {
      const upstream = new SwitchingUpstream();
      upstream.answer = () => upstream.socket?.write(`HTTP/1.1 101 Switching Protocols\r\n${head}\r\n`);
      const proxy = await new ProxyFixture([await scriptedUpstream(t, upstream.script)]).start(t);
      assert.match(await proxy.send(UPGRADE), /^HTTP\/1\.1 502 /);
    }
  });
});

describe("a WebSocket", () => {
  /** As much of RFC 6455 as an echo needs: the handshake, short text frames, close. */
  const webSocketEcho: ConnectionScript = (socket) => {
    let head = "";
    let frames = Buffer.alloc(0);
    socket.on("data", (bytes: Buffer) => {
      if (!head.includes("\r\n\r\n")) {
        head += bytes.toString("latin1");
        const key = /\r\nsec-websocket-key: (.*)\r\n/.exec(head)?.[1] ?? "";
        const accept = createHash("sha1").update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64");
        if (head.includes("\r\n\r\n")) socket.write(SWITCH.replace("x-up: 1", `sec-websocket-accept: ${accept}`));
        return;
      }
      frames = Buffer.concat([frames, bytes]);
      for (;;) {
        const length = (frames[1] ?? 0) & 0x7f;
        if (frames.length < 6 || frames.length < 6 + length) return;
        const mask = frames.subarray(2, 6);
        const payload = frames.subarray(6, 6 + length).map((byte, i) => byte ^ (mask[i % 4] ?? 0));
        socket.write(Buffer.concat([Buffer.from([frames[0] ?? 0, length]), payload]));
        if (((frames[0] ?? 0) & 0x0f) === 8) socket.end();
        frames = frames.subarray(6 + length);
      }
    });
    socket.on("end", () => socket.end());
  };

  it("of a real client works through the proxy, to its closing handshake", async (t) => {
    const proxy = await new ProxyFixture([await scriptedUpstream(t, webSocketEcho)], { match: () => true }).start(t);
    const socket = new WebSocket(`ws://127.0.0.1:${proxy.port}/chat?room=1`);
    const received: unknown[] = [];
    const closed = Promise.withResolvers<CloseEvent>();
    socket.addEventListener("open", () => socket.send("0"));
    socket.addEventListener("message", ({ data }) => {
      received.push(data);
      if (received.length < 50) socket.send(String(received.length));
      else socket.close(1000, "enough");
    });
    socket.addEventListener("error", (event) => closed.reject(new Error(event.type)));
    socket.addEventListener("close", (event) => closed.resolve(event));
    const { code, wasClean } = await closed.promise;
    assert.deepEqual([code, wasClean], [1000, true]);
    assert.deepEqual(
      received,
      Array.from({ length: 50 }, (_, i) => String(i)),
    );
    await proxy.until(() => proxy.listener.connections === 0, "the tunnel is over");
    assert.deepEqual([proxy.last().status, proxy.last().flag, proxy.last().path], [101, "", "/chat"]);
  });
});
