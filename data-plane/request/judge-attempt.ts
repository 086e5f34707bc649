import { recordRtt } from "../balancer/peak-ewma.ts";
import type { ResponseHead } from "../http1/message.ts";
import type { PlacedVerdict } from "../policy/circuit-breaker.ts";
import { isFailure, type TimedVerdict } from "../policy/verdict.ts";
import type { ClusterRuntime } from "../runtime/runtime.ts";
import type { AttemptTarget } from "./attempt-target.ts";
import type { RequestContext } from "./request-context.ts";
import { retryAfterMs } from "./retry-after.ts";

/** How one attempt went. */
export interface AttemptResult extends PlacedVerdict {
  /** Of the response, if there was one. */
  readonly head: ResponseHead | undefined;
  /** From its start to the head of the response, or to its failure. */
  readonly latencyMs: number;
}

/**
 * The one place where policies hear how an attempt went; called exactly once for each attempt that was started. The same
 * policies hear of other workers' attempts in {@link hearAttempt}.
 */
export function judgeAttempt(ctx: RequestContext, target: AttemptTarget, result: AttemptResult): void {
  if (isFailure(result.verdict)) target.endpoint.failures += 1;
  const { lb, policies, state } = target.cluster;
  const { news, random } = ctx.services;
  // First: what a breaker or an ejection says comes after what it was decided by.
  const isOfInterest = policies.breaker !== undefined || policies.outlier !== undefined;
  if (isOfInterest) news?.onAttempt(target.cluster.name, target.endpoint.key, result.verdict);
  if (lb.kind === "peak-ewma") recordRtt(target.endpoint, result, penaltyMs(ctx, result), lb);
  state.results?.onResult(target.endpoint, result.verdict);
  const { breaker, adaptive } = state.service;
  // Neither is a refusal for lack of room an answer: the less room there is, the faster it comes.
  if (policies.adaptive !== undefined && result.verdict !== "none" && result.verdict !== "rate-limited") {
    if (result.head === undefined) adaptive.onFailure(policies.adaptive, result, random.unit());
    else adaptive.onSample(policies.adaptive, result, random.unit());
  }
  if (policies.breaker === undefined) return;
  const before = breaker.state;
  breaker.report(policies.breaker, target.permit, result, random.unit());
  if (news !== undefined && (before !== "closed" || breaker.state !== "closed")) {
    news.onBreaker(state.service.service, breaker.view(result.nowMs));
  }
}

/** What an endpoint that failed asks for by its Retry-After; undefined: nothing. */
function penaltyMs({ services }: RequestContext, { verdict, head }: AttemptResult): number | undefined {
  if (head === undefined || verdict === "success") return undefined;
  const askedMs = retryAfterMs(head.headers, services.clock.wallMs());
  return askedMs < 0 ? undefined : askedMs;
}

/** An attempt of another worker at an endpoint of `cluster`. It decides nothing here: its own worker tells what came of it. */
export function hearAttempt({ policies, state }: ClusterRuntime, endpoint: string, result: TimedVerdict): void {
  state.results?.onHeard(endpoint, result.verdict);
  if (policies.breaker !== undefined) state.service.breaker.hear(policies.breaker, { ...result, endpoint });
}
