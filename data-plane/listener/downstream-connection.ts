import type { Socket } from "node:net";

import { TUNNEL_KEEPALIVE_MS } from "../../shared/defaults.ts";
import { Deadline, type DeadlineOwner } from "../../shared/timer-wheel.ts";
import { RequestHead, type BodySink, type CodecFailure } from "../http1/message.ts";
import { RequestDecoder } from "../http1/request-decoder.ts";
import type { Downstream } from "../request/downstream.ts";
import { ProxyRequest } from "../request/proxy-request.ts";
import { RequestContext } from "../request/request-context.ts";
import { readDirectly } from "../socket/direct-reads.ts";
import { MessageWriter } from "../socket/message-writer.ts";
import type { ConnectionHome, OpenConnection } from "./connection-home.ts";
import { LingeringClose } from "./lingering-close.ts";
import { ReadGate } from "./read-gate.ts";
import { Rest, type RestOwner } from "./rest.ts";

const NO_BYTES = Buffer.alloc(0);

/**
 * One connection from a client: its requests, strictly one after the other (http1.md H10), each after its {@link Rest}.
 *
 *     waiting for a head ──▶ request coming ──▶ response going ──▶ waiting for a head
 *                   └───────────────┴── lingering: our side is closed, theirs is read and dropped ──▶ closed
 *
 * Invariants:
 * - While a request is unfinished nothing of the next one is decoded; its bytes are kept up to a bound, then not read.
 * - After a malformed request nothing more is decoded, ever: where the next message begins is unknown.
 * - A response that must close the connection is followed by FIN and a bounded wait, not by RST, which would take the
 *   response away from a client that is still sending.
 */
export class DownstreamConnection implements Downstream, OpenConnection, BodySink, DeadlineOwner, RestOwner {
  readonly writer: MessageWriter;
  readonly isRefused: boolean;
  readonly #home: ConnectionHome;
  readonly #socket: Socket;
  readonly #decoder: RequestDecoder;
  readonly #gate: ReadGate;
  readonly #rest: Rest;
  /** For the next bytes of the client: of a head, of a body, of the next request. */
  readonly #patience = new Deadline(this);
  readonly #stall = new Deadline(this);
  #sourceIp: string | undefined = undefined;
  #request: ProxyRequest | undefined = undefined;
  #isStarted = false;
  #isRequestComplete = false;
  #isDecoding = false;
  #isHalfClosed = false;
  #lingering: LingeringClose | undefined = undefined;
  #isClosed = false;
  #hasServed = false;
  #requests = 0;
  /** The present request asks for a tunnel, and whether it has got it. */
  #isSwitching = false;
  #isTunnel = false;
  /** Bytes of the chunk being decoded that are still to come; 0 outside of it. */
  #undecoded = 0;

  constructor(home: ConnectionHome, socket: Socket, isRefused: boolean) {
    this.isRefused = isRefused;
    this.#home = home;
    this.#socket = socket;
    this.#decoder = new RequestDecoder(home.services.codec);
    this.#gate = new ReadGate(socket);
    this.#rest = new Rest(this, home, this.#gate);
    this.writer = new MessageWriter(socket);
    readDirectly(socket, (bytes) => this.#on("data", bytes));
    socket.on("end", () => this.#on("end", NO_BYTES));
    socket.on("drain", () => this.#on("drain", NO_BYTES));
    for (const over of ["error", "close"]) socket.on(over, () => this.#on("close", NO_BYTES));
    this.#arm(this.#patience, home.times.headerMs);
  }

  get sourceIp(): string {
    this.#sourceIp ??= this.#socket.remoteAddress ?? "";
    return this.#sourceIp;
  }

  get restedMs(): number {
    return this.#rest.restedMs;
  }

  get mayLiveOn(): boolean {
    if (this.#home.isDraining || this.isRefused || this.#requests >= this.#home.requestsPerConnectionMax) return false;
    return !this.#isLast() && !this.#isClosed && !this.#isAmbiguous();
  }

  /** The client has closed its side, and nothing of it is left to decode. */
  #isLast(): boolean {
    return this.#isHalfClosed && !this.#gate.hasKept && this.#undecoded === 0;
  }

  /** What follows a request for a tunnel that was refused was perhaps meant for the tunnel: it is never decoded (H3). */
  #isAmbiguous(): boolean {
    return this.#isSwitching && (this.#gate.hasKept || this.#decoder.head.form === "authority");
  }

  flush(): boolean {
    const hasRoom = this.writer.flush();
    if (!hasRoom && !this.#stall.isArmed && !this.#isClosed) this.#arm(this.#stall, this.#home.times.writeStallMs);
    return hasRoom;
  }

  pauseBody(): void {
    this.#gate.pauseBody();
  }

  resumeBody(): void {
    if (this.#gate.resumeBody()) this.#awaitBody();
  }

  rest(ms: number): void {
    this.#rest.stayAway(ms);
  }

  beginTunnel(): void {
    this.#isTunnel = true;
    this.#home.tunnels += 1;
    this.#home.services.wheel.cancel(this.#patience);
    this.#socket.setKeepAlive(true, TUNNEL_KEEPALIVE_MS);
    const kept = this.#gate.take();
    if (kept !== undefined) this.#onTunnelBytes(kept);
    this.#gate.readOn();
    if (this.#isHalfClosed) this.#request?.onTunnelEnd();
  }

  endTunnel(): void {
    this.flush();
    this.#socket.end();
  }

  onResponseFinished(keepAlive: boolean): void {
    const isLast = !keepAlive || this.#isLast() || this.#isAmbiguous();
    this.#endRequest();
    this.flush();
    if (isLast) {
      this.#linger();
      return;
    }
    this.#hasServed = true;
    this.#decoder.reset();
    this.#arm(this.#patience, this.#home.times.keepAliveIdleMs);
    if (!this.#isDecoding) this.#decodeNext();
  }

  abort(): void {
    this.#endRequest();
    this.#destroy();
  }

  close(): void {
    this.#socket.destroy();
    this.#onClosed();
  }

  // The decoder's sink.
  onBody(bytes: Buffer, start: number, end: number): void {
    this.#request?.onBody(bytes.subarray(start, end));
  }

  onDeadline(deadline: Deadline): void {
    try {
      this.#onOverdue(deadline);
    } catch (error) {
      this.#onBug(error);
    }
  }

  onRestOver(): void {
    this.#on("rested", NO_BYTES);
  }

  /**
   * The edge: what throws below is a bug of ours, and ends one connection at most instead of the process. Returns whether
   * nothing of `bytes` is kept: what is sent has been copied.
   */
  #on(event: "data" | "end" | "drain" | "close" | "rested", bytes: Buffer): boolean {
    try {
      if (event === "data") this.#onData(bytes);
      else if (event === "drain") this.#onDrain();
      else if (event === "rested") this.#decodeNext();
      else if (event === "end") this.#onEnd();
      else this.#onClosed();
    } catch (error) {
      this.#isDecoding = false;
      this.#undecoded = 0;
      this.#onBug(error);
    }
    return !this.#gate.hasKept && this.#request?.ctx.body.isReplayable !== true;
  }

  #onBug(error: unknown): void {
    const request = this.#request;
    if (request !== undefined) request.onBug(error);
    else {
      this.#home.services.onBug(error);
      this.#destroy();
    }
  }

  #onOverdue(deadline: Deadline): void {
    if (deadline === this.#stall) {
      if (!this.writer.hasRoom) this.#destroy();
    } else if (this.#rest.isResting) this.#arm(deadline, this.#home.times.headerMs);
    else if (this.#request !== undefined) this.#onSlowBody(this.#request);
    else if (this.#decoder.started) this.#refuse("client-timeout");
    else {
      this.#home.idled += 1;
      this.#linger();
    }
  }

  #onSlowBody(request: ProxyRequest): void {
    // Not the client's fault while we do not read, and no matter when there is nothing left to read.
    if (this.#isRequestComplete || this.#gate.isBodyPaused) return;
    request.onBadRequest("client-timeout");
  }

  #onData(bytes: Buffer): void {
    if (this.#lingering !== undefined) {
      this.#lingering.onBytes(bytes.length);
    } else if (this.#isTunnel) {
      this.#onTunnelBytes(bytes);
    } else if (this.#gate.hasKept) {
      this.#gate.keep(bytes);
    } else if (this.isRefused || this.#request !== undefined || this.#decoder.started || !this.#rest.takes(bytes)) {
      this.#decode(bytes);
    }
  }

  #onTunnelBytes(bytes: Buffer): void {
    this.#request?.onBody(bytes);
    this.#request?.onBodyBatch();
  }

  #decodeNext(): void {
    const next = this.#gate.take();
    if (next !== undefined) this.#decode(next);
  }

  // Hot: once per chunk. Requests that are answered at once go round the loop, not down the stack.
  #decode(bytes: Buffer): void {
    this.#isDecoding = true;
    let offset = 0;
    while (this.#lingering === undefined && !this.#isClosed) {
      if (this.#isRequestComplete) {
        if (offset < bytes.length) this.#gate.keep(bytes.subarray(offset));
        break;
      }
      offset = this.#decoder.read(bytes, offset, bytes.length, this);
      this.#undecoded = bytes.length - offset;
      const { step } = this.#decoder;
      if (step === "head") this.#beginRequest(this.#decoder.head);
      else if (step === "done") this.#completeRequest();
      else if (step === "need-more") {
        this.#onAllDecoded();
        break;
      } else {
        this.#onMalformed();
        break;
      }
    }
    this.#isDecoding = false;
    this.#undecoded = 0;
  }

  #beginRequest(head: RequestHead): void {
    const { services } = this.#home;
    if (services.fixedAuthority !== undefined) {
      head.authority = services.fixedAuthority;
      head.hostname = services.fixedAuthority;
      head.form = "origin";
    }
    this.#isSwitching = head.upgrade !== "" || head.form === "authority";
    this.#request = new ProxyRequest(new RequestContext(services, this, head));
    this.#home.inFlight += 1;
    this.#requests += 1;
    if (this.#requests === this.#home.requestsPerConnectionMax) this.#home.exhausted += 1;
  }

  #completeRequest(): void {
    this.#isRequestComplete = true;
    const request = this.#request;
    if (request === undefined) return;
    request.onBodyEnd(this.#decoder.trailers);
    this.#startOrFlush(request);
  }

  #onAllDecoded(): void {
    const request = this.#request;
    if (this.#isHalfClosed) {
      this.#onEnd();
    } else if (request !== undefined) {
      this.#startOrFlush(request);
      if (this.#request === request) this.#awaitBody();
    } else if (this.#decoder.started && this.#hasServed) {
      // Once per head, not per chunk of it: a client that sends a byte now and then gains no time.
      this.#hasServed = false;
      this.#arm(this.#patience, this.#home.times.headerMs);
    }
  }

  #awaitBody(): void {
    const { services, times } = this.#home;
    const startMs = this.#request?.ctx.startMs;
    const isBounded = times.requestMs > 0 && startMs !== undefined;
    const leftMs = isBounded ? startMs + times.requestMs - services.clock.nowMs() : Infinity;
    this.#arm(this.#patience, Math.min(times.bodyIdleMs, Math.max(0, leftMs)));
  }

  /** The beginning of the body that came with the head leaves in one write with it. */
  #startOrFlush(request: ProxyRequest): void {
    if (this.#isStarted) {
      request.onBodyBatch();
      return;
    }
    this.#isStarted = true;
    request.start();
  }

  #onMalformed(): void {
    const { failure } = this.#decoder;
    if (failure !== undefined) this.#refuse(failure);
  }

  /** Answers a message that is no proper request; the connection closes after it. */
  #refuse(why: CodecFailure | "client-timeout" | "client-ended-early"): void {
    if (this.#request === undefined) {
      // What is known of it is logged, and HEAD gets no body even so.
      this.#beginRequest(Object.assign(new RequestHead(), this.#decoder.head, { keepAlive: false }));
    }
    this.#isStarted = true;
    this.#request?.onBadRequest(why);
  }

  #endRequest(): void {
    if (this.#request === undefined) return;
    this.#request = undefined;
    this.#rest.restedMs = 0;
    this.#isStarted = false;
    this.#isRequestComplete = false;
    this.#isSwitching = false;
    this.#home.inFlight -= 1;
    if (this.#isTunnel) this.#home.tunnels -= 1;
    this.#isTunnel = false;
    this.#gate.resumeBody();
  }

  #onEnd(): void {
    this.#isHalfClosed = true;
    if (this.#lingering !== undefined) this.#lingering.onClientEnd();
    else if (this.#isTunnel) this.#request?.onTunnelEnd();
    else if (this.#rest.isResting) return;
    else if (this.#request === undefined && !this.#decoder.started) this.#linger();
    else if (!this.#isRequestComplete) this.#refuse("client-ended-early");
    // Else the client waits for its answer: it comes, and says that the connection closes.
  }

  #onDrain(): void {
    this.writer.reclaim();
    this.#home.services.wheel.cancel(this.#stall);
    this.#request?.onWritable();
  }

  #linger(): void {
    if (this.#lingering !== undefined || this.#isClosed) return;
    this.#gate.drop();
    const { services, times } = this.#home;
    services.wheel.cancel(this.#patience);
    services.wheel.cancel(this.#stall);
    this.#lingering = new LingeringClose(this.#socket, services.wheel, times, this.#isHalfClosed);
    this.#gate.readOn();
  }

  #destroy(): void {
    if (this.#lingering !== undefined) this.#socket.destroy();
    else this.#socket.resetAndDestroy();
    this.#onClosed();
  }

  #onClosed(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    const { wheel } = this.#home.services;
    wheel.cancel(this.#patience);
    wheel.cancel(this.#stall);
    this.#lingering?.onClosed();
    this.#rest.end();
    this.#gate.drop();
    const request = this.#request;
    this.#endRequest();
    request?.onClientGone();
    this.#home.onConnectionClosed(this);
  }

  #arm(deadline: Deadline, delayMs: number): void {
    if (!this.#isClosed) this.#home.services.wheel.arm(deadline, delayMs);
  }
}
