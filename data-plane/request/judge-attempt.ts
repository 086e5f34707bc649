import { recordRtt } from "../balancer/peak-ewma.ts";
import { isFailure, type TimedVerdict } from "../policy/verdict.ts";
import type { ClusterRuntime } from "../runtime/runtime.ts";
import type { AttemptTarget } from "./attempt.ts";
import type { RequestContext } from "./request-context.ts";

/** How one attempt went. */
export interface AttemptResult extends TimedVerdict {
  /** Of the response, else 0. */
  readonly status: number;
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
  if (lb.kind === "peak-ewma") recordRtt(target.endpoint, result, lb);
  state.results?.onResult(target.endpoint, result.verdict);
  const { breaker, adaptive } = state.service;
  if (policies.adaptive !== undefined && result.verdict !== "none") {
    adaptive.onSample(policies.adaptive, result, random.unit());
  }
  if (policies.breaker === undefined) return;
  const before = breaker.state;
  breaker.report(policies.breaker, target.permit, result, random.unit());
  if (news !== undefined && (before !== "closed" || breaker.state !== "closed")) {
    news.onBreaker(state.service.service, breaker.view(result.nowMs));
  }
}

/** An attempt of another worker at an endpoint of `cluster`. It decides nothing here: its own worker tells what came of it. */
export function hearAttempt({ policies, state }: ClusterRuntime, endpoint: string, result: TimedVerdict): void {
  state.results?.onHeard(endpoint, result.verdict);
  if (policies.breaker !== undefined) state.service.breaker.hear(policies.breaker, result);
}
