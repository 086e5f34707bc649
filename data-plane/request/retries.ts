import type { ConcurrencyLimit } from "../policy/concurrency-limit.ts";
import type { RetryRefusal } from "../policy/retry-refusal.ts";
import type { EndpointState } from "../runtime/endpoint-state.ts";
import type { ClusterRuntime } from "../runtime/runtime.ts";
import { COMMIT, decideRetry, EXHAUSTED, FINAL, isIdempotent, LATE, REPEATED, type Outcome } from "./decide-retry.ts";
import { hearRefusal } from "./hop-words.ts";
import type { RequestContext } from "./request-context.ts";

/** The retries of one request; made when its first attempt does not succeed. */
export class Retries {
  hasReplacedConnection = false;
  /** Where the request is counted as one that is retried: the cluster that it was made for. */
  #countedBy: ConcurrencyLimit | undefined = undefined;

  /** Milliseconds to wait before the next attempt, or COMMIT. The refusal, if there was one, stands in the context. */
  next(ctx: RequestContext, cluster: ClusterRuntime, outcome: Outcome): number {
    const waitMs = decideRetry(outcome, this.#stateOf(ctx), ctx.services.random.unit());
    if (waitMs < 0) ctx.retryRefusal = refusalOf(waitMs);
    else if (outcome.isRaced && !this.hasReplacedConnection) return waitMs;
    else ctx.retryRefusal = this.#takePermit(ctx, cluster);
    if (ctx.retryRefusal === "") return waitMs;
    cluster.state.service.retryRefusals.count(ctx.retryRefusal);
    hearRefusal(ctx, false);
    return COMMIT;
  }

  /** The request has ended. */
  giveBack(): void {
    this.#countedBy?.release();
    this.#countedBy = undefined;
  }

  #stateOf(ctx: RequestContext): Parameters<typeof decideRetry>[1] {
    const { head, body, route, fallback } = ctx;
    return {
      // What stands in for the service gets one attempt.
      policy: fallback === "" ? route?.retry : undefined,
      attempts: ctx.retries + 1,
      isIdempotent: isIdempotent(head.method, head.headers),
      isReplayable: body.isReplayable,
      hasReplacedConnection: this.hasReplacedConnection,
      isRepeated: ctx.incomingAttempt > 1,
      remainingMs: ctx.remainingMs(),
    };
  }

  /** The budget comes last: what is withdrawn from it is spent. */
  #takePermit({ services }: RequestContext, { name, policies, state }: ClusterRuntime): RetryRefusal | "" {
    const { breaker, retryBudget } = state.service;
    const nowMs = services.clock.nowMs();
    if (policies.breaker !== undefined && breaker.isRefusing(nowMs)) return "circuit-open";
    if (this.#countedBy === undefined) {
      if (!state.retries.acquire(policies.limits.retries)) return "retry-overflow";
      this.#countedBy = state.retries;
    }
    if (policies.retryBudget === undefined) return "";
    if (!retryBudget.withdraw(policies.retryBudget, nowMs)) return "retry-budget";
    services.news?.onBudget(name, 0, 1);
    return "";
  }
}

// Hot: once per request.
/** A request that is sent pays for retries of this and others; one that is refused puts no load on the service, and earns none. */
export function payForRetries({ cluster, services }: RequestContext): void {
  if (cluster?.policies.retryBudget === undefined) return;
  cluster.state.service.retryBudget.deposit(cluster.policies.retryBudget, services.clock.nowMs());
  services.news?.onBudget(cluster.name, 1, 0);
}

/** A retry will be made, because of what came of an attempt at `endpoint`. */
export function noteRetry(ctx: RequestContext, why: string, endpoint: EndpointState | undefined): void {
  ctx.retries += 1;
  ctx.retriedFor = ctx.retriedFor === "" ? why : `${ctx.retriedFor},${why}`;
  if (endpoint !== undefined) ctx.tried = [...ctx.tried, endpoint];
  if (ctx.call !== undefined) ctx.call.wasRetried = true;
}

function refusalOf(decision: number): RetryRefusal | "" {
  switch (decision) {
    case EXHAUSTED:
      return "retry-limit-exceeded";
    case LATE:
      return "no-time-left";
    case REPEATED:
      return "retried-by-caller";
    case FINAL:
      return "told-not-to";
    default:
      return "";
  }
}
