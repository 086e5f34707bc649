import type { HealthCheckPolicy, OutlierPolicy } from "../../shared/model/cluster-policy.ts";

/** As the control plane makes it of a ServicePolicy that says nothing. */
export function outlierPolicy(parts: Partial<OutlierPolicy> = {}): OutlierPolicy {
  return {
    consecutive5xx: 5,
    consecutiveGateway: 0,
    intervalMs: 10_000,
    baseEjectionMs: 30_000,
    maxEjectionMs: 300_000,
    maxEjectionPercent: 50,
    successRateStdevFactor: 0,
    failurePercentage: 0,
    hostsMin: 5,
    volumeMin: 100,
    ...parts,
  };
}

/** The defaults of a ServicePolicy that lets callers check. */
export function healthCheckPolicy(parts: Partial<HealthCheckPolicy> = {}): HealthCheckPolicy {
  return {
    by: "callers",
    path: "/health",
    intervalMs: 10_000,
    timeoutMs: 3_000,
    unhealthyThreshold: 3,
    healthyThreshold: 2,
    ...parts,
  };
}
