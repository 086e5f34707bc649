import type { RateLimitKey, RateLimitPolicy } from "../../shared/model/rate-limit.ts";
import type { ServicePolicy } from "../catalog/service-policy.ts";

const MS = { second: 1_000, minute: 60_000, hour: 3_600_000 } as const;

/** The limit that a service's own proxies keep; undefined when its policy has none. */
export function rateLimitPolicy(policy: ServicePolicy): RateLimitPolicy | undefined {
  if (policy.rateLimitRequests === null) return undefined;
  return {
    name: policy.serviceName,
    requests: policy.rateLimitRequests,
    perMs: MS[policy.rateLimitUnit],
    burst: policy.rateLimitBurst ?? policy.rateLimitRequests,
    by: keyOf(policy.rateLimitBy),
    scope: policy.rateLimitScope,
    failOpen: policy.rateLimitFailOpen,
  };
}

/** `client`, `total` or `header:NAME`, as the field table checked it. */
function keyOf(by: string): RateLimitKey {
  if (by === "client" || by === "total") return { kind: by };
  return { kind: "header", name: by.slice("header:".length) };
}
