import {
  createServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from "node:http2";
import type { Socket } from "node:net";

import { status } from "@grpc/grpc-js";

import type { Address } from "../../shared/address.ts";
import type { Clock } from "../../shared/clock.ts";
import { CALLS_PER_CONNECTION_MAX, XDS_CONNECTIONS_MAX, XDS_SESSION_MEGABYTES_MAX } from "../../shared/limits.ts";
import { err, ok, type Result } from "../../shared/result.ts";
import type { Timer, Timers } from "../../shared/timers.ts";
import { trailersOf } from "./call-end.ts";
import { GrpcCall, type CallReceiver } from "./grpc-call.ts";
import { parseGrpcTimeout } from "./grpc-timeout.ts";
import { KeepAlive } from "./keep-alive.ts";

export interface Method {
  /** `/package.Service/Method`. */
  readonly path: string;
  readonly accept: (call: GrpcCall) => CallReceiver;
}

export interface GrpcEndpointOptions {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly methods: readonly Method[];
  /** A longer message is refused with RESOURCE_EXHAUSTED. */
  readonly messageBytesMax: number;
}

/** Timers hold 31 bits of milliseconds; a call with a longer deadline may as well have none. */
const TIMER_MS_MAX = 2_147_483_647;

/**
 * A gRPC server of raw messages, directly on HTTP/2 (gRPC over HTTP/2, the protocol's page): at a thousand streams and
 * more, the layers of a general server cost as much as all of the mesh's own work on a push.
 */
export class GrpcEndpoint {
  readonly #options: GrpcEndpointOptions;
  readonly #methods: ReadonlyMap<string, Method>;
  readonly #server: Http2Server;
  readonly #keepAlive: KeepAlive;
  readonly #sockets = new Set<Socket>();
  #heart: Timer | undefined = undefined;

  constructor(options: GrpcEndpointOptions) {
    this.#options = options;
    this.#methods = new Map(options.methods.map((method) => [method.path, method]));
    this.#keepAlive = new KeepAlive();
    this.#server = createServer({
      settings: { maxConcurrentStreams: CALLS_PER_CONNECTION_MAX },
      maxSessionMemory: XDS_SESSION_MEGABYTES_MAX,
    });
    this.#server.maxConnections = XDS_CONNECTIONS_MAX;
    this.#server.on("connection", (socket: Socket) => this.#onConnection(socket));
    this.#server.on("session", (session: ServerHttp2Session) => this.#onSession(session));
    this.#server.on("stream", (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) =>
      this.#onStream(stream, headers),
    );
  }

  #onConnection(socket: Socket): void {
    this.#sockets.add(socket);
    socket.once("close", () => this.#sockets.delete(socket));
  }

  #onSession(session: ServerHttp2Session): void {
    // A broken connection ends its streams, and each call is told by its own.
    session.on("error", () => session.destroy());
    this.#keepAlive.onOpened(session);
    session.on("close", () => this.#keepAlive.onClosed(session));
  }

  #onStream(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
    const path = headers[":path"] ?? "";
    const { clock, timers, messageBytesMax } = this.#options;
    if (!isGrpc(headers)) return refuseHttp(stream);
    const socket = stream.session?.socket;
    const peer = `${socket?.remoteAddress}:${socket?.remotePort}`;
    const call = new GrpcCall(stream, { clock, timers, messageBytesMax, peer });
    const method = this.#methods.get(path);
    if (method === undefined) return call.end({ code: status.UNIMPLEMENTED, details: `no such method: ${path}` });
    const encoding = headers["grpc-encoding"] ?? "identity";
    if (encoding !== "identity") {
      return call.end({ code: status.UNIMPLEMENTED, details: `grpc-encoding ${String(encoding)} is not read` });
    }
    if (!limit(call, headers["grpc-timeout"])) return;
    call.attach(method.accept(call));
  }

  /** Opens the port; 0 picks a free one. The address really bound, or why it could not be. */
  async start({ host, port }: Address): Promise<Result<Address, string>> {
    const bound = await new Promise<Result<Address, string>>((resolve) => {
      // It stays: later errors are of connections that could not be accepted, and no reason to end the process.
      this.#server.on("error", (error: NodeJS.ErrnoException) => {
        resolve(err(error.code === "EADDRINUSE" ? `port ${port} of ${host} is in use` : error.message));
      });
      this.#server.listen({ host, port }, () => {
        const address = this.#server.address();
        resolve(ok({ host, port: typeof address === "object" && address !== null ? address.port : port }));
      });
    });
    if (bound.ok) this.#heart = this.#options.timers.every(KeepAlive.PERIOD_MS, () => this.#keepAlive.onBeat());
    return bound;
  }

  /** No new connections and calls; what is open may end by itself within `graceMs`, then it is cut. */
  async stop(graceMs: number): Promise<void> {
    this.#heart?.cancel();
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    // GOAWAY; the connection closes when its calls are over.
    for (const session of this.#keepAlive.sessions()) session.close();
    const cut = this.#options.timers.after(graceMs, () => {
      for (const session of this.#keepAlive.sessions()) session.destroy();
      // Of a session that was asked to close, node:http2 ends the connection by half and waits for a peer that may be gone.
      for (const socket of this.#sockets) socket.destroy();
    });
    await closed;
    cut.cancel();
  }
}

function isGrpc(headers: IncomingHttpHeaders): boolean {
  return headers[":method"] === "POST" && /^application\/grpc($|[+;])/.test(headers["content-type"] ?? "");
}

/** Whoever does not speak gRPC cannot read its status: HTTP's is for them. */
function refuseHttp(stream: ServerHttp2Stream): void {
  stream.on("error", () => stream.destroy());
  const end = { code: status.UNIMPLEMENTED, details: "this port speaks gRPC: POST with content-type application/grpc" };
  stream.respond({ ":status": 415, ...trailersOf(end) }, { endStream: true });
  stream.resume();
}

function limit(call: GrpcCall, timeout: string | readonly string[] | undefined): boolean {
  if (timeout === undefined) return true;
  const timeoutMs = typeof timeout === "string" ? parseGrpcTimeout(timeout) : undefined;
  if (timeoutMs === undefined) {
    call.end({ code: status.INTERNAL, details: `grpc-timeout ${String(timeout)} cannot be read` });
    return false;
  }
  if (timeoutMs <= TIMER_MS_MAX) call.limit(timeoutMs);
  return true;
}
