import { SharedRateLimit } from "../policy/shared-rate-limit.ts";
import type { RateLimit } from "../policy/rate-limit.ts";
import type { RateLimitEntry, RateLimits } from "../runtime/rate-limits.ts";
import type { MetricFamily } from "./prometheus-text.ts";

/** What limits did. By limit and not by client: names that callers make up are no labels. */
export function rateLimitFamilies(rateLimits: RateLimits): readonly MetricFamily[] {
  const byName = Map.groupBy(rateLimits.values(), ({ limit }) => limit.policy.name);
  return [
    family(byName, ["counter", "heddle_rate_limit_allowed_total", "Requests within their limit."], ofAny("allowed")),
    family(byName, ["counter", "heddle_rate_limit_limited_total", "Requests refused with 429."], ofAny("limited")),
    // Workers hear of each other's clients: a sum would count most of them twice.
    {
      ...family(byName, ["gauge", "heddle_rate_limit_buckets", "Clients with a bucket of their own."], ofAny("keys")),
      combine: "largest",
    },
    family(byName, ["counter", "heddle_rate_limit_leased_total", "Tokens that came in leases."], ofGlobal("leased")),
    family(byName, ["gauge", "heddle_rate_limit_held", "Leased tokens at hand."], ofGlobal("held")),
    family(byName, ["gauge", "heddle_rate_limit_owed", "Requests admitted on credit."], ofGlobal("owed")),
    family(
      byName,
      ["counter", "heddle_rate_limit_lease_failures_total", "Calls to the coordinator that failed."],
      ofGlobal("failures"),
    ),
    family(byName, ["gauge", "heddle_rate_limit_alone", "Workers that go on without a coordinator."], (state) => {
      if (!(state instanceof SharedRateLimit)) return undefined;
      return state.coordinator === "gone" ? 1 : 0;
    }),
  ];
}

/** Undefined: a limit of that kind has no such number. */
type Reading = (state: RateLimit) => number | undefined;

function ofAny(field: "allowed" | "limited" | "keys"): Reading {
  return (state) => state[field];
}

function ofGlobal(field: "leased" | "held" | "owed" | "failures"): Reading {
  return (state) => (state instanceof SharedRateLimit ? state[field] : undefined);
}

function family(
  byName: ReadonlyMap<string, readonly RateLimitEntry[]>,
  [type, name, help]: readonly ["counter" | "gauge", string, string],
  reading: Reading,
): MetricFamily {
  const samples = [...byName].flatMap(([policy, entries]) => {
    const values = entries.flatMap(({ state }) => reading(state) ?? []);
    const value = values.reduce((sum, one) => sum + one, 0);
    return values.length === 0 ? [] : [{ suffix: "", labels: [["policy", policy]] as const, value }];
  });
  return { name, help, type, samples };
}
