import { connect, type Socket } from "node:net";

import type { Address } from "../../shared/address.ts";
import { unreachable } from "../../shared/assert.ts";
import { TUNNEL_KEEPALIVE_MS, WRITE_STALL_MS } from "../../shared/defaults.ts";
import { RELAY_BUFFER_BYTES_MAX } from "../../shared/limits.ts";
import { Deadline, type DeadlineOwner, type TimerWheel } from "../../shared/timer-wheel.ts";
import type { BodySink, HeaderList, ResponseHead } from "../http1/message.ts";
import { ResponseDecoder } from "../http1/response-decoder.ts";
import type { ConcurrencyLimit } from "../policy/concurrency-limit.ts";
import { descriptors } from "../socket/descriptors.ts";
import { MessageWriter } from "../socket/message-writer.ts";

/**
 * How a connection failed its request:
 * - `connect-failed`, `connect-timeout`: never established.
 * - `unsent`: established, but the kernel took nothing of the request.
 * - `died`: closed or reset by the upstream before the response was complete.
 * - `stalled`: the upstream took no bytes for WRITE_STALL_MS.
 * - `protocol`: what came is not a response, or not the one that was announced.
 */
export type UpstreamFailure = "connect-failed" | "connect-timeout" | "unsent" | "died" | "stalled" | "protocol";

/**
 * What happens to a tunnel:
 * - `ended`: the upstream has closed its side; it may still be sent to.
 * - `sent`: all that was to be sent, and the end after it, has been taken by the kernel.
 */
export type TunnelEvent = "ended" | "sent";

/** The one exchange that has a connection. Told nothing more after `onEnd`, `onBroken` or `UpstreamConnection.abandon`. */
export interface UpstreamOwner extends BodySink {
  /** The request may be written. */
  onConnected(): void;
  /** A response head; below 200 another one follows. */
  onHead(head: ResponseHead): void;
  /** The response is complete, and the connection is no longer the owner's. */
  onEnd(trailers: HeaderList): void;
  /** All that was read at once has been told: the time to write what came of it. */
  onBatch(): void;
  onBroken(failure: UpstreamFailure): void;
  onTunnel(event: TunnelEvent): void;
  /** The socket takes more of the request. */
  onWritable(): void;
  /** One of the calls above threw. The connection is closed. */
  onBug(error: unknown): void;
}

type SocketEvent = "read" | "connect" | "drain" | "sent" | "end" | "error" | "close" | "deadline";

/** What a connection tells the pool it belongs to. */
export interface ConnectionOwner {
  readonly wheel: TimerWheel;
  onIdle(connection: UpstreamConnection): void;
  onClosed(connection: UpstreamConnection): void;
}

/**
 * What a read takes at most, so that it fits into one segment of Linux's loopback with the lines around two chunks: 64 KiB
 * less the headers of IPv6 and TCP with its timestamps is 65,464. The few bytes beyond it would be a segment of their own,
 * which costs as much as the first one (its acknowledgement, its wake-up, with BBR a timer): a quarter of the CPU of
 * chunked bodies.
 */
const READ_BYTES_MAX = RELAY_BUFFER_BYTES_MAX - 72 - 64;

/**
 * All upstream sockets read into one buffer: what is read is used up, or copied, before the next read. Saves an
 * allocation of that size per read.
 */
const readBuffer = Buffer.allocUnsafeSlow(READ_BYTES_MAX);

/**
 * One connection to an endpoint.
 *
 *     connecting ──▶ busy ⇄ idle ──▶ closed
 *                     └──▶ tunnel ──────┘
 *
 * Invariants:
 * - It goes idle only when the request was sent whole, the response was read whole, both sides keep it alive, and no byte
 *   came beyond the response (http1.md F22). Bytes that come while it is idle close it and reach nobody (F23).
 * - The owner hears of exactly one end.
 */
export class UpstreamConnection implements DeadlineOwner, BodySink {
  readonly writer: MessageWriter;
  /** Requests completed on it before the present one. */
  served = 0;
  /** Milliseconds the endpoint keeps an idle connection, by its `Keep-Alive: timeout=`; 0 when it did not say. */
  keepAliveHintMs = 0;
  /** The pool is drained: the connection closes after the present response. */
  isRetired = false;
  isConnected = false;
  /** Gets it back when the connection closes. */
  countedBy: ConcurrencyLimit | undefined = undefined;

  readonly #pool: ConnectionOwner;
  readonly #socket: Socket;
  readonly #decoder = new ResponseDecoder();
  /** Connecting, then idle, then stalled: never two of these at once. */
  readonly #deadline = new Deadline(this);
  #owner: UpstreamOwner | undefined;
  #isRequestSent = false;
  #isUnsent = false;
  #isPaused = false;
  #isClosed = false;
  #isTunnel = false;
  /** Both sides of the tunnel were closed in order. */
  #isReadEnded = false;
  #isWriteEnded = false;
  #bytesWrittenBefore = 0;

  constructor(pool: ConnectionOwner, address: Address, connectTimeoutMs: number, owner: UpstreamOwner) {
    this.#pool = pool;
    this.#owner = owner;
    descriptors.count(1);
    this.#socket = connect({
      host: address.host,
      port: address.port,
      noDelay: true,
      // One side of a tunnel may be closed long before the other.
      allowHalfOpen: true,
      onread: { buffer: readBuffer, callback: (length) => this.#on("read", length) },
    });
    this.writer = new MessageWriter(this.#socket);
    this.#socket.on("connect", () => this.#on("connect", 0));
    this.#socket.on("end", () => this.#on("end", 0));
    this.#socket.on("error", () => this.#on("error", 0));
    this.#socket.on("close", () => this.#on("close", 0));
    this.#socket.on("drain", () => this.#on("drain", 0));
    pool.wheel.arm(this.#deadline, connectTimeoutMs);
  }

  /** The peer's address and port once connected, for the guard against loops. */
  get remote(): { readonly address: string | undefined; readonly port: number | undefined; readonly isOwn: boolean } {
    const { remoteAddress, remotePort, localAddress } = this.#socket;
    return { address: remoteAddress, port: remotePort, isOwn: remoteAddress === localAddress };
  }

  get responseBytesSeen(): number {
    return this.#decoder.responseBytesSeen;
  }

  /** Whether the kernel may have taken bytes of the present request. */
  get requestBytesWritten(): number {
    return this.writer.bytesWritten - this.#bytesWrittenBefore;
  }

  /** Nobody owns it now: it closes after `idleMs`, or when the upstream closes it or sends anything. */
  rest(idleMs: number): void {
    this.resume();
    this.#pool.wheel.arm(this.#deadline, idleMs);
  }

  /** Gives an idle connection to an owner. */
  take(owner: UpstreamOwner): void {
    this.#owner = owner;
    this.#pool.wheel.cancel(this.#deadline);
  }

  /** Before the first byte of a request. `upgrade` is the protocol it asks for, or "". */
  beginRequest(method: string, upgrade: string): void {
    this.#isRequestSent = false;
    this.#bytesWrittenBefore = this.writer.bytesWritten;
    this.#decoder.begin(method, upgrade);
  }

  /** The owner has got a 101: both directions are its own, each until it is closed. */
  beginTunnel(): void {
    this.#isTunnel = true;
    this.#socket.setKeepAlive(true, TUNNEL_KEEPALIVE_MS);
  }

  /** The same without any request before it. */
  beginRawTunnel(): void {
    this.#decoder.beginTunnel();
    this.beginTunnel();
  }

  /** Nothing more will be written into the tunnel. */
  endTunnel(): void {
    this.flush();
    this.#socket.end(() => this.#on("sent", 0));
  }

  /** Writes out what the writer has gathered. False: wait for `onWritable`. */
  flush(): boolean {
    const isFirstWrite = this.requestBytesWritten === 0;
    const hasRoom = this.writer.flush();
    // The kernel refused the first write at once, so it took none of it: the request may go elsewhere, whatever it is.
    if (isFirstWrite && this.#socket.errored !== null) this.#isUnsent = true;
    if (hasRoom) return true;
    if (!this.#deadline.isArmed) this.#pool.wheel.arm(this.#deadline, WRITE_STALL_MS);
    return false;
  }

  /** The last byte of the request has been given to the writer. */
  endRequest(): void {
    this.#isRequestSent = true;
  }

  pause(): void {
    this.#isPaused = true;
    this.#socket.pause();
  }

  resume(): void {
    if (!this.#isPaused || this.#isClosed) return;
    this.#isPaused = false;
    this.#socket.resume();
  }

  /** The owner is not interested any more: the connection closes, for its response is still to come. */
  abandon(): void {
    this.#owner = undefined;
    this.#close("died");
  }

  onDeadline(): void {
    this.#on("deadline", 0);
  }

  onBody(bytes: Buffer, start: number, end: number): void {
    this.#owner?.onBody(bytes, start, end);
  }

  /** The edge: what throws below is a bug of ours, and ends one exchange instead of the process. */
  #on(event: SocketEvent, length: number): boolean {
    const owner = this.#owner;
    try {
      this.#handle(event, length);
    } catch (error) {
      this.abandon();
      if (owner === undefined) throw error;
      owner.onBug(error);
    }
    return true;
  }

  // Hot: once per event of the socket.
  #handle(event: SocketEvent, length: number): void {
    switch (event) {
      case "read":
        return this.#onRead(length);
      case "connect":
        return this.#onConnected();
      case "drain":
        return this.#onDrain();
      case "sent":
        return this.#onTunnelSent();
      case "end":
        return this.#onEof();
      case "error":
        return this.#close(this.#failureKind());
      case "close":
        return this.#close("died");
      case "deadline":
        return this.#onOverdue();
      default:
        return unreachable(event);
    }
  }

  #onOverdue(): void {
    if (!this.isConnected) this.#close("connect-timeout");
    else if (this.#owner === undefined) this.#close("died");
    else if (!this.writer.hasRoom) this.#close("stalled");
  }

  #onConnected(): void {
    this.isConnected = true;
    this.#pool.wheel.cancel(this.#deadline);
    this.#owner?.onConnected();
  }

  #onDrain(): void {
    if (this.#owner === undefined) return;
    this.#pool.wheel.cancel(this.#deadline);
    this.#owner.onWritable();
  }

  #onRead(length: number): void {
    if (this.#isClosed) return;
    if (this.#owner === undefined) this.#close("died");
    else this.#decode(length, this.#owner);
  }

  #decode(length: number, owner: UpstreamOwner): void {
    let offset = 0;
    for (;;) {
      offset = this.#decoder.read(readBuffer, offset, length, this);
      switch (this.#decoder.step) {
        case "need-more":
          if (this.#owner === owner) owner.onBatch();
          return;
        case "head":
          owner.onHead(this.#decoder.head);
          if (this.#owner !== owner) return;
          break;
        case "done":
          if (this.#owner === owner) this.#finish(owner, offset === length);
          return;
        case "failed":
          this.#close("protocol");
          return;
      }
    }
  }

  #onTunnelSent(): void {
    if (this.#isClosed) return;
    this.#isWriteEnded = true;
    this.#owner?.onTunnel("sent");
  }

  #onEof(): void {
    const owner = this.#owner;
    if (this.#isTunnel) {
      this.#isReadEnded = true;
      owner?.onTunnel("ended");
      return;
    }
    if (owner === undefined || !this.isConnected || this.#decoder.atEof() !== "done") {
      this.#close("died");
      return;
    }
    this.#finish(owner, false);
  }

  #finish(owner: UpstreamOwner, hasNoStrayBytes: boolean): void {
    // Taken before the pool may give the connection, and with it the decoder, to the next request.
    const { head, trailers } = this.#decoder;
    this.#owner = undefined;
    this.served += 1;
    if (head.keepAliveTimeoutSec > 0) this.keepAliveHintMs = head.keepAliveTimeoutSec * 1_000;
    const isSent = this.#isRequestSent && this.writer.isFlushed && this.writer.hasRoom;
    const isReusable = head.keepAlive && isSent && hasNoStrayBytes && !this.isRetired;
    if (isReusable) this.#pool.onIdle(this);
    else this.#close("died");
    owner.onEnd(trailers);
    owner.onBatch();
  }

  #failureKind(): UpstreamFailure {
    if (!this.isConnected) return "connect-failed";
    return this.#isUnsent ? "unsent" : "died";
  }

  #close(failure: UpstreamFailure): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    descriptors.count(-1);
    this.#pool.wheel.cancel(this.#deadline);
    // What is cut on one side of a tunnel must not look like an orderly end on the other.
    if (this.#isTunnel && !(this.#isReadEnded && this.#isWriteEnded)) this.#socket.resetAndDestroy();
    else this.#socket.destroy();
    const owner = this.#owner;
    this.#owner = undefined;
    this.#pool.onClosed(this);
    owner?.onBroken(failure);
  }
}
