import { LocalRateLimit, type RateLimit } from "../policy/rate-limit.ts";
import type { RateLimitRuntime, Runtime } from "./runtime.ts";

/**
 * What is known of every limit, across changes of configuration: a change must not give everybody a full bucket again.
 * The key is the limit's name and what tells its clients apart. Bounded by the limits that routes name.
 */
export class RateLimits {
  readonly #states = new Map<string, RateLimitEntry>();

  values(): IterableIterator<RateLimitEntry> {
    return this.#states.values();
  }

  /** Hot: one look-up. */
  of(limit: RateLimitRuntime): RateLimit {
    return (this.#states.get(limit.stateKey) ?? this.#new(limit)).state;
  }

  /** Forgets what `runtime` does not name. A request from before the swap may bring one back, until the next. */
  reconcile({ rateLimits }: Runtime): void {
    const named = new Map(rateLimits.map((limit) => [limit.stateKey, limit]));
    for (const key of this.#states.keys()) if (!named.has(key)) this.#states.delete(key);
    for (const [key, limit] of named) {
      const known = this.#states.get(key);
      if (known === undefined) this.#new(limit);
      else known.limit = limit;
    }
  }

  #new(limit: RateLimitRuntime): RateLimitEntry {
    const entry = { limit, state: new LocalRateLimit() };
    this.#states.set(limit.stateKey, entry);
    return entry;
  }
}

export interface RateLimitEntry {
  /** As the configuration in use has it. */
  limit: RateLimitRuntime;
  readonly state: RateLimit;
}
