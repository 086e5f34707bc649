import { SharedRateLimit } from "../policy/shared-rate-limit.ts";
import { LocalRateLimit, type RateLimit } from "../policy/rate-limit.ts";
import type { EndpointState } from "./endpoint-state.ts";
import type { RateLimitRuntime, Runtime } from "./runtime.ts";

/**
 * What is known of every limit, across changes of configuration: a change must not give everybody a full bucket again.
 * The key is the limit's name and what tells its clients apart. Bounded by the limits that routes name.
 */
export class RateLimits {
  readonly #states = new Map<string, RateLimitEntry>();
  readonly #workers: number;

  /** `workers`: threads of this proxy, each of which has its own. */
  constructor(workers = 1) {
    this.#workers = workers;
  }

  values(): IterableIterator<RateLimitEntry> {
    return this.#states.values();
  }

  /** Hot: one look-up. */
  of(limit: RateLimitRuntime): RateLimit {
    return (this.#states.get(limit.stateKey) ?? this.#new(limit)).state;
  }

  /** Another worker has admitted requests by the limit of that key. One that is not in use here has nothing to count for. */
  hear(stateKey: string, key: string, requests: number, nowMs: number): void {
    const entry = this.#states.get(stateKey);
    entry?.state.hear(key, entry.limit.rate, requests, nowMs);
  }

  /** Forgets what `runtime` does not name. A request from before the swap may bring one back, until the next. */
  reconcile(runtime: Runtime): void {
    const named = new Map(runtime.rateLimits.map((limit) => [limit.stateKey, limit]));
    for (const key of this.#states.keys()) if (!named.has(key)) this.#states.delete(key);
    for (const [key, limit] of named) {
      const entry = this.#states.get(key) ?? this.#new(limit);
      entry.limit = limit;
      if (entry.state instanceof SharedRateLimit) this.#configure(entry.state, limit, runtime);
    }
  }

  #configure(state: SharedRateLimit, { policy }: RateLimitRuntime, runtime: Runtime): void {
    state.failOpen = policy.failOpen;
    state.proxies = Math.max(1, endpointCount(policy.name, runtime)) * this.#workers;
  }

  #new(limit: RateLimitRuntime): RateLimitEntry {
    const state = limit.policy.scope === "global" ? new SharedRateLimit() : new LocalRateLimit();
    const entry = { limit, state };
    this.#states.set(limit.stateKey, entry);
    return entry;
  }
}

/** All of a service, whatever their version and health: rather a share too small than a limit exceeded. */
function endpointCount(service: string, { clusters }: Runtime): number {
  const endpoints = new Set<EndpointState>();
  for (const cluster of clusters.values()) {
    if (cluster.service === service) for (const endpoint of cluster.endpoints) endpoints.add(endpoint);
  }
  return endpoints.size;
}

export interface RateLimitEntry {
  /** As the configuration in use has it. */
  limit: RateLimitRuntime;
  readonly state: RateLimit;
}
