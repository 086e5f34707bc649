import { SharedRateLimit } from "../policy/shared-rate-limit.ts";
import type { RateLimits } from "../runtime/rate-limits.ts";
import type { RateLimitJson } from "../admin/admin-json.ts";

/** How the limits of one worker stand, by what their states are known by. Plain data: it goes from thread to thread. */
export function rateLimitTallies(rateLimits: RateLimits): ReadonlyMap<string, RateLimitJson> {
  const tallies = new Map<string, RateLimitJson>();
  for (const { limit, state } of rateLimits.values()) {
    const { allowed, limited, keys } = state;
    tallies.set(limit.stateKey, { policy: limit.policy, allowed, limited, keys, shared: sharedOf(state) });
  }
  return tallies;
}

function sharedOf(state: unknown): RateLimitJson["shared"] {
  if (!(state instanceof SharedRateLimit)) return null;
  const { coordinator, proxies, held, owed, leased, failures } = state;
  return { coordinator, proxies, held, owed, leased, failures };
}

/** Of all workers. */
export function sumOfRateLimits(workers: readonly ReadonlyMap<string, RateLimitJson>[]): readonly RateLimitJson[] {
  const sums = new Map<string, RateLimitJson>();
  for (const tallies of workers) {
    for (const [key, tally] of tallies) {
      const sum = sums.get(key);
      sums.set(key, sum === undefined ? tally : added(sum, tally));
    }
  }
  return [...sums.values()];
}

function added(one: RateLimitJson, other: RateLimitJson): RateLimitJson {
  return {
    policy: one.policy,
    allowed: one.allowed + other.allowed,
    limited: one.limited + other.limited,
    // They hear of each other's clients: a sum would count most of them twice.
    keys: Math.max(one.keys, other.keys),
    shared: one.shared === null || other.shared === null ? one.shared : addedShared(one.shared, other.shared),
  };
}

type Shared = NonNullable<RateLimitJson["shared"]>;

/** What somebody looks for comes last: one worker that goes on alone. */
const COORDINATORS = ["unknown", "present", "gone"] as const;

function addedShared(one: Shared, other: Shared): Shared {
  return {
    coordinator: COORDINATORS.findLast((word) => word === one.coordinator || word === other.coordinator) ?? "unknown",
    proxies: one.proxies,
    held: one.held + other.held,
    owed: one.owed + other.owed,
    leased: one.leased + other.leased,
    failures: one.failures + other.failures,
  };
}
