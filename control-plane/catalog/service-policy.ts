/** How callers treat one destination service: one row, told here by what its columns are about. */
export interface ServicePolicy
  extends
    RetryColumns,
    BreakerColumns,
    LimitColumns,
    OutlierColumns,
    HealthColumns,
    BalancingColumns,
    RateLimitColumns,
    FaultColumns,
    MirrorColumns,
    FallbackColumns {
  readonly kind: "ServicePolicy";
  readonly serviceName: string;
  /** RFC 3339 with milliseconds, UTC. */
  readonly updatedAt: string;
}

/** Timeouts, retries and hedges of a request (model: `ForwardAction`, `RetryPolicy`, `RetryBudgetPolicy`). */
export interface RetryColumns {
  readonly retryAttempts: number;
  readonly timeoutMs: number;
  readonly perTryTimeoutMs: number | null;
  readonly connectTimeoutMs: number;
  /** At least one of Envoy's words, in the order of the table. */
  readonly retryOn: readonly string[];
  /** At least one, ascending. */
  readonly retryStatuses: readonly number[];
  readonly retryNonIdempotent: boolean;
  readonly retryBackoffBaseMs: number;
  readonly retryBackoffMaxMs: number;
  readonly retryAfterMaxMs: number;
  readonly hedgeOnPerTryTimeout: boolean;
  readonly retryBudgetPercent: number;
  readonly retryBudgetMinPerSec: number;
  readonly retryBudgetWindowSec: number;
}

/** The circuit breaker (model: `BreakerPolicy`). */
export interface BreakerColumns {
  readonly cbThreshold: number;
  readonly cbWindowSec: number;
  readonly cbMinRequests: number;
  readonly cbConsecutiveFailures: number;
  readonly cbRecoverySec: number;
  readonly cbSuccesses: number;
}

/** What may be under way at once (model: `ConcurrencyLimits`, `AdaptivePolicy`). Null is no bound. */
export interface LimitColumns {
  readonly maxConnections: number | null;
  readonly maxPendingRequests: number | null;
  readonly maxRequests: number | null;
  readonly maxRetries: number | null;
  readonly adaptiveConcurrency: boolean;
}

/** Which endpoints are taken out by their results (model: `OutlierPolicy`). */
export interface OutlierColumns {
  readonly outlierConsecutive5xx: number;
  readonly outlierConsecutiveGateway: number;
  readonly outlierIntervalMs: number;
  readonly outlierBaseEjectionMs: number;
  readonly outlierMaxEjectionMs: number;
  readonly outlierMaxEjectionPercent: number;
  readonly outlierSuccessRateStdev: number;
  readonly outlierFailurePercentage: number;
  readonly outlierMinHosts: number;
  readonly outlierMinRequests: number;
}

/** Who asks endpoints how they are (model: `HealthCheckPolicy`). */
export interface HealthColumns {
  readonly healthCheck: "none" | "proxy" | "callers" | "both";
  readonly healthCheckPath: string;
  readonly healthCheckIntervalMs: number;
  readonly healthCheckTimeoutMs: number;
  readonly healthCheckUnhealthy: number;
  readonly healthCheckHealthy: number;
}

/** How an endpoint is chosen (model: `LbPolicy`, `SlowStartPolicy`). */
export interface BalancingColumns {
  readonly lbPolicy: "round_robin" | "least_request" | "peak_ewma" | "ring_hash" | "maglev" | "random";
  /** `header:NAME`, `cookie:NAME` or `source`. */
  readonly hashOn: string | null;
  readonly panicThreshold: number;
  readonly slowStartSec: number;
}

/** What a client may ask for (model: `RateLimitPolicy`). Null requests: no limit. */
export interface RateLimitColumns {
  readonly rateLimitRequests: number | null;
  readonly rateLimitUnit: "second" | "minute" | "hour";
  readonly rateLimitBurst: number | null;
  /** `client`, `total` or `header:NAME`. */
  readonly rateLimitBy: string;
  readonly rateLimitScope: "local" | "global";
  readonly rateLimitFailOpen: boolean;
}

/** Delays and errors made on purpose (model: `FaultPolicy`). */
export interface FaultColumns {
  readonly faultDelayPercent: number;
  readonly faultDelayMs: number | null;
  readonly faultAbortPercent: number;
  readonly faultAbortStatus: number | null;
  readonly faultSource: string | null;
  /** Lower-case names; null when none. */
  readonly faultHeaderMatch: Readonly<Record<string, string>> | null;
  readonly faultDurationSec: number;
  /** When the fault ends by itself, RFC 3339; null when there is none, or it stays until it is taken away. */
  readonly faultUntil: string | null;
}

/** Where copies of requests go (model: `MirrorPolicy`). */
export interface MirrorColumns {
  /** `service` or `service/version`: the name of a cluster. */
  readonly mirrorTo: string | null;
  readonly mirrorPercent: number;
}

/** What answers when the service cannot (model: `FallbackPolicy`). */
export interface FallbackColumns {
  readonly fallback: "none" | "cached_response" | "static" | "service";
  readonly fallbackBody: string;
  readonly fallbackMaxAgeSec: number;
  readonly fallbackService: string | null;
}
