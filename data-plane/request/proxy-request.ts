import { Deadline, type DeadlineOwner } from "../../shared/timer-wheel.ts";
import type { CodecFailure, HeaderList, ResponseHead } from "../http1/message.ts";
import { REFUSED } from "../policy/circuit-breaker.ts";
import type { TunnelEvent } from "../upstream/upstream-connection.ts";
import { admit } from "./admit.ts";
import { admitAttempt, giveBack } from "./admit-attempt.ts";
import { Attempt, type AttemptFailure, type AttemptOwner } from "./attempt.ts";
import { COMMIT, decideRetry, isIdempotent, type Outcome } from "./decide-retry.ts";
import { chooseCluster, findRoute } from "./find-route.ts";
import type { LocalReason } from "./local-reply.ts";
import { countForward } from "./max-forwards.ts";
import { mirrorRequest } from "./mirror.ts";
import { outcomeOf, outcomeOfResponse, reasonOf, verdictOfResponse } from "./outcome.ts";
import { pickEndpoint } from "./pick-endpoint.ts";
import { readPropagation } from "./propagate.ts";
import { beginResponse, beginTunnel, endResponse, relayBody, relayInformational } from "./relay.ts";
import type { FaultRuntime, ForwardRuntime, RouteRuntime } from "../runtime/runtime.ts";
import { replyBroken, replyFault, replyLocally, replyOptions, replyRedirect, replyDirectly } from "./reply-locally.ts";
import type { RequestContext } from "./request-context.ts";
import { Tunnel } from "./tunnel.ts";

/**
 * The life of one request, driven by its two connections and the clock. Every request passes through here, from top to
 * bottom, and ends in `#finish`, exactly once:
 *
 *     start ── route ── admit ── (redirect, respond: answer) ── pick cluster ┐
 *        ┌── attempt: admit, pick endpoint, connect, send, wait for head ◀───┘
 *        │       └─ response or failure ── decideRetry ── wait ──▶ attempt again
 *        └─▶ commit: relay head, body, trailers  |  tunnel  |  answer locally  |  cut the connection
 *                                                └─▶ finish
 */
export class ProxyRequest implements AttemptOwner, DeadlineOwner {
  readonly ctx: RequestContext;
  /** The whole request, retries included; runs from when it has been received. */
  readonly #timeout = new Deadline(this);
  /** Before a retry, or by a fault. Made at the first: most requests have none. */
  #pause: Deadline | undefined = undefined;
  /** The route of a request that a fault holds. */
  #held: RouteRuntime | undefined = undefined;
  /** Bytes in either direction move it. Made for tunnels, and for requests that could be idle for as long. */
  #idle: Deadline | undefined = undefined;
  #attempt: Attempt | undefined = undefined;
  #tunnel: Tunnel | undefined = undefined;
  #isCommitted = false;
  /** A 100 has been passed on: the body may come. */
  #isContinued = false;
  #isFinished = false;
  #isPaused = false;
  #hasReplacedConnection = false;
  #policyAttempts = 0;

  constructor(ctx: RequestContext) {
    this.ctx = ctx;
  }

  // ── Steps ──

  start(): void {
    const { ctx } = this;
    if (ctx.downstream.isRefused) return this.#answer("overload");
    if (ctx.head.method === "OPTIONS" && !countForward(ctx.head)) return this.#end(replyOptions(ctx));
    const route = findRoute(ctx);
    if (typeof route === "string") return this.#answer(route);
    const refused = admit(ctx, route);
    if (refused !== undefined) return this.#end(refused);
    const { fault } = route;
    if (fault !== undefined && fault.appliesTo(ctx.head, ctx.services.clock.wallMs())) return this.#delay(route, fault);
    return this.#act(route.action);
  }

  /** Delay first, then abort: drawn apart, so that a request may meet both. */
  #delay(route: RouteRuntime, fault: FaultRuntime): void {
    const { random, wheel } = this.ctx.services;
    const delayMs = fault.delayMs(random.unit());
    if (delayMs === 0) return this.#abort(route, fault);
    this.ctx.flag = "DI";
    this.#held = route;
    this.#pause = new Deadline(this);
    return wheel.arm(this.#pause, delayMs);
  }

  #abort(route: RouteRuntime, fault: FaultRuntime): void {
    this.#held = undefined;
    const status = fault.abortStatus(this.ctx.services.random.unit());
    if (status !== 0) return this.#end(replyFault(this.ctx, status));
    return this.#act(route.action);
  }

  #act(action: RouteRuntime["action"]): void {
    const { ctx } = this;
    if (action.kind === "redirect") return this.#end(replyRedirect(ctx, action));
    if (action.kind === "respond") return this.#end(replyDirectly(ctx, action));

    if (!chooseCluster(ctx, action)) return this.#answer("no-cluster");
    ctx.hash = action.hash(ctx.head, ctx.downstream.sourceIp);
    if (ctx.traceId === "") readPropagation(ctx);
    if (ctx.body.isComplete) this.#onReceived(action);
    this.#watchIdleness();
    return this.#try(false);
  }

  #try(fresh: boolean): void {
    const { ctx } = this;
    const { route, cluster } = ctx;
    if (route === undefined || cluster === undefined) return this.#answer("internal");
    // Before the pick: what is refused leaves no trace at any endpoint (F2.65).
    const permit = admitAttempt(ctx, cluster);
    if (permit === REFUSED) return this.#answer("circuit-open");
    const endpoint = pickEndpoint(ctx, cluster);
    if (endpoint === undefined) {
      giveBack(cluster, permit);
      return this.#answer("no-endpoint");
    }
    ctx.attempts += 1;
    ctx.endpoint = endpoint.key;
    const tryTimeoutMs = route.retry?.perTryTimeoutMs ?? 0;
    this.#attempt = new Attempt(ctx, this, {
      route,
      cluster,
      endpoint,
      permit,
      tryTimeoutMs,
      fresh: fresh || ctx.head.form === "authority",
    });
    return this.#attempt.start();
  }

  onResponse(head: ResponseHead): void {
    const { ctx } = this;
    ctx.upstreamMs = ctx.elapsedMs();
    this.#attempt?.judge(verdictOfResponse(head), head.status);
    this.#onActivity();
    if (head.status >= 400) {
      const outcome = outcomeOfResponse(head);
      if (outcome !== undefined && this.#retries(outcome)) return;
    }
    this.#isCommitted = true;
    ctx.body.forget();
    if (head.status === 101 || ctx.head.form === "authority") return this.#beginTunnel(head);
    // The upstream does not want the rest of the body, or has not asked for any of it (Expect, RFC 9110 10.1.1): the
    // client learns that it may stop, and nothing of it goes up.
    const isUnwanted = !head.keepAlive || (ctx.head.expectsContinue && !this.#isContinued && ctx.body.bytes === 0);
    const isCutShort = !ctx.body.isComplete && isUnwanted;
    if (isCutShort) this.#attempt?.stopSending();
    return beginResponse(ctx, head, isCutShort);
  }

  #beginTunnel(head: ResponseHead): void {
    const { wheel, tunnelIdleMs } = this.ctx.services;
    this.#tunnel = new Tunnel();
    wheel.cancel(this.#timeout);
    this.#idle ??= new Deadline(this);
    wheel.arm(this.#idle, tunnelIdleMs);
    beginTunnel(this.ctx, head);
    this.ctx.downstream.beginTunnel();
  }

  onAttemptFailed(failure: AttemptFailure): void {
    const { ctx } = this;
    const attempt = this.#attempt;
    if (attempt === undefined || this.#isFinished) return;
    attempt.judge(isOfOwnMaking(failure) ? "none" : "local", 0);
    const reason = this.#tunnel === undefined ? reasonOf(failure, attempt.responseBytesSeen) : "upstream-died";
    if (this.#isCommitted) return this.#end(replyBroken(ctx, reason));
    const outcome = outcomeOf(failure, attempt.isRaced);
    if (outcome !== undefined && this.#retries(outcome)) return undefined;
    return this.#answer(reason);
  }

  /** Whether the attempt is repeated; then it has been given back, and the next one is under way. */
  #retries(outcome: Outcome): boolean {
    const { ctx } = this;
    const policy = ctx.route?.retry;
    if (policy === undefined && !outcome.isRaced) return false;
    const timeoutMs = ctx.route?.timeoutMs ?? 0;
    const state = {
      policy,
      attempts: this.#policyAttempts + 1,
      isIdempotent: isIdempotent(ctx.head.method, ctx.head.headers),
      isReplayable: ctx.body.isReplayable,
      hasReplacedConnection: this.#hasReplacedConnection,
      remainingMs: timeoutMs === 0 ? Infinity : timeoutMs - ctx.elapsedMs(),
    };
    const waitMs = decideRetry(outcome, state, ctx.services.random.unit());
    if (waitMs === COMMIT) return false;
    const attempt = this.#attempt;
    this.#attempt = undefined;
    attempt?.release();
    if (outcome.isRaced && !this.#hasReplacedConnection) {
      this.#hasReplacedConnection = true;
      this.#try(true);
      return true;
    }
    this.#policyAttempts += 1;
    if (attempt !== undefined) ctx.tried = [...ctx.tried, attempt.endpoint];
    this.#pause ??= new Deadline(this);
    ctx.services.wheel.arm(this.#pause, waitMs);
    return true;
  }

  // ── The response on its way down ──

  onInformational(head: ResponseHead): void {
    this.#onActivity();
    if (head.status === 100) this.#isContinued = true;
    relayInformational(this.ctx, head);
  }

  onResponseBody(bytes: Buffer, start: number, end: number): void {
    if (this.#isCommitted && !this.#isFinished) relayBody(this.ctx, bytes, start, end);
  }

  onResponseBatch(): void {
    this.#onActivity();
    if (this.#isFinished || this.ctx.downstream.flush() || this.#isPaused) return;
    this.#isPaused = true;
    this.#attempt?.pauseResponse();
  }

  onResponseEnd(trailers: HeaderList): void {
    if (this.#isCommitted) this.#end(endResponse(this.ctx, trailers));
  }

  // ── The request on its way up, told by the downstream connection ──

  /** A part of the body that nobody will change. */
  onBody(chunk: Buffer): void {
    const { body, downstream } = this.ctx;
    const isSending = this.#attempt?.isSending ?? false;
    body.push(chunk, isSending || this.#isCommitted);
    if (isSending) this.#attempt?.sendBody(chunk);
    else if (body.isFull && !this.#isCommitted) downstream.pauseBody();
  }

  onBodyEnd(trailers: HeaderList): void {
    this.ctx.body.complete(trailers);
    const { route } = this.ctx;
    if (route === undefined) return;
    this.#onReceived(route);
    this.#attempt?.endBody();
  }

  onBodyBatch(): void {
    this.#onActivity();
    this.#attempt?.flushBody();
  }

  /** The socket takes more of the response. */
  onWritable(): void {
    this.#onActivity();
    this.#isPaused = false;
    this.#attempt?.resumeResponse();
  }

  // ── The tunnel ──

  onTunnelEnd(): void {
    if (this.#tunnel === undefined) return;
    this.#tunnel.isClientEnded = true;
    this.#attempt?.endTunnel();
  }

  onUpstreamTunnel(event: TunnelEvent): void {
    const tunnel = this.#tunnel;
    if (tunnel === undefined || this.#isFinished) return;
    if (event === "sent") tunnel.isAllSent = true;
    else {
      tunnel.isUpstreamEnded = true;
      this.ctx.downstream.endTunnel();
    }
    if (tunnel.isDone) this.#end(false);
  }

  // ── Idleness ──

  /** Most requests end by their timeout before they could be idle for so long: they need no second deadline. */
  #watchIdleness(): void {
    const { ctx } = this;
    const { streamIdleMs, wheel } = ctx.services;
    const timeoutMs = ctx.route?.timeoutMs ?? 0;
    const endsBefore = ctx.body.isComplete && timeoutMs > 0 && timeoutMs <= streamIdleMs;
    if (streamIdleMs === 0 || endsBefore) return;
    this.#idle = new Deadline(this);
    wheel.arm(this.#idle, streamIdleMs);
  }

  /** Bytes have passed. */
  #onActivity(): void {
    if (this.#idle === undefined || this.#isFinished) return;
    const { wheel, streamIdleMs, tunnelIdleMs } = this.ctx.services;
    wheel.arm(this.#idle, this.#tunnel === undefined ? streamIdleMs : tunnelIdleMs);
  }

  #onIdle(): void {
    if (this.#tunnel !== undefined) return this.#answer("tunnel-idle");
    if (!this.ctx.body.isComplete) return this.#answer("upload-idle");
    // The service has the whole request and says nothing: as a timeout.
    this.#attempt?.judge("local", 0);
    return this.#answer("stream-idle");
  }

  // ── Ends ──

  /** The body is malformed or too slow. */
  onBadRequest(failure: CodecFailure | "client-timeout" | "client-ended-early"): void {
    if (this.#isFinished) return;
    if (typeof failure === "string") this.#answer(failure);
    else if (this.#isCommitted) this.#end(replyBroken(this.ctx, failure));
    else this.#end(replyLocally(this.ctx, failure));
  }

  /** The client is gone: nobody wants the answer. */
  onClientGone(): void {
    // A client that has said and heard everything may go: its last bytes still reach the upstream.
    if (this.#isFinished || this.#tunnel?.isSpoken === true) return;
    this.ctx.flag = "DC";
    this.ctx.detail = "client-gone";
    this.#finish();
  }

  /** A bug of ours: told where it is logged, and the request ends as well as it can. */
  onBug(error: unknown): void {
    this.ctx.services.onBug(error);
    if (this.#isFinished) this.ctx.downstream.abort();
    else this.#answer("internal");
  }

  onDeadline(deadline: Deadline): void {
    try {
      if (deadline === this.#pause) this.#onPaused();
      else if (deadline === this.#idle) this.#onIdle();
      else this.#onTimeout();
    } catch (error) {
      this.onBug(error);
    }
  }

  #onPaused(): void {
    const route = this.#held;
    if (route?.fault === undefined) this.#try(false);
    else this.#abort(route, route.fault);
  }

  /** Of the whole request: the caller is answered, and the service is held to it (seed F4.16). */
  #onTimeout(): void {
    this.#attempt?.judge("local", 0);
    this.#answer("timeout");
  }

  /** The request has come whole: its time runs from here, and copies of it may be sent. */
  #onReceived(route: ForwardRuntime): void {
    const { ctx } = this;
    if (route.timeoutMs > 0) ctx.services.wheel.arm(this.#timeout, route.timeoutMs);
    if (route.mirrors.length > 0 && ctx.head.upgrade === "") mirrorRequest(ctx, route);
  }

  #answer(reason: LocalReason): void {
    this.#end(this.#isCommitted ? replyBroken(this.ctx, reason) : replyLocally(this.ctx, reason));
  }

  /** `keepAlive` undefined: the connection has to be cut. */
  #end(keepAlive: boolean | undefined): void {
    this.#finish();
    if (keepAlive === undefined) this.ctx.downstream.abort();
    else this.ctx.downstream.onResponseFinished(keepAlive);
  }

  /** The one place that gives everything back and reports. */
  #finish(): void {
    const { ctx } = this;
    this.#isFinished = true;
    ctx.services.wheel.cancel(this.#timeout);
    if (this.#pause !== undefined) ctx.services.wheel.cancel(this.#pause);
    if (this.#idle !== undefined) ctx.services.wheel.cancel(this.#idle);
    this.#attempt?.release();
    ctx.body.forget();
    // What was refused before it was forwarded has a place in its trace, too.
    if (ctx.traceId === "") readPropagation(ctx);
    ctx.durationMs = ctx.elapsedMs();
    ctx.services.sink.onFinished(ctx);
  }
}

/** Says nothing of the endpoint. */
function isOfOwnMaking(failure: AttemptFailure): boolean {
  return failure === "overflow" || failure === "loop";
}
