import type { ClusterStates } from "./cluster-states.ts";
import type { EndpointState } from "./endpoint-state.ts";
import type { EndpointStates } from "./endpoint-states.ts";
import type { RateLimits } from "./rate-limits.ts";
import type { Runtime } from "./runtime.ts";

/** Before the first snapshot: nothing listens, nothing is known. */
export const emptyRuntime: Runtime = { revision: 0, listeners: new Map(), clusters: new Map(), rateLimits: [] };

/** Where the request path finds the runtime. Read it once per request, and keep what was read. */
export class RuntimeHolder {
  current: Runtime = emptyRuntime;
}

/** What outlives a runtime. */
export interface RuntimeStates {
  readonly endpoints: EndpointStates;
  readonly clusters: ClusterStates;
  readonly rateLimits: RateLimits;
}

/**
 * The swap: new requests use `runtime` from here on, those on their way finish with the one they started with. Only then are
 * the endpoints that nobody names any more let go, so that no new request can meet a closing pool.
 */
export function applyRuntime(
  holder: RuntimeHolder,
  runtime: Runtime,
  { endpoints, clusters, rateLimits }: RuntimeStates,
): readonly EndpointState[] {
  holder.current = runtime;
  clusters.reconcile(runtime);
  rateLimits.reconcile(runtime);
  return endpoints.reconcile(runtime);
}
