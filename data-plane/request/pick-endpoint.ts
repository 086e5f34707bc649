import { pickUntried } from "../balancer/pick-untried.ts";
import type { EndpointState } from "../runtime/endpoint-state.ts";
import type { ClusterRuntime } from "../runtime/runtime.ts";
import type { RequestContext } from "./request-context.ts";

/**
 * The endpoint of the next attempt. A hash leads to the same endpoint again, so after that has failed the others take
 * their turn.
 */
export function pickEndpoint(ctx: RequestContext, cluster: ClusterRuntime): EndpointState | undefined {
  const { tried, services } = ctx;
  const { choice } = cluster;
  // The time of the request's start is near enough for its first attempt, and reading the clock is not free.
  const nowMs = tried.length === 0 ? ctx.startMs : services.clock.nowMs();
  const picked = choice.picker.pick(ctx.hash, services.random, nowMs);
  if (picked === undefined || tried.length === 0) return picked;
  if (!tried.includes(picked) || ctx.route?.retry?.avoidPrevious === false) return picked;
  return pickUntried(choice, tried, services.random, nowMs);
}
