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
  if (permit === REFUSED || state.requests.acquire(policies.limits.requests)) return permit;
  if (policies.breaker !== undefined) breaker.giveBack(permit);
  return OVERFLOW;
}

/** The attempt will not be made. */
export function giveBack({ policies, state }: ClusterRuntime, permit: number): void {
  if (policies.breaker !== undefined) state.service.breaker.giveBack(permit);
  state.requests.release();
}
