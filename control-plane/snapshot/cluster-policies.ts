import * as defaults from "../../shared/defaults.ts";
import type {
  BreakerPolicy,
  ClusterPolicies,
  FallbackPolicy,
  HealthCheckPolicy,
  OutlierPolicy,
  SlowStartPolicy,
} from "../../shared/model/cluster-policy.ts";
import { unreachable } from "../../shared/assert.ts";
import type { ServicePolicy } from "../catalog/service-policy.ts";

/** What a ServicePolicy says of the clusters of its service: the whole service and each version alike. */
export function clusterPolicies(policy: ServicePolicy): ClusterPolicies {
  return {
    // An operator who turns both detectors off also lets go of a breaker that is open.
    breaker: isBreakerOff(policy) ? undefined : breakerPolicy(policy),
    retryBudget: {
      ratio: policy.retryBudgetPercent / 100,
      minPerSec: policy.retryBudgetMinPerSec,
      windowMs: policy.retryBudgetWindowSec * 1_000,
    },
    limits: {
      connections: policy.maxConnections ?? undefined,
      pending: policy.maxPendingRequests ?? undefined,
      requests: policy.maxRequests ?? undefined,
      retries: policy.maxRetries ?? undefined,
    },
    adaptive: policy.adaptiveConcurrency
      ? { concurrencyMin: defaults.ADAPTIVE_CONCURRENCY_MIN, concurrencyMax: defaults.ADAPTIVE_CONCURRENCY_MAX }
      : undefined,
    outlier: outlier(policy),
    healthCheck: healthCheck(policy),
    slowStart: slowStart(policy),
    fallback: fallback(policy),
  };
}

/** Nothing opens it. */
function isBreakerOff({ cbThreshold, cbConsecutiveFailures }: ServicePolicy): boolean {
  return cbThreshold === 100 && cbConsecutiveFailures === 0;
}

export function breakerPolicy(policy: ServicePolicy): BreakerPolicy {
  const recoveryMs = policy.cbRecoverySec * 1_000;
  const grown = Math.min(recoveryMs * defaults.CB_RECOVERY_GROWTH_MAX, defaults.CB_RECOVERY_CEILING_MS);
  return {
    thresholdPercent: policy.cbThreshold,
    windowMs: policy.cbWindowSec * 1_000,
    samplesMin: policy.cbMinRequests,
    consecutiveFailures: policy.cbConsecutiveFailures,
    recoveryMs,
    // Who asks for more than the ceiling from the start gets it, without growth.
    recoveryMaxMs: Math.max(recoveryMs, grown),
    successes: policy.cbSuccesses,
  };
}

/** Undefined when every detector is off. */
function outlier(policy: ServicePolicy): OutlierPolicy | undefined {
  const { outlierConsecutive5xx, outlierConsecutiveGateway } = policy;
  const { outlierSuccessRateStdev, outlierFailurePercentage } = policy;
  const detectors = [
    outlierConsecutive5xx,
    outlierConsecutiveGateway,
    outlierSuccessRateStdev,
    outlierFailurePercentage,
  ];
  if (detectors.every((detector) => detector === 0)) return undefined;
  return {
    consecutive5xx: outlierConsecutive5xx,
    consecutiveGateway: outlierConsecutiveGateway,
    intervalMs: policy.outlierIntervalMs,
    baseEjectionMs: policy.outlierBaseEjectionMs,
    maxEjectionMs: policy.outlierMaxEjectionMs,
    maxEjectionPercent: policy.outlierMaxEjectionPercent,
    successRateStdevFactor: outlierSuccessRateStdev,
    failurePercentage: outlierFailurePercentage,
    hostsMin: policy.outlierMinHosts,
    volumeMin: policy.outlierMinRequests,
  };
}

function healthCheck(policy: ServicePolicy): HealthCheckPolicy | undefined {
  if (policy.healthCheck === "none") return undefined;
  return {
    by: policy.healthCheck,
    path: policy.healthCheckPath,
    intervalMs: policy.healthCheckIntervalMs,
    timeoutMs: policy.healthCheckTimeoutMs,
    unhealthyThreshold: policy.healthCheckUnhealthy,
    healthyThreshold: policy.healthCheckHealthy,
  };
}

/** Only round robin and least request have weights that can grow. */
function slowStart({ slowStartSec, lbPolicy }: ServicePolicy): SlowStartPolicy | undefined {
  if (slowStartSec === 0 || (lbPolicy !== "round_robin" && lbPolicy !== "least_request")) return undefined;
  return { windowMs: slowStartSec * 1_000, minWeightPercent: defaults.SLOW_START_MIN_WEIGHT_PERCENT };
}

function fallback(policy: ServicePolicy): FallbackPolicy | undefined {
  switch (policy.fallback) {
    case "none":
      return undefined;
    case "cached_response":
      return { kind: "cached-response", maxAgeMs: policy.fallbackMaxAgeSec * 1_000, body: policy.fallbackBody };
    case "static":
      return { kind: "static", body: policy.fallbackBody };
    case "service":
      return policy.fallbackService === null ? undefined : { kind: "service", cluster: policy.fallbackService };
    default:
      return unreachable(policy.fallback);
  }
}
