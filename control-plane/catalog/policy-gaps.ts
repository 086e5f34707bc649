import type { ServicePolicy } from "./service-policy.ts";
import { surprise, unsetting, type Surprise } from "./surprise.ts";

/** A burst that takes longer than so many units to come back is no limit for whoever saves it up. */
const BURST_UNITS_MAX = 10;
/** Hops of the example: what retries without a bound come to. */
const HOPS = 3;

/**
 * Policies that turn off, or make too wide, what would protect a service when it fails (semantics.md 2, 4, 5 and 9;
 * seeds F3.6 to F3.8). Each may be meant; together they are how a small failure becomes an outage.
 */
export function policyGaps(policy: ServicePolicy): readonly Surprise[] {
  return [...retryGaps(policy), ...breakerGaps(policy), ...outlierGaps(policy), ...rateLimitGaps(policy)];
}

function retryGaps(policy: ServicePolicy): readonly Surprise[] {
  const { retryAttempts, retryBudgetPercent, retryBudgetMinPerSec, maxRetries } = policy;
  if (retryAttempts === 1) return [];
  const found: Surprise[] = [];
  if (retryBudgetPercent === 100) {
    found.push(
      surprise(
        `retry_budget_percent 100 bounds nothing: ${retryAttempts} tries at each of ${HOPS} hops may become ${retryAttempts ** HOPS} requests for one`,
        unsetting(policy, "retry_budget_percent"),
      ),
    );
  }
  if (retryBudgetPercent === 0 && retryBudgetMinPerSec === 0) {
    found.push(
      surprise(
        `no retry is ever made of the ${retryAttempts} tries: retry_budget_percent and retry_budget_min_per_sec are 0`,
        unsetting(policy, "retry_budget_min_per_sec"),
      ),
    );
  }
  if (maxRetries === 0) {
    found.push(
      surprise(
        `no retry is ever made of the ${retryAttempts} tries: max_retries is 0`,
        unsetting(policy, "max_retries"),
      ),
    );
  }
  return found;
}

function breakerGaps(policy: ServicePolicy): readonly Surprise[] {
  if (policy.cbThreshold < 100 || policy.cbConsecutiveFailures > 0) return [];
  return [
    surprise(
      "its circuit breaker never opens: cb_threshold is 100 and cb_consecutive_failures is 0",
      unsetting(policy, "cb_threshold", "cb_consecutive_failures"),
    ),
  ];
}

function outlierGaps(policy: ServicePolicy): readonly Surprise[] {
  const { outlierConsecutive5xx, outlierConsecutiveGateway, outlierSuccessRateStdev, outlierFailurePercentage } =
    policy;
  const detectors = [
    outlierConsecutive5xx,
    outlierConsecutiveGateway,
    outlierSuccessRateStdev,
    outlierFailurePercentage,
  ];
  const isOff = policy.outlierMaxEjectionPercent === 0 || detectors.every((value) => value === 0);
  if (isOff && policy.healthCheck === "none") {
    return [
      surprise(
        "nothing takes out an endpoint that fails: outlier detection is off and health_check is none",
        unsetting(policy, "outlier_consecutive_5xx", "outlier_max_ejection_percent"),
      ),
    ];
  }
  if (isOff || policy.outlierMaxEjectionPercent < 100) return [];
  return [
    surprise(
      "outlier_max_ejection_percent 100 leaves all of the load to one endpoint when the others fail together",
      unsetting(policy, "outlier_max_ejection_percent"),
    ),
  ];
}

function rateLimitGaps(policy: ServicePolicy): readonly Surprise[] {
  const { rateLimitRequests, rateLimitBurst, rateLimitUnit } = policy;
  if (rateLimitRequests === null || rateLimitBurst === null) return [];
  if (rateLimitBurst <= BURST_UNITS_MAX * rateLimitRequests) return [];
  const units = Math.floor(rateLimitBurst / rateLimitRequests);
  return [
    surprise(
      `rate_limit_burst ${rateLimitBurst} lets through at once what rate_limit_requests ${rateLimitRequests} gives in ${units} ${rateLimitUnit}s`,
      unsetting(policy, "rate_limit_burst"),
    ),
  ];
}
