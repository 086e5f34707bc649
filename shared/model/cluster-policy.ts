/**
 * What protects a service from its callers, and callers from a service that fails. Made from the ServicePolicy of the
 * destination; undefined is off. Numbers are settled here: nothing is left to a default.
 */
export interface ClusterPolicies {
  readonly breaker: BreakerPolicy | undefined;
  readonly retryBudget: RetryBudgetPolicy | undefined;
  readonly limits: ConcurrencyLimits;
  readonly adaptive: AdaptivePolicy | undefined;
  readonly outlier: OutlierPolicy | undefined;
  readonly healthCheck: HealthCheckPolicy | undefined;
  readonly slowStart: SlowStartPolicy | undefined;
  readonly fallback: FallbackPolicy | undefined;
}

/**
 * The circuit breaker of a service (seeds.md C1-C3, C19). It opens on the share of failures in a rolling window or on
 * failures in a row, whichever comes first. Rides as metadata `heddle.policy`: Envoy has no such machine.
 */
export interface BreakerPolicy {
  /** Opens above this share, in percent; 100 never does. */
  readonly thresholdPercent: number;
  readonly windowMs: number;
  /** Fewer results in the window decide nothing by their share. */
  readonly samplesMin: number;
  /** Opens on this many failures in a row; 0 never does. */
  readonly consecutiveFailures: number;
  /** How long it stays open the first time; doubled each time a probe fails, up to `recoveryMaxMs`. */
  readonly recoveryMs: number;
  readonly recoveryMaxMs: number;
  /** Probes in a row that must succeed before it closes. */
  readonly successes: number;
}

/** Retries as a share of requests, per destination (semantics.md 2). Envoy: `circuit_breakers.thresholds.retry_budget`. */
export interface RetryBudgetPolicy {
  /** Retries for each request, 0.2 is one for five. */
  readonly ratio: number;
  /** Granted whatever the number of requests. */
  readonly minPerSec: number;
  readonly windowMs: number;
}

/** What may be under way at once, to one cluster from one proxy (Envoy `circuit_breakers.thresholds`). Undefined: no bound. */
export interface ConcurrencyLimits {
  readonly connections: number | undefined;
  readonly pending: number | undefined;
  readonly requests: number | undefined;
  readonly retries: number | undefined;
}

/** A bound on requests at once that follows the latency (gradient; Envoy `adaptive_concurrency`). Rides as metadata. */
export interface AdaptivePolicy {
  readonly concurrencyMin: number;
  readonly concurrencyMax: number;
}

/** Which endpoints are taken out by their results (Envoy `outlier_detection`). 0 turns a detector off. */
export interface OutlierPolicy {
  /** 5xx answers and local failures in a row. */
  readonly consecutive5xx: number;
  /** 502, 503, 504 and local failures in a row. */
  readonly consecutiveGateway: number;
  readonly intervalMs: number;
  readonly baseEjectionMs: number;
  readonly maxEjectionMs: number;
  readonly maxEjectionPercent: number;
  /** An endpoint whose success rate lies this many standard deviations below the mean, times 1,000 (Envoy: 1900); 0 is off. */
  readonly successRateStdevFactor: number;
  /** An endpoint that fails at least this share, in percent; 0 is off. */
  readonly failurePercentage: number;
  /** The two above need so many endpoints with so many requests in an interval. */
  readonly hostsMin: number;
  readonly volumeMin: number;
}

/** `GET path` at an interval: a 2xx passes. By the destination's own proxy, which reports; by each caller; or by both. */
export interface HealthCheckPolicy {
  readonly by: "proxy" | "callers" | "both";
  readonly path: string;
  readonly intervalMs: number;
  readonly timeoutMs: number;
  readonly unhealthyThreshold: number;
  readonly healthyThreshold: number;
}

/** An endpoint that appears gets its share little by little (Envoy `slow_start_config`); round robin and least request only. */
export interface SlowStartPolicy {
  readonly windowMs: number;
  /** Share of its weight it begins with, in percent. */
  readonly minWeightPercent: number;
}

/** What answers in place of UH, UO, UT and URX (seeds.md C18). Rides as metadata: Envoy has no message for it. */
export type FallbackPolicy =
  /** The last good answer to the same GET, at most so old (semantics.md 20, 9); then the static body, if there is one. */
  | { readonly kind: "cached-response"; readonly maxAgeMs: number; readonly body: string | undefined }
  /** Answered with 200 and `application/json` (seed F2.49). */
  | { readonly kind: "static"; readonly body: string }
  /** One attempt at another service. */
  | { readonly kind: "service"; readonly cluster: string };

export const NO_POLICIES: ClusterPolicies = {
  breaker: undefined,
  retryBudget: undefined,
  limits: { connections: undefined, pending: undefined, requests: undefined, retries: undefined },
  adaptive: undefined,
  outlier: undefined,
  healthCheck: undefined,
  slowStart: undefined,
  fallback: undefined,
};
