import { recordRtt } from "../balancer/peak-ewma.ts";
import { isFailure, type TimedVerdict } from "../policy/verdict.ts";
import type { AttemptTarget } from "./attempt.ts";
import type { RequestContext } from "./request-context.ts";

/** How one attempt went. */
export interface AttemptResult extends TimedVerdict {
  /** Of the response, else 0. */
  readonly status: number;
  /** From its start to the head of the response, or to its failure. */
  readonly latencyMs: number;
}

/** The one place where policies hear how an attempt went; called exactly once for each attempt that was started. */
export function judgeAttempt(ctx: RequestContext, target: AttemptTarget, result: AttemptResult): void {
  if (isFailure(result.verdict)) target.endpoint.failures += 1;
  const { lb, policies, state } = target.cluster;
  if (lb.kind === "peak-ewma") recordRtt(target.endpoint, result, lb);
  state.results?.onResult(target.endpoint, result.verdict);
  if (policies.breaker !== undefined) {
    state.service.breaker.report(policies.breaker, target.permit, result, ctx.services.random.unit());
  }
}
