import type { RateLimitEntry, RateLimits } from "../runtime/rate-limits.ts";
import type { MetricFamily } from "./prometheus-text.ts";

/** What limits did. By limit and not by client: names that callers make up are no labels. */
export function rateLimitFamilies(rateLimits: RateLimits): readonly MetricFamily[] {
  const entries = [...rateLimits.values()];
  const family = (
    type: "gauge" | "counter",
    name: string,
    help: string,
    value: (entry: RateLimitEntry) => number,
  ): MetricFamily => ({
    name,
    help,
    type,
    samples: [...Map.groupBy(entries, ({ limit }) => limit.policy.name)].map(([policy, group]) => ({
      suffix: "",
      labels: [["policy", policy]],
      value: group.reduce((sum, entry) => sum + value(entry), 0),
    })),
  });
  return [
    family("counter", "heddle_rate_limit_allowed_total", "Requests within their limit.", ({ state }) => state.allowed),
    family("counter", "heddle_rate_limit_limited_total", "Requests refused with 429.", ({ state }) => state.limited),
    family("gauge", "heddle_rate_limit_buckets", "Clients with a bucket of their own.", ({ state }) => state.keys),
  ];
}
