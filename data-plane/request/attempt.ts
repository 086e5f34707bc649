import { Deadline, type DeadlineOwner } from "../../shared/timer-wheel.ts";
import { type HeaderList, ResponseHead } from "../http1/message.ts";
import { CHUNK_END, chunkHeadText, lastChunkText, requestHeadText } from "../http1/write-head.ts";
import type { EndpointState } from "../runtime/endpoint-state.ts";
import type { ClusterRuntime } from "../runtime/runtime.ts";
import type { Verdict } from "../policy/verdict.ts";
import { poolOf, type PoolWaiter } from "../upstream/connection-pool.ts";
import type { TunnelEvent, UpstreamConnection, UpstreamFailure } from "../upstream/upstream-connection.ts";
import { leaveCluster } from "./admit-attempt.ts";
import type { AttemptFailure, AttemptTarget } from "./attempt-target.ts";
import { judgeAttempt } from "./judge-attempt.ts";
import { propagationLines } from "./propagate.ts";
import type { RequestContext } from "./request-context.ts";

/** Told of the attempts of one request: of one at a time, or two while one is hedged; only the one that wins has a body. After `onAttemptFailed` and `onResponseEnd` nothing more comes of it. */
export interface AttemptOwner {
  /** A head below 200 that another one will follow. */
  onInformational(head: ResponseHead): void;
  onResponse(head: ResponseHead, attempt: Attempt): void;
  onResponseBody(bytes: Buffer, start: number, end: number): void;
  onResponseEnd(trailers: HeaderList): void;
  /** Everything that was read at once has been told. */
  onResponseBatch(): void;
  onAttemptFailed(failure: AttemptFailure, attempt: Attempt): void;
  /** Of a tunnel: see {@link TunnelEvent}. */
  onUpstreamTunnel(event: TunnelEvent): void;
  /** One of the calls above threw. */
  onBug(error: unknown): void;
}

const SWITCHING_PROTOCOLS = 101;
/** What a CONNECT is answered with once its connection stands (RFC 9110 9.3.6). */
const ESTABLISHED = Object.assign(new ResponseHead(), { status: 200, reason: "Connection Established" });

/**
 * One try of a request at one endpoint: takes a connection, sends the head and the body as it comes, and hears the
 * response. Counts as active at the endpoint from its start until it is released, which happens once.
 */
export class Attempt implements PoolWaiter, DeadlineOwner {
  readonly endpoint: EndpointState;
  readonly connectTimeoutMs: number;
  readonly cluster: ClusterRuntime;
  readonly #ctx: RequestContext;
  readonly #owner: AttemptOwner;
  readonly #target: AttemptTarget;
  #tryDeadline: Deadline | undefined = undefined;
  #connection: UpstreamConnection | undefined = undefined;
  /** The head is sent, so the body follows as it comes. */
  #isSending = false;
  #isWaiting = false;
  #isReleased = false;
  #isJudged = false;
  #startMs = 0;
  #isBodyPaused = false;
  #isFlushDue = false;

  constructor(ctx: RequestContext, owner: AttemptOwner, target: AttemptTarget) {
    this.#ctx = ctx;
    this.#owner = owner;
    this.#target = target;
    this.endpoint = target.endpoint;
    this.cluster = target.cluster;
    this.connectTimeoutMs = target.cluster.connectTimeoutMs;
  }

  /** Whether the connection had served an earlier request and ended without a byte for this one. */
  get isRaced(): boolean {
    const connection = this.#connection;
    return connection !== undefined && connection.served > 0 && connection.responseBytesSeen === 0;
  }

  get responseBytesSeen(): number {
    return this.#connection?.responseBytesSeen ?? 0;
  }

  /** The body goes out as it comes, so that it need not be kept. */
  get isSending(): boolean {
    return this.#isSending;
  }

  start(): void {
    const { endpoint, fresh } = this.#target;
    const { wheel } = this.#ctx.services;
    this.#startMs = this.#ctx.services.clock.nowMs();
    endpoint.countActive(1);
    endpoint.requests += 1;
    if (this.#ctx.body.isComplete) this.#armTryTimeout();
    const got = poolOf(endpoint, wheel).acquire(this, fresh);
    if (got === "overflow") this.#owner.onAttemptFailed("overflow", this);
    else if (got === "waiting") this.#isWaiting = true;
    else this.onConnection(got);
  }

  /** More of the body has come: sends it, if it is the turn of the body. The bytes stay as they are. */
  sendBody(chunk: Buffer): void {
    if (this.#isSending && this.#connection !== undefined) this.#writeBody(this.#connection, chunk);
  }

  /** The body is complete. */
  endBody(): void {
    this.#armTryTimeout();
    if (this.#isSending && this.#connection !== undefined) this.#writeEnd(this.#connection);
  }

  /**
   * Everything that came at once has been given to `sendBody`. It leaves after all sockets have been read that are readable
   * now: an upstream that answered early and closed refuses the write with an error that would take its answer away.
   */
  flushBody(): void {
    const connection = this.#connection;
    if (!this.#isSending || connection === undefined) return;
    if (!connection.writer.hasRoom) this.#flush(connection);
    else if (!this.#isFlushDue) {
      this.#isFlushDue = true;
      setImmediate(flushDue, this);
    }
  }

  /** What `flushBody` has put off. */
  flushNow(): void {
    this.#isFlushDue = false;
    if (this.#isSending && this.#connection !== undefined) this.#flush(this.#connection);
  }

  /** The upstream wants no more of the body: what is still to come is for nobody. */
  stopSending(): void {
    this.#isSending = false;
    if (this.#isBodyPaused) this.#resumeBody();
  }

  /** The client has closed its side of the tunnel. */
  endTunnel(): void {
    this.#isSending = false;
    this.#connection?.endTunnel();
  }

  pauseResponse(): void {
    this.#connection?.pause();
  }

  resumeResponse(): void {
    this.#connection?.resume();
  }

  /** Tells the policies how it went: the first word counts. `status` is that of the response, else 0. */
  judge(verdict: Verdict, head: ResponseHead | undefined): void {
    if (this.#isJudged) return;
    this.#isJudged = true;
    const nowMs = this.#ctx.services.clock.nowMs();
    const { endpoint, cluster } = this.#target;
    judgeAttempt(this.#ctx, this.#target, {
      verdict,
      head,
      latencyMs: nowMs - this.#startMs,
      nowMs,
      endpoint: endpoint.key,
      endpoints: cluster.choice.eligible.length,
    });
  }

  /** Gives everything back. A connection whose response is not complete closes. */
  release(): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    this.judge("none", undefined);
    leaveCluster(this.cluster);
    this.endpoint.countActive(-1);
    if (this.#tryDeadline !== undefined) this.#ctx.services.wheel.cancel(this.#tryDeadline);
    if (this.#isWaiting) poolOf(this.endpoint, this.#ctx.services.wheel).leave(this);
    const connection = this.#connection;
    this.#connection = undefined;
    this.#isSending = false;
    connection?.abandon();
    if (this.#isBodyPaused) this.#resumeBody();
  }

  onConnection(connection: UpstreamConnection): void {
    this.#isWaiting = false;
    this.#connection = connection;
    if (connection.isConnected) this.onConnected();
  }

  onConnected(): void {
    const connection = this.#connection;
    if (connection === undefined) return;
    const { egress } = this.#ctx.services;
    if (connection.served === 0 && egress !== undefined && egress.isOwn(connection.remote)) {
      this.#owner.onAttemptFailed("loop", this);
      return;
    }
    const { head } = this.#ctx;
    if (head.form === "authority") {
      this.#establish(connection);
      return;
    }
    connection.beginRequest(head.method, head.upgrade);
    connection.writer.text(this.#headText());
    this.#isSending = true;
    const { body } = this.#ctx;
    for (const chunk of body.chunks) this.#writeBody(connection, chunk);
    if (body.isComplete) this.#writeEnd(connection);
    this.#flush(connection);
    // What was too much to keep while nobody took it has been taken now.
    if (!this.#isBodyPaused) this.#ctx.downstream.resumeBody();
  }

  onHead(head: ResponseHead): void {
    if (head.status === SWITCHING_PROTOCOLS) this.#connection?.beginTunnel();
    else if (head.status < 200) {
      this.#owner.onInformational(head);
      return;
    }
    if (this.#tryDeadline !== undefined) this.#ctx.services.wheel.cancel(this.#tryDeadline);
    this.#owner.onResponse(head, this);
  }

  onTunnel(event: TunnelEvent): void {
    this.#owner.onUpstreamTunnel(event);
  }

  onBody(bytes: Buffer, start: number, end: number): void {
    this.#owner.onResponseBody(bytes, start, end);
  }

  onEnd(trailers: HeaderList): void {
    this.#connection = undefined;
    this.#isSending = false;
    this.#owner.onResponseEnd(trailers);
  }

  onBatch(): void {
    if (!this.#isReleased) this.#owner.onResponseBatch();
  }

  onBroken(failure: UpstreamFailure): void {
    this.#isSending = false;
    if (failure === "connect-failed" || failure === "connect-timeout") this.endpoint.connectFailures += 1;
    this.#owner.onAttemptFailed(failure, this);
  }

  onWritable(): void {
    if (this.#isBodyPaused) this.#resumeBody();
  }

  /** Something threw below an event of the connection, or on the way to it. */
  onBug(error: unknown): void {
    this.#connection = undefined;
    this.#owner.onBug(error);
  }

  onDeadline(): void {
    try {
      this.#owner.onAttemptFailed("try-timeout", this);
    } catch (error) {
      this.#owner.onBug(error);
    }
  }

  /** CONNECT: the connection itself is what was asked for. */
  #establish(connection: UpstreamConnection): void {
    connection.beginRawTunnel();
    this.#isSending = true;
    this.#owner.onResponse(ESTABLISHED, this);
    this.#owner.onResponseBatch();
  }

  /** The slowness of a client that is still sending is not the endpoint's (Envoy counts from there, too). */
  #armTryTimeout(): void {
    const { tryTimeoutMs } = this.#target.route;
    if (tryTimeoutMs <= 0) return;
    this.#tryDeadline = new Deadline(this);
    this.#ctx.services.wheel.arm(this.#tryDeadline, tryTimeoutMs);
  }

  #headText(): string {
    const { head } = this.#ctx;
    const { route } = this.#target;
    return requestHeadText({
      method: head.method,
      target: route.target(head),
      authority: route.authority(head),
      headers: head.headers,
      framing: head.framing,
      contentLength: head.contentLength,
      extraLines: propagationLines(this.#ctx),
      keepAlive: true,
      acceptsTrailers: head.acceptsTrailers,
      expectsContinue: head.expectsContinue,
      upgrade: head.upgrade,
    });
  }

  #writeBody(connection: UpstreamConnection, chunk: Buffer): void {
    if (this.#ctx.head.framing !== "chunked") {
      connection.writer.bytes(chunk, 0, chunk.length);
      return;
    }
    connection.writer.text(chunkHeadText(chunk.length));
    connection.writer.bytes(chunk, 0, chunk.length);
    connection.writer.text(CHUNK_END);
  }

  #writeEnd(connection: UpstreamConnection): void {
    if (this.#ctx.head.framing === "chunked") connection.writer.text(lastChunkText(this.#ctx.body.trailers));
    connection.endRequest();
  }

  #flush(connection: UpstreamConnection): void {
    if (connection.flush() || this.#isBodyPaused) return;
    this.#isBodyPaused = true;
    this.#ctx.downstream.pauseBody();
  }

  #resumeBody(): void {
    this.#isBodyPaused = false;
    this.#ctx.downstream.resumeBody();
  }
}

function flushDue(attempt: Attempt): void {
  try {
    attempt.flushNow();
  } catch (error) {
    attempt.onBug(error);
  }
}
