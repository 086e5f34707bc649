import type { BreakerPolicy, ClusterPolicies } from "../../shared/model/cluster-policy.ts";
import { NO_POLICIES } from "../../shared/model/cluster-policy.ts";

/** The breaker of the seeds (C1-C3). */
export const BREAKER: BreakerPolicy = {
  thresholdPercent: 50,
  windowMs: 30_000,
  samplesMin: 10,
  consecutiveFailures: 5,
  recoveryMs: 30_000,
  recoveryMaxMs: 120_000,
  successes: 2,
};

/** A breaker, a budget, and limits of requests and connections. */
export const RESILIENT: ClusterPolicies = {
  ...NO_POLICIES,
  breaker: BREAKER,
  retryBudget: { ratio: 0.2, minPerSec: 3, windowMs: 10_000 },
  adaptive: { concurrencyMin: 3, concurrencyMax: 1_000 },
  limits: { ...NO_POLICIES.limits, requests: 100, connections: 10 },
};
