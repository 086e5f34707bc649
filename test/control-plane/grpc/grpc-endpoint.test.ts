import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, constants, type ClientHttp2Session, type IncomingHttpHeaders } from "node:http2";
import { connect as connectTcp } from "node:net";
import { describe, it, type TestContext } from "node:test";

import { Client, credentials, Metadata, status, type ServiceError } from "@grpc/grpc-js";

import type { CallReceiver, GrpcCall } from "../../../control-plane/grpc/grpc-call.ts";
import { GrpcEndpoint } from "../../../control-plane/grpc/grpc-endpoint.ts";
import { messageFrame } from "../../../control-plane/grpc/message-frame.ts";
import { unaryMethod, type UnaryHandler } from "../../../control-plane/grpc/unary-method.ts";
import { formatAddress, type Address } from "../../../shared/address.ts";
import { systemClock } from "../../../shared/clock.ts";
import { CALL_WRITE_BYTES_MAX } from "../../../shared/limits.ts";
import { err, ok } from "../../../shared/result.ts";
import { systemTimers } from "../../../shared/timers.ts";

// Over real sockets, by a client that shares no code with it, and by bare HTTP/2 for what such a client would never send.

const pass = (bytes: Buffer): Buffer => bytes;
const MESSAGE_BYTES_MAX = 1_000;

/** Answers each message with itself, and remembers what it was told. */
class Echo implements CallReceiver {
  readonly call: GrpcCall;
  readonly closed = Promise.withResolvers<void>();
  drains = 0;

  constructor(call: GrpcCall) {
    this.call = call;
  }

  onMessage(bytes: Buffer): void {
    if (bytes.toString() === "break the connection") this.call.destroyConnection();
    this.call.write(messageFrame(bytes));
  }

  onHalfClose(): void {
    this.call.end({ code: status.OK, details: "" });
  }

  onDrain(): void {
    this.drains += 1;
  }

  onClosed(): void {
    this.closed.resolve();
  }
}

interface Opened {
  readonly address: Address;
  readonly endpoint: GrpcEndpoint;
  /** The calls of `/test.Echo/Echo`, in order. */
  readonly calls: readonly Echo[];
}

async function open(
  t: TestContext,
  handler: UnaryHandler<Buffer, Buffer> = async (bytes) => ok(bytes),
): Promise<Opened> {
  const calls: Echo[] = [];
  const accept = (call: GrpcCall): Echo => {
    calls.push(new Echo(call));
    return calls.at(-1) ?? assert.fail();
  };
  const definition = { path: "/test.Echo/Unary", requestDeserialize: pass, responseSerialize: pass };
  const endpoint = new GrpcEndpoint({
    clock: systemClock,
    timers: systemTimers,
    methods: [{ path: "/test.Echo/Echo", accept }, unaryMethod(definition, handler)],
    messageBytesMax: MESSAGE_BYTES_MAX,
  });
  const address = await endpoint.start({ host: "127.0.0.1", port: 0 });
  assert.ok(address.ok);
  t.after(() => endpoint.stop(0));
  return { address: address.value, endpoint, calls };
}

function grpcClient(t: TestContext, address: Address): Client {
  const client = new Client(formatAddress(address), credentials.createInsecure());
  t.after(() => client.close());
  return client;
}

async function unary(t: TestContext, address: Address, body: Buffer, deadline = Infinity): Promise<Buffer> {
  const client = grpcClient(t, address);
  return new Promise((resolve, reject) =>
    client.makeUnaryRequest("/test.Echo/Unary", pass, pass, body, new Metadata(), { deadline }, (error, answer) =>
      error === null && answer !== undefined ? resolve(answer) : reject(error ?? new Error("no answer")),
    ),
  );
}

function http2Client(t: TestContext, address: Address): ClientHttp2Session {
  const session = connect(`http://${formatAddress(address)}`);
  session.on("error", () => undefined);
  t.after(() => session.destroy());
  return session;
}

/** Headers and trailers of a call made by hand, in one. */
async function bare(
  session: ClientHttp2Session,
  { headers = {}, body }: { headers?: Record<string, string>; body: Buffer },
): Promise<IncomingHttpHeaders> {
  const stream = session.request({
    ":method": "POST",
    ":path": "/test.Echo/Echo",
    "content-type": "application/grpc",
    te: "trailers",
    ...headers,
  });
  const heard: IncomingHttpHeaders = {};
  stream.on("response", (part) => Object.assign(heard, part));
  stream.on("trailers", (part) => Object.assign(heard, part));
  stream.on("error", () => undefined);
  stream.resume();
  stream.end(body);
  await once(stream, "close");
  return heard;
}

describe("a unary call", { timeout: 20_000 }, () => {
  it("gets its answer", async (t) => {
    const { address } = await open(t);
    assert.deepEqual(await unary(t, address, Buffer.from("hello")), Buffer.from("hello"));
  });

  it("that fails gets its status, with words of any script", async (t) => {
    const details = "100 % nicht möglich: 山\nnext line";
    const { address } = await open(t, async () => err({ code: status.NOT_FOUND, details }));
    await assert.rejects(unary(t, address, Buffer.from("a")), { code: status.NOT_FOUND, details });
  });

  it("whose handler throws is an internal error, and the next call is served", async (t) => {
    const { address } = await open(t, async (bytes) => {
      if (bytes.length === 1) throw new Error("broken");
      return ok(bytes);
    });
    await assert.rejects(unary(t, address, Buffer.from("a")), { code: status.INTERNAL });
    assert.deepEqual(await unary(t, address, Buffer.from("ab")), Buffer.from("ab"));
  });

  it("ends at its deadline, and its handler learns of it", async (t) => {
    const told = Promise.withResolvers<void>();
    const { address } = await open(t, async (_, signal) => {
      signal.addEventListener("abort", () => told.resolve());
      await told.promise;
      return err({ code: status.ABORTED, details: "" });
    });
    const call = bare(http2Client(t, address), {
      headers: { ":path": "/test.Echo/Unary", "grpc-timeout": "20m" },
      body: messageFrame(Buffer.from("a")),
    });
    await told.promise;
    assert.equal((await call)["grpc-status"], String(status.DEADLINE_EXCEEDED));
  });
});

describe("a stream", { timeout: 20_000 }, () => {
  it("answers each message, and ends when the client has no more", async (t) => {
    const { address } = await open(t);
    const stream = grpcClient(t, address).makeBidiStreamRequest("/test.Echo/Echo", pass, pass);
    stream.write(Buffer.from("a"));
    assert.deepEqual(await once(stream, "data"), [Buffer.from("a")]);
    stream.write(Buffer.from("b"));
    assert.deepEqual(await once(stream, "data"), [Buffer.from("b")]);
    stream.end();
    const [end] = (await once(stream, "status")) as { code: number }[];
    assert.equal(end?.code, status.OK);
  });

  it("that the client cancels, or whose connection breaks, is over", async (t) => {
    const { address, calls } = await open(t);
    const stream = grpcClient(t, address).makeBidiStreamRequest("/test.Echo/Echo", pass, pass);
    stream.on("error", () => undefined);
    stream.write(Buffer.from("a"));
    await once(stream, "data");
    stream.cancel();
    await calls[0]?.closed.promise;

    const session = http2Client(t, address);
    const raw = session.request({ ":method": "POST", ":path": "/test.Echo/Echo", "content-type": "application/grpc" });
    raw.on("error", () => undefined);
    raw.write(messageFrame(Buffer.from("a")));
    await once(raw, "data");
    session.destroy();
    await calls[1]?.closed.promise;
    assert.equal(calls[1]?.call.isOver, true);
  });

  it("whose connection is lost in this moment can still be written to and ended, without effect", async (t) => {
    const { address, calls } = await open(t);
    const stream = grpcClient(t, address).makeBidiStreamRequest("/test.Echo/Echo", pass, pass);
    stream.on("error", () => undefined);
    stream.write(Buffer.from("break the connection"));
    await until(() => calls.length > 0);
    await calls[0]?.closed.promise;
    assert.equal(calls[0]?.call.isOver, true);
  });

  it("ended by the server while the client still sends tells why", async (t) => {
    const { address, calls } = await open(t);
    const stream = grpcClient(t, address).makeBidiStreamRequest("/test.Echo/Echo", pass, pass);
    stream.write(Buffer.from("a"));
    await once(stream, "data");
    calls[0]?.call.end({ code: status.UNAVAILABLE, details: "stopping" });
    const [error] = (await once(stream, "error")) as ServiceError[];
    assert.deepEqual([error?.code, error?.details], [status.UNAVAILABLE, "stopping"]);
  });

  it("writes a long frame in pieces as its peer reads, and says when it is done", async (t) => {
    const { address, calls } = await open(t);
    const session = http2Client(t, address);
    const raw = session.request({ ":method": "POST", ":path": "/test.Echo/Echo", "content-type": "application/grpc" });
    raw.on("error", () => undefined);
    raw.write(messageFrame(Buffer.from("a")));
    await once(raw, "data");
    const frame = messageFrame(Buffer.alloc(8 * CALL_WRITE_BYTES_MAX, 7));
    raw.pause();
    const echo = calls[0] ?? assert.fail();
    echo.call.write(frame);
    assert.equal(echo.call.isWritable, false);
    // Another stream of the same connection goes on meanwhile.
    const other = await bare(session, { body: messageFrame(Buffer.from("b")) });
    assert.equal(other["grpc-status"], "0");
    assert.deepEqual([echo.drains, echo.call.isWritable], [0, false]);
    let received = 0;
    for await (const piece of raw) {
      received += (piece as Buffer).length;
      if (received === frame.length) break;
    }
    assert.equal(received, frame.length);
    await echo.closed.promise;
  });
});

describe("what is no proper call", { timeout: 20_000 }, () => {
  it("gets a status with words", async (t) => {
    const { address } = await open(t);
    const session = http2Client(t, address);
    const body = messageFrame(Buffer.from("a"));
    const compressed = Buffer.from([1, 0, 0, 0, 0]);
    const large = Buffer.from([0, 0, 0, 255, 255]);
    const cases = [
      [status.UNIMPLEMENTED, { headers: { ":path": "/test.Echo/Nothing" }, body }],
      [status.UNIMPLEMENTED, { headers: { "grpc-encoding": "gzip" }, body }],
      [status.UNIMPLEMENTED, { body: compressed }],
      [status.RESOURCE_EXHAUSTED, { body: large }],
      [status.INTERNAL, { body: body.subarray(0, 3) }],
      [status.INTERNAL, { headers: { "grpc-timeout": "soon" }, body }],
      [status.INTERNAL, { headers: { ":path": "/test.Echo/Unary" }, body: Buffer.alloc(0) }],
      [status.INTERNAL, { headers: { ":path": "/test.Echo/Unary" }, body: Buffer.concat([body, body]) }],
    ] as const;
    for (const [code, call] of cases) {
      const heard = await bare(session, call);
      assert.equal(heard["grpc-status"], String(code), JSON.stringify(heard));
      assert.ok((heard["grpc-message"] ?? "").length > 0);
    }
    const html = await bare(session, { headers: { "content-type": "text/html" }, body });
    assert.equal(html[":status"], 415);
    assert.equal((await bare(session, { body }))["grpc-status"], "0", "the connection still serves");
  });

  it("on a connection that is no HTTP/2 harms nobody else", async (t) => {
    const { address } = await open(t);
    for (const text of [
      "GET / HTTP/1.1\r\nhost: a\r\n\r\n",
      "\0\0\0\0\0\0\0\0".repeat(20),
      "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nxx",
    ]) {
      const socket = connectTcp(address.port, address.host);
      socket.on("error", () => undefined);
      socket.resume();
      socket.end(text);
      await once(socket, "close");
    }
    assert.deepEqual(await unary(t, address, Buffer.from("hello")), Buffer.from("hello"));
  });

  it("is cut when its stream is reset in the middle of a message", async (t) => {
    const { address, calls } = await open(t);
    const session = http2Client(t, address);
    const raw = session.request({ ":method": "POST", ":path": "/test.Echo/Echo", "content-type": "application/grpc" });
    raw.on("error", () => undefined);
    raw.write(Buffer.concat([messageFrame(Buffer.from("a")), Buffer.from([0, 0, 0])]));
    await once(raw, "data");
    raw.close(constants.NGHTTP2_CANCEL);
    await calls[0]?.closed.promise;
    assert.equal((await bare(session, { body: messageFrame(Buffer.from("b")) }))["grpc-status"], "0");
  });
});

describe("an endpoint that stops", { timeout: 20_000 }, () => {
  it("lets calls end within the grace, and cuts those that do not", async (t) => {
    const { address, endpoint, calls } = await open(t);
    const stream = grpcClient(t, address).makeBidiStreamRequest("/test.Echo/Echo", pass, pass);
    const failed = once(stream, "error");
    stream.write(Buffer.from("a"));
    await once(stream, "data");
    await endpoint.stop(50);
    await calls[0]?.closed.promise;
    const [error] = (await failed) as ServiceError[];
    assert.equal(error?.code, status.UNAVAILABLE);
  });
});

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}
