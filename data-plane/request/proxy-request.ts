import { FALLBACK_TRY_MS } from "../../shared/defaults.ts";
import { Deadline } from "../../shared/timer-wheel.ts";
import type { CodecFailure, HeaderList, ResponseHead } from "../http1/message.ts";
import type { LoadShedder } from "../policy/load-shedder.ts";
import { isCutOff } from "../policy/retry-refusal.ts";
import type { TunnelEvent } from "../upstream/upstream-connection.ts";
import { admit } from "./admit.ts";
import type { Attempt } from "./attempt.ts";
import type { AttemptFailure } from "./attempt-target.ts";
import { fallbackOf, isReplaceable } from "./fall-back.ts";
import { FaultHold, type FaultOwner } from "./fault-hold.ts";
import { chooseCluster, findRoute } from "./find-route.ts";
import { IdleWatch, watchIdleness } from "./idle-watch.ts";
import type { LocalReason } from "./local-reply.ts";
import { countForward } from "./max-forwards.ts";
import { mirrorRequest } from "./mirror.ts";
import { outcomeOf, reasonOf, verdictOfFailure, verdictOfResponse } from "./outcome.ts";
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
import { extendTime, findCall, leaveCall, settleTime, startTime, stopTime } from "./settle-time.ts";
import { Tries, type TriesOwner } from "./tries.ts";
import { Tunnel } from "./tunnel.ts";

/**
 * The life of one request, driven by its two connections and the clock. Every request passes through here, from top to
 * bottom, and ends in `#finish`, exactly once:
 *
 *     start ── route ── admit ── (redirect, respond: answer) ── pick cluster ┐
 *        ┌── attempt: admit, pick endpoint, connect, send, wait for head ◀───┘
 *        │       └─ response or failure ── a retry ── wait ──▶ attempt again
 *        └─▶ commit: relay head, body, trailers  |  tunnel  |  answer locally  |  cut the connection
 *                                                └─▶ finish
 */
export class ProxyRequest implements TriesOwner, FaultOwner {
  readonly ctx: RequestContext;
  /** The whole request, retries included; runs from when it has been received. */
  readonly #timeout = new Deadline(this);
  #hold: FaultHold | undefined = undefined;
  /** Bytes in either direction move it. Made for tunnels, and for requests that could be idle for as long. */
  #idle: IdleWatch | undefined = undefined;
  readonly #tries: Tries;
  #tunnel: Tunnel | undefined = undefined;
  #copy: ResponseCopy | undefined = undefined;
  #isCommitted = false;
  /** A 100 has been passed on: the body may come. */
  #isContinued = false;
  #isFinished = false;
  #isAdmitted = false;
  #isPaused = false;

  constructor(ctx: RequestContext) {
    this.ctx = ctx;
    this.#tries = new Tries(ctx, this);
  }

  // ── Steps ──

  start(): void {
    const { ctx } = this;
    if (ctx.downstream.isRefused) return this.#answer("overload");
    const { shedder, random } = ctx.services;
    this.#isAdmitted = shedder.admit(ctx.downstream.restedMs > 0, random.unit(), ctx.startMs);
    if (!this.#isAdmitted) return this.#shed();
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

  #shed(): void {
    const { ctx } = this;
    findCall(ctx);
    if (ctx.traceId === "") readPropagation(ctx);
    const { direction, shedder } = ctx.services;
    // The connection of another proxy carries somebody else's request next.
    const isFromProxy = direction === "inbound" && ctx.source !== "";
    if (!isFromProxy) ctx.downstream.rest(shedder.restMs(ctx.startMs));
    this.#answer("load-shed");
  }

  onFaultPassed({ action }: RouteRuntime, abortStatus: number): void {
    this.ctx.waitedMs = Math.ceil(this.ctx.elapsedMs());
    if (abortStatus === 0) return this.#act(action);
    // So that log and metrics say whose fault it was made to look like.
    if (action.kind === "forward") chooseCluster(this.ctx, action);
    return this.#end(replyFault(this.ctx, abortStatus));
  }

  #act(action: RouteRuntime["action"]): void {
    const { ctx } = this;
    if (action.kind === "redirect") return this.#end(replyRedirect(ctx, action));
    if (action.kind === "respond") return this.#end(replyDirectly(ctx, action));

    if (!chooseCluster(ctx, action)) return this.#answer("no-cluster");
    ctx.hash = action.hash(ctx.head, ctx.downstream.sourceIp);
    if (ctx.traceId === "") readPropagation(ctx);
    settleTime(ctx, action);
    if (ctx.timeoutMs === 0) return this.#answer("timeout");
    if (ctx.body.isComplete) this.#onReceived(action);
    this.#idle = watchIdleness(ctx, this);
    return this.#tries.begin(false);
  }

  onRefused(reason: LocalReason): void {
    this.#answer(reason);
  }

  onResponse(head: ResponseHead, attempt: Attempt): void {
    const { ctx } = this;
    ctx.upstreamMs = ctx.elapsedMs();
    attempt.judge(verdictOfResponse(head), head);
    this.#idle?.onActivity();
    if (head.status >= 400 && this.#tries.passesOver(head, attempt)) return;
    if (isCutOff(ctx.retryRefusal)) {
      ctx.flag = "URX";
      ctx.detail = ctx.retryRefusal;
      if (head.status >= 500 && this.#fallsBack()) return;
    }
    this.#tries.win(attempt);
    this.#isCommitted = true;
    ctx.body.forget();
    if (head.status === 101 || ctx.head.form === "authority") return this.#beginTunnel(head);
    // The upstream does not want the rest of the body, or has not asked for any of it (Expect, RFC 9110 10.1.1): the
    // client learns that it may stop, and nothing of it goes up.
    const isUnwanted = !head.keepAlive || (ctx.head.expectsContinue && !this.#isContinued && ctx.body.bytes === 0);
    const isCutShort = !ctx.body.isComplete && isUnwanted;
    if (isCutShort) attempt.stopSending();
    this.#copy = copyOf(ctx, head);
    return beginResponse(ctx, head, isCutShort);
  }

  #beginTunnel(head: ResponseHead): void {
    const { wheel, tunnelIdleMs } = this.ctx.services;
    this.#tunnel = new Tunnel();
    wheel.cancel(this.#timeout);
    stopTime(this.ctx);
    if (this.#idle === undefined) this.#idle = new IdleWatch(this.ctx, this, tunnelIdleMs);
    else this.#idle.widen(tunnelIdleMs);
    beginTunnel(this.ctx, head);
    this.ctx.downstream.beginTunnel();
  }

  onAttemptFailed(failure: AttemptFailure, attempt: Attempt): void {
    const { ctx } = this;
    if (this.#isFinished || !this.#tries.has(attempt)) return undefined;
    if (failure === "try-timeout" && ctx.route?.retry?.hedgeOnTryTimeout === true) return this.#tries.hedge();
    attempt.judge(verdictOfFailure(failure), undefined);
    const reason = this.#tunnel === undefined ? reasonOf(failure, attempt.responseBytesSeen) : "upstream-died";
    if (this.#isCommitted) return this.#end(replyBroken(ctx, reason));
    if (this.#tries.outlives(outcomeOf(failure, attempt.isRaced), reason, attempt)) return undefined;
    return this.#answer(reason);
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
    this.#tries.current?.pauseResponse();
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
    const isSending = this.#tries.current?.isSending ?? false;
    body.push(chunk, isSending || this.#isCommitted);
    if (isSending) this.#tries.current?.sendBody(chunk);
    else if (body.isFull && !this.#isCommitted) downstream.pauseBody();
  }

  onBodyEnd(trailers: HeaderList): void {
    this.ctx.body.complete(trailers);
    const { route } = this.ctx;
    if (route === undefined) return;
    this.#onReceived(route);
    this.#tries.current?.endBody();
  }

  onBodyBatch(): void {
    this.#idle?.onActivity();
    this.#tries.current?.flushBody();
  }

  /** The socket takes more of the response. */
  onWritable(): void {
    this.#idle?.onActivity();
    this.#isPaused = false;
    this.#tries.current?.resumeResponse();
  }

  // ── The tunnel ──

  onTunnelEnd(): void {
    if (this.#tunnel === undefined) return;
    this.#tunnel.isClientEnded = true;
    this.#tries.current?.endTunnel();
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
    this.#tries.judgeTooSlow();
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
      if (this.#tries.isPause(deadline)) this.#tries.begin(false);
      else if (this.#idle?.isOf(deadline) === true) this.#onIdle();
      else this.#onTimeout();
    } catch (error) {
      this.onBug(error);
    }
  }

  /** Of the whole request: the caller is answered, and the service is held to it (seed F4.16). */
  #onTimeout(): void {
    this.#tries.judgeTooSlow();
    this.#answer("timeout");
  }

  /** The request has come whole: its time runs from here, and copies of it may be sent. */
  #onReceived(route: ForwardRuntime): void {
    const { ctx } = this;
    const timeoutMs = startTime(ctx);
    if (timeoutMs < Infinity) ctx.services.wheel.arm(this.#timeout, timeoutMs);
    if (route.mirrors.length > 0 && ctx.head.upgrade === "") mirrorRequest(ctx, route);
  }

  /** Something else answers in place of the service, if its policy has something: the log keeps the flag and the detail. */
  #fallsBack(): boolean {
    const { ctx } = this;
    const fallback = fallbackOf(ctx);
    if (fallback === undefined) return false;
    if (fallback.kind === "service") this.#tryElsewhere(fallback.cluster);
    else this.#end(fallback.kind === "static" ? replyStatic(ctx, fallback.body) : replyStored(ctx, fallback.response));
    return true;
  }

  /** One attempt at another service, in what is left of the time. */
  #tryElsewhere(cluster: string): void {
    const { ctx } = this;
    this.#tries.end();
    ctx.fallback = "service";
    ctx.cluster = ctx.runtime.clusters.get(cluster);
    ctx.tried = [];
    const leftMs = extendTime(ctx, FALLBACK_TRY_MS);
    if (leftMs < Infinity) ctx.services.wheel.arm(this.#timeout, leftMs);
    this.#tries.begin(false);
  }

  #answer(reason: LocalReason): void {
    if (this.#isCommitted) return this.#end(replyBroken(this.ctx, reason));
    note(this.ctx, reason);
    if (isReplaceable(reason) && this.#fallsBack()) return undefined;
    return this.#end(replyLocally(this.ctx, reason));
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
    if (this.#isAdmitted && ctx.services.shedder.release()) process.nextTick(letIn, ctx.services.shedder);
    ctx.services.wheel.cancel(this.#timeout);
    this.#hold?.end();
    this.#idle?.end();
    this.#idle = undefined;
    this.#tries.end();
    leaveCall(ctx);
    ctx.body.forget();
    // What was refused before it was forwarded has a place in its trace, too.
    if (ctx.traceId === "") readPropagation(ctx);
    ctx.durationMs = ctx.elapsedMs();
    ctx.services.sink.onFinished(ctx);
  }
}

function letIn(shedder: LoadShedder): void {
  shedder.letIn();
}
