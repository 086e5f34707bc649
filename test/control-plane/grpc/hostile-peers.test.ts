import assert from "node:assert/strict";
import { once, type EventEmitter } from "node:events";
import { connect, constants, type ClientHttp2Session, type IncomingHttpHeaders } from "node:http2";
import { connect as connectTcp, type Socket } from "node:net";
import { describe, it, type TestContext } from "node:test";

import { status } from "@grpc/grpc-js";

import type { CallReceiver, GrpcCall } from "../../../control-plane/grpc/grpc-call.ts";
import { GrpcEndpoint } from "../../../control-plane/grpc/grpc-endpoint.ts";
import { messageFrame } from "../../../control-plane/grpc/message-frame.ts";
import { formatAddress, type Address } from "../../../shared/address.ts";
import { systemClock } from "../../../shared/clock.ts";
import { CALLS_PER_CONNECTION_MAX, CALL_WRITE_BYTES_MAX } from "../../../shared/limits.ts";
import { seededRandom, type Random } from "../../../shared/random.ts";
import { systemTimers } from "../../../shared/timers.ts";
import { FRAME, frameBytes, openingBytes, PREFACE } from "../../support/http2-frames.ts";

// Peers that mean harm, or that are broken. Each call ends with a status in words or with a closed stream, and the next
// peer is served.

const PATH = "/test.Echo/Echo";
const MESSAGE_BYTES_MAX = 1_000;
const SEED = 20_261;

/** Answers each message with itself. */
class Echo implements CallReceiver {
  readonly call: GrpcCall;
  readonly closed = Promise.withResolvers<void>();

  constructor(call: GrpcCall) {
    this.call = call;
  }

  onMessage(bytes: Buffer): void {
    this.call.write(messageFrame(bytes));
  }

  onHalfClose(): void {
    this.call.end({ code: status.OK, details: "" });
  }

  onDrain(): void {
    // What is echoed here fits at once, or is nobody's loss.
  }

  onClosed(): void {
    this.closed.resolve();
  }
}

interface Opened {
  readonly address: Address;
  readonly endpoint: GrpcEndpoint;
  readonly calls: readonly Echo[];
}

async function open(t: TestContext): Promise<Opened> {
  const calls: Echo[] = [];
  const accept = (call: GrpcCall): Echo => {
    const echo = new Echo(call);
    calls.push(echo);
    return echo;
  };
  const endpoint = new GrpcEndpoint({
    clock: systemClock,
    timers: systemTimers,
    methods: [{ path: PATH, accept }],
    messageBytesMax: MESSAGE_BYTES_MAX,
  });
  const address = await endpoint.start({ host: "127.0.0.1", port: 0 });
  assert.ok(address.ok);
  t.after(() => endpoint.stop(0));
  return { address: address.value, endpoint, calls };
}

function http2Client(t: TestContext, { host, port }: Address, initialWindowSize = 65_535): ClientHttp2Session {
  const session = connect(`http://${formatAddress({ host, port })}`, { settings: { initialWindowSize } });
  session.on("error", () => undefined);
  t.after(() => session.destroy());
  return session;
}

function tcpClient(t: TestContext, { host, port }: Address): Socket {
  const socket = connectTcp({ host, port, allowHalfOpen: true });
  socket.on("error", () => undefined);
  socket.resume();
  t.after(() => socket.destroy());
  return socket;
}

/** What a peer does in one call: the pieces it sends, one DATA frame each, and how it leaves. */
interface Script {
  readonly pieces: readonly Buffer[];
  readonly leaves: "end" | "reset" | "vanish";
  /** All messages whole and allowed, or one that is not allowed, or the last one not whole. */
  readonly ends: "ok" | "refused" | "cut";
}

function randomScript(random: Random): Script {
  const parts: Buffer[] = [];
  let ends: Script["ends"] = "ok";
  for (let count = random.below(4); count > 0 && ends === "ok"; count -= 1) {
    const body = Buffer.alloc(random.below(MESSAGE_BYTES_MAX), 120);
    const frame = messageFrame(body);
    const fate = random.below(6);
    if (fate === 0) {
      frame[0] = 1 + random.below(255);
      ends = "refused";
    } else if (fate === 1) {
      frame.writeUInt32BE(MESSAGE_BYTES_MAX + 1 + random.below(2 ** 32 - MESSAGE_BYTES_MAX - 1), 1);
      ends = "refused";
    } else if (fate === 2) ends = "cut";
    parts.push(ends === "cut" ? frame.subarray(0, 1 + random.below(frame.length - 1)) : frame);
  }
  const leaves = (["end", "end", "end", "reset", "vanish"] as const)[random.below(5)] ?? "end";
  return { pieces: randomPieces(Buffer.concat(parts), random), leaves, ends };
}

function randomPieces(bytes: Buffer, random: Random): readonly Buffer[] {
  const pieces: Buffer[] = [];
  const most = random.below(3) === 0 ? 2 : 700;
  for (let at = 0; at < bytes.length && pieces.length < 200;) {
    const size = 1 + random.below(most);
    pieces.push(bytes.subarray(at, at + size));
    at += size;
    if (pieces.length === 199) pieces.push(bytes.subarray(at));
    if (pieces.length === 200) break;
  }
  return pieces;
}

/** Unlike `once`, whatever error comes before. */
function closeOf(emitter: EventEmitter): Promise<void> {
  return new Promise((resolve) => emitter.once("close", () => resolve()));
}

/** Headers and trailers in one; empty for a peer that did not wait for them. */
async function play(session: ClientHttp2Session, { pieces, leaves }: Script): Promise<IncomingHttpHeaders> {
  const stream = session.request({ ":method": "POST", ":path": PATH, "content-type": "application/grpc" });
  const heard: IncomingHttpHeaders = {};
  stream.on("response", (part) => Object.assign(heard, part));
  stream.on("trailers", (part) => Object.assign(heard, part));
  stream.on("error", () => undefined);
  stream.resume();
  const closed = closeOf(stream);
  for (const piece of pieces) if (!stream.destroyed && !stream.writableEnded) stream.write(piece);
  if (leaves === "end") stream.end();
  else if (leaves === "reset") stream.close(constants.NGHTTP2_CANCEL);
  else session.destroy();
  await closed;
  return heard;
}

const good: Script = { pieces: [messageFrame(Buffer.from("a"))], leaves: "end", ends: "ok" };

async function assertServes(t: TestContext, address: Address): Promise<void> {
  assert.equal((await play(http2Client(t, address), good))["grpc-status"], "0");
}

describe("calls of hostile peers", { timeout: 60_000 }, () => {
  it("end with a status in words, whatever is sent and however it is cut, and none is left over", async (t) => {
    const { address, calls } = await open(t);
    const random = seededRandom(SEED);
    for (let connection = 0; connection < 40; connection += 1) {
      const session = http2Client(t, address);
      const scripts = Array.from({ length: 1 + random.below(8) }, () => randomScript(random));
      const vanishes = scripts.some(({ leaves }) => leaves === "vanish");
      const heard = await Promise.all(scripts.map((script) => play(session, script)));
      for (const [index, { leaves, ends }] of scripts.entries()) {
        // Where one peer of a connection vanishes, all of its calls may be lost.
        if (leaves !== "end" || vanishes) continue;
        const got = heard[index];
        const told = `seed ${SEED}, connection ${connection}, call ${index}: ${JSON.stringify(got)}`;
        assert.equal(got?.["grpc-status"] === "0", ends === "ok", told);
        if (ends === "cut") assert.equal(got?.["grpc-status"], String(status.INTERNAL), told);
        if (ends !== "ok") assert.ok((got?.["grpc-message"] ?? "").length > 0, told);
      }
      session.destroy();
    }
    await Promise.all(calls.map(({ closed }) => closed.promise));
    await assertServes(t, address);
  });

  it("on connections of random frames do no harm to others", async (t) => {
    const { address, calls } = await open(t);
    const random = seededRandom(SEED);
    for (let connection = 0; connection < 150; connection += 1) {
      const socket = tcpClient(t, address);
      socket.write(random.below(2) === 0 ? PREFACE : openingBytes(PATH));
      for (let count = 1 + random.below(12); count > 0; count -= 1) {
        const payload = Buffer.alloc(random.below(random.below(4) === 0 ? 16_000 : 40), random.below(256));
        const stream = [0, 1, 1, 3, 2, 0x7fff_ffff][random.below(6)] ?? 1;
        socket.write(frameBytes({ type: random.below(12), flags: random.below(256), stream, payload }));
      }
      // Half of them leave politely, the others in the middle of whatever they said.
      if (random.below(2) === 0) socket.end();
      else socket.destroy();
      if (!socket.destroyed) await Promise.race([closeOf(socket), new Promise((end) => socket.once("end", end))]);
      socket.destroy();
    }
    await assertServes(t, address);
    await Promise.all(calls.map(({ closed }) => closed.promise));
  });

  it("that are opened in floods and reset at once leave the endpoint serving", async (t) => {
    const { address, calls } = await open(t);
    const socket = tcpClient(t, address);
    const closed = closeOf(socket);
    const head = openingBytes(PATH).subarray(PREFACE.length + 9);
    socket.write(openingBytes(PATH));
    for (let stream = 3; stream < 20_003; stream += 2) {
      const again = Buffer.from(head);
      again.writeUInt32BE(stream, 5);
      socket.write(again);
      socket.write(frameBytes({ type: FRAME.reset, stream, payload: Buffer.from([0, 0, 0, 8]) }));
    }
    // Read to its end, or cut because it was too much.
    await Promise.race([closed, new Promise<void>((written) => socket.end(() => written()))]);
    await assertServes(t, address);
    socket.destroy();
    await closed;
    await Promise.all(calls.map(({ closed: over }) => over.promise));
  });

  it("that begin and never go on are bounded, and the next one waits at its client", async (t) => {
    const { address, calls } = await open(t);
    const session = http2Client(t, address);
    await once(session, "remoteSettings");
    const start = (): ReturnType<ClientHttp2Session["request"]> => {
      const stream = session.request({ ":method": "POST", ":path": PATH, "content-type": "application/grpc" });
      stream.on("error", () => undefined);
      // Half of a prefix.
      stream.write(Buffer.from([0, 0]));
      return stream;
    };
    const halves = Array.from({ length: CALLS_PER_CONNECTION_MAX }, start);
    await assertServes(t, address);
    const waiting = play(session, good);
    await assertServes(t, address);
    assert.ok(calls.length <= CALLS_PER_CONNECTION_MAX + 2, `${calls.length} calls were let in`);
    for (const half of halves) half.close(constants.NGHTTP2_CANCEL);
    // It goes out with the first of them and may still meet the limit; the next one does not.
    await waiting;
    assert.equal((await play(session, good))["grpc-status"], "0");
  });

  it("that never open their window are not written to without end", async (t) => {
    const { address, endpoint, calls } = await open(t);
    const session = http2Client(t, address, 0);
    const stream = session.request({ ":method": "POST", ":path": PATH, "content-type": "application/grpc" });
    stream.on("error", () => undefined);
    stream.write(messageFrame(Buffer.from("a")));
    await once(stream, "response");
    const { call, closed } = calls[0] ?? assert.fail();
    call.write(messageFrame(Buffer.alloc(4 * CALL_WRITE_BYTES_MAX)));
    assert.equal(call.isWritable, false);
    await assertServes(t, address);
    await endpoint.stop(20);
    await closed.promise;
  });
});

describe("an endpoint that stops", { timeout: 20_000 }, () => {
  it("does not wait for a peer that hears nothing of it and holds its connection", async (t) => {
    const { address, endpoint, calls } = await open(t);
    const socket = tcpClient(t, address);
    const data = frameBytes({ type: FRAME.data, stream: 1, payload: messageFrame(Buffer.from("a")) });
    socket.write(Buffer.concat([openingBytes(PATH), data]));
    await once(socket, "data");
    socket.pause();
    await assertServes(t, address);
    await endpoint.stop(20);
    await calls[0]?.closed.promise;
  });

  it("takes no new call from a peer that was told to go, and lets the open one end", async (t) => {
    const { address, endpoint, calls } = await open(t);
    const session = http2Client(t, address);
    const stream = session.request({ ":method": "POST", ":path": PATH, "content-type": "application/grpc" });
    const heard: IncomingHttpHeaders = {};
    stream.on("trailers", (part) => Object.assign(heard, part));
    stream.write(messageFrame(Buffer.from("a")));
    await once(stream, "data");
    const goAway = once(session, "goaway");
    const stopped = endpoint.stop(10_000);
    await goAway;
    assert.notEqual((await play(session, good))["grpc-status"], "0");
    stream.end(messageFrame(Buffer.from("b")));
    stream.resume();
    await once(stream, "close");
    assert.equal(heard["grpc-status"], "0");
    await stopped;
    assert.equal(calls.length, 1);
  });
});
