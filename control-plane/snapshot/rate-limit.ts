import type { RateLimitPolicy } from "../../shared/model/rate-limit.ts";
import type { ServicePolicy } from "../catalog/service-policy.ts";

const UNIT_MS = { second: 1_000, minute: 60_000, hour: 3_600_000 } as const;
const HEADER = "header:";

/** The limit that the service's own proxies keep; undefined: none. The coordinator goes by the same. */
export function rateLimitOf(policy: ServicePolicy | undefined): RateLimitPolicy | undefined {
  if (policy === undefined || policy.rateLimitRequests === null) return undefined;
  const { serviceName, rateLimitRequests, rateLimitUnit, rateLimitBurst, rateLimitBy } = policy;
  return {
    name: serviceName,
    requests: rateLimitRequests,
    perMs: UNIT_MS[rateLimitUnit],
    burst: rateLimitBurst ?? rateLimitRequests,
    by: keyOf(rateLimitBy),
    scope: policy.rateLimitScope,
    failOpen: policy.rateLimitFailOpen,
  };
}

function keyOf(column: string): RateLimitPolicy["by"] {
  if (column.startsWith(HEADER)) return { kind: "header", name: column.slice(HEADER.length) };
  return { kind: column === "total" ? "total" : "client" };
}
