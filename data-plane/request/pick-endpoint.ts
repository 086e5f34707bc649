import { PICKS_MAX } from "../../shared/limits.ts";
import type { EndpointState } from "../runtime/endpoint-state.ts";
import type { ClusterRuntime } from "../runtime/runtime.ts";
import type { RequestContext } from "./request-context.ts";

/**
 * The endpoint of the next attempt: one that was not tried yet, when a few picks find one, else whatever was picked last
 * (Envoy's `previous_hosts`). A hash leads to the same endpoint again, so after it has failed chance decides.
 */
export function pickEndpoint(ctx: RequestContext, cluster: ClusterRuntime): EndpointState | undefined {
  const { tried, services } = ctx;
  let picked = cluster.picker.pick(ctx.hash, services.random);
  if (tried.length === 0 || ctx.route?.retry?.avoidPrevious === false) return picked;
  for (let picks = 1; picks < PICKS_MAX && picked !== undefined && tried.includes(picked); picks += 1) {
    picked = cluster.picker.pick(-1, services.random);
  }
  return picked;
}
