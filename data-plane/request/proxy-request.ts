import { FALLBACK_TRY_MS } from "../../shared/defaults.ts";
import { Deadline, type DeadlineOwner } from "../../shared/timer-wheel.ts";
import type { CodecFailure, HeaderList, ResponseHead } from "../http1/message.ts";
import { REFUSED } from "../policy/circuit-breaker.ts";
import type { TunnelEvent } from "../upstream/upstream-connection.ts";
import { admit } from "./admit.ts";
import { admitAttempt, giveBack } from "./admit-attempt.ts";
import { Attempt, type AttemptFailure, type AttemptOwner } from "./attempt.ts";
import { COMMIT, decideRetry, isIdempotent, type Outcome } from "./decide-retry.ts";
import { fallbackOf, isReplaceable } from "./fall-back.ts";
import { FaultHold, type FaultOwner } from "./fault-hold.ts";
import { chooseCluster, findRoute } from "./find-route.ts";
import { IdleWatch, watchIdleness } from "./idle-watch.ts";
import type { LocalReason } from "./local-reply.ts";
import { countForward } from "./max-forwards.ts";
import { mirrorRequest } from "./mirror.ts";
import { outcomeOf, outcomeOfResponse, reasonOf, verdictOfFailure, verdictOfResponse } from "./outcome.ts";
import { pickEndpoint } from "./pick-endpoint.ts";
import { readPropagation } from "./propagate.ts";
import { beginResponse, beginTunnel, endResponse, relayBody, relayInformational } from "./relay.ts";
import type { ForwardRuntime, RouteRuntime } from "../runtime/runtime.ts";
import {
  note,
  replyBroken,
  replyDirectly,
  replyFault,
  replyLocally,
  replyOptions,
  replyRedirect,
  replyStatic,
  replyStored,
} from "./reply-locally.ts";
import type { RequestContext } from "./request-context.ts";
import { copyOf, type ResponseCopy } from "./response-copy.ts";
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
export class ProxyRequest implements AttemptOwner, DeadlineOwner, FaultOwner {
  readonly ctx: RequestContext;
  /** The whole request, retries included; runs from when it has been received. */
  readonly #timeout = new Deadline(this);
  /** Before a retry. Made at the first: most requests have none. */
  #pause: Deadline | undefined = undefined;
  #hold: FaultHold | undefined = undefined;
  /** Bytes in either direction move it. Made for tunnels, and for requests that could be idle for as long. */
  #idle: IdleWatch | undefined = undefined;
  #attempt: Attempt | undefined = undefined;
  #tunnel: Tunnel | undefined = undefined;
  #copy: ResponseCopy | undefined = undefined;
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
    if (fault?.appliesTo(ctx.head, ctx.services.clock.wallMs()) !== true) return this.#act(route.action);
    this.#hold = new FaultHold(ctx, this, route);
    return this.#hold.begin(fault);
  }

  onFaultPassed({ action }: RouteRuntime, abortStatus: number): void {
    if (abortStatus === 0) this.#act(action);
    else this.#end(replyFault(this.ctx, abortStatus));
  }

  #act(action: RouteRuntime["action"]): void {
    const { ctx } = this;
    if (action.kind === "redirect") return this.#end(replyRedirect(ctx, action));
    if (action.kind === "respond") return this.#end(replyDirectly(ctx, action));

    if (!chooseCluster(ctx, action)) return this.#answer("no-cluster");
    ctx.hash = action.hash(ctx.head, ctx.downstream.sourceIp);
    if (ctx.traceId === "") readPropagation(ctx);
    if (ctx.body.isComplete) this.#onReceived(action);
    this.#idle = watchIdleness(ctx, this);
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
    this.#idle?.onActivity();
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
    this.#copy = copyOf(ctx, head);
    return beginResponse(ctx, head, isCutShort);
  }

  #beginTunnel(head: ResponseHead): void {
    const { wheel, tunnelIdleMs } = this.ctx.services;
    this.#tunnel = new Tunnel();
    wheel.cancel(this.#timeout);
    if (this.#idle === undefined) this.#idle = new IdleWatch(this.ctx, this, tunnelIdleMs);
    else this.#idle.widen(tunnelIdleMs);
    beginTunnel(this.ctx, head);
    this.ctx.downstream.beginTunnel();
  }

  onAttemptFailed(failure: AttemptFailure): void {
    const { ctx } = this;
    const attempt = this.#attempt;
    if (attempt === undefined || this.#isFinished) return;
    attempt.judge(verdictOfFailure(failure), 0);
    const reason = this.#tunnel === undefined ? reasonOf(failure, attempt.responseBytesSeen) : "upstream-died";
    if (this.#isCommitted) return this.#end(replyBroken(ctx, reason));
    const outcome = outcomeOf(failure, attempt.isRaced);
    if (outcome !== undefined && this.#retries(outcome)) return undefined;
    return this.#answer(reason);
  }

  /** Whether the attempt is repeated; then it has been given back, and the next one is under way. */
  #retries(outcome: Outcome): boolean {
    const { ctx } = this;
    const policy = ctx.fallback === "" ? ctx.route?.retry : undefined;
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
    this.#idle?.onActivity();
    if (head.status === 100) this.#isContinued = true;
    relayInformational(this.ctx, head);
  }

  onResponseBody(bytes: Buffer, start: number, end: number): void {
    if (!this.#isCommitted || this.#isFinished) return;
    this.#copy?.add(bytes, start, end);
    relayBody(this.ctx, bytes, start, end);
  }

  onResponseBatch(): void {
    this.#idle?.onActivity();
    if (this.#isFinished || this.ctx.downstream.flush() || this.#isPaused) return;
    this.#isPaused = true;
    this.#attempt?.pauseResponse();
  }

  onResponseEnd(trailers: HeaderList): void {
    if (!this.#isCommitted) return;
    this.#copy?.keep();
    this.#end(endResponse(this.ctx, trailers));
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
    this.#idle?.onActivity();
    this.#attempt?.flushBody();
  }

  /** The socket takes more of the response. */
  onWritable(): void {
    this.#idle?.onActivity();
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
      if (deadline === this.#pause) this.#try(false);
      else if (this.#idle?.isOf(deadline) === true) this.#onIdle();
      else this.#onTimeout();
    } catch (error) {
      this.onBug(error);
    }
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

  /** Something else answers in place of the service, if its policy has something: the log keeps the reason's flag. */
  #fallsBack(reason: LocalReason): boolean {
    const { ctx } = this;
    const fallback = fallbackOf(ctx);
    if (fallback === undefined) return false;
    note(ctx, reason);
    if (fallback.kind === "service") this.#tryElsewhere(fallback.cluster);
    else this.#end(fallback.kind === "static" ? replyStatic(ctx, fallback.body) : replyStored(ctx, fallback.response));
    return true;
  }

  /** One attempt at another service, in what is left of the time. */
  #tryElsewhere(cluster: string): void {
    const { ctx } = this;
    this.#attempt?.release();
    this.#attempt = undefined;
    ctx.fallback = "service";
    ctx.cluster = ctx.runtime.clusters.get(cluster);
    ctx.tried = [];
    const timeoutMs = ctx.route?.timeoutMs ?? 0;
    if (timeoutMs > 0) ctx.services.wheel.arm(this.#timeout, Math.max(timeoutMs - ctx.elapsedMs(), FALLBACK_TRY_MS));
    this.#try(false);
  }

  #answer(reason: LocalReason): void {
    if (!this.#isCommitted && isReplaceable(reason) && this.#fallsBack(reason)) return;
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
    this.#hold?.end();
    if (this.#pause !== undefined) ctx.services.wheel.cancel(this.#pause);
    this.#idle?.end();
    this.#idle = undefined;
    this.#attempt?.release();
    ctx.body.forget();
    // What was refused before it was forwarded has a place in its trace, too.
    if (ctx.traceId === "") readPropagation(ctx);
    ctx.durationMs = ctx.elapsedMs();
    ctx.services.sink.onFinished(ctx);
  }
}
