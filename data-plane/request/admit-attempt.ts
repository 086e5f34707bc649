import type { ClusterRuntime } from "../runtime/runtime.ts";
import type { RequestContext } from "./request-context.ts";

/** The permit of an attempt at a service that has no policy to ask. */
const UNASKED = 0;

// Hot: once per attempt. Allocates nothing.
/** A permit for one more attempt, or REFUSED. Whoever has it gives it back: by the verdict on the attempt, or by {@link giveBack}. */
export function admitAttempt({ services }: RequestContext, { policies, state }: ClusterRuntime): number {
  return policies.breaker === undefined ? UNASKED : state.service.breaker.admit(services.clock.nowMs());
}

/** The attempt will not be made. */
export function giveBack({ policies, state }: ClusterRuntime, permit: number): void {
  if (policies.breaker !== undefined) state.service.breaker.giveBack(permit);
}
