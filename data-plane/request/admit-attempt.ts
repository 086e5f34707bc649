import { REFUSED } from "../policy/circuit-breaker.ts";
import type { ClusterRuntime } from "../runtime/runtime.ts";
import type { RequestContext } from "./request-context.ts";

/** In place of a permit: too many requests are under way. */
export const OVERFLOW = -2;
/** The permit of an attempt at a service that has no policy to ask. */
const UNASKED = 0;

// Hot: once per attempt. Allocates nothing.
/**
 * A permit for one more attempt; or REFUSED by the breaker, or {@link OVERFLOW}. Whoever has a permit gives it back once: by
 * the end of the attempt, or by {@link giveBack} when it is not made.
 */
export function admitAttempt({ services }: RequestContext, { policies, state }: ClusterRuntime): number {
  const { breaker } = state.service;
  const permit = policies.breaker === undefined ? UNASKED : breaker.admit(services.clock.nowMs());
  if (permit === REFUSED) return REFUSED;
  if (state.requests.acquire(policies.limits.requests)) {
    if (policies.adaptive === undefined || state.service.adaptive.acquire(policies.adaptive)) return permit;
    state.requests.release();
  }
  if (policies.breaker !== undefined) breaker.giveBack(permit);
  return OVERFLOW;
}

/** The attempt has ended: what was under way is one less. The permit goes back with its verdict. */
export function leaveCluster({ policies, state }: ClusterRuntime): void {
  state.requests.release();
  if (policies.adaptive !== undefined) state.service.adaptive.release();
}

/** The attempt will not be made. */
export function giveBack(cluster: ClusterRuntime, permit: number): void {
  if (cluster.policies.breaker !== undefined) cluster.state.service.breaker.giveBack(permit);
  leaveCluster(cluster);
}
