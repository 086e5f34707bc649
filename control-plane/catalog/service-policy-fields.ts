import * as defaults from "../../shared/defaults.ts";
import * as limits from "../../shared/limits.ts";
import {
  boolean,
  byServer,
  headers,
  inMs,
  inPercent,
  inSeconds,
  integer,
  key,
  name,
  optional,
  path,
  setting,
  timestamp,
  updatedAt,
} from "./declare-field.ts";
import type { Field, FieldsOf, FieldTable, Shape } from "./field.ts";
import type * as policy from "./service-policy.ts";

const percent = (fallback: number, help: string): Field => inPercent(setting(integer(0, 100), fallback, help));
const count = (min: number, max: number, fallback: number, help: string): Field =>
  setting(integer(min, max), fallback, help);
const bound = (max: number, help: string): Field => optional(integer(1, max), `${help}; unset is no bound`);
const interval: Shape = integer(limits.POLICY_INTERVAL_MS_MIN, limits.POLICY_INTERVAL_MS_MAX);

const retryFields: FieldsOf<policy.RetryColumns> = {
  retryAttempts: count(1, limits.RETRY_ATTEMPTS_MAX, defaults.RETRY_ATTEMPTS, "Tries in all, the first included"),
  timeoutMs: inMs(count(1, limits.TIMEOUT_MS_MAX, defaults.TIMEOUT_MS, "The whole request, retries included")),
  perTryTimeoutMs: inMs(
    optional(integer(1, limits.TIMEOUT_MS_MAX), "One try, below timeout_ms; unset is no limit of its own"),
  ),
  connectTimeoutMs: inMs(count(1, limits.CONNECT_TIMEOUT_MS_MAX, defaults.CONNECT_TIMEOUT_MS, "One TCP connect")),
  retryOn: setting(
    {
      type: "words",
      values: [
        "connect-failure",
        "refused-stream",
        "reset",
        "reset-before-request",
        "gateway-error",
        "5xx",
        "retriable-4xx",
        "retriable-status-codes",
      ],
    },
    defaults.RETRY_ON,
    "What is tried again",
  ),
  retryStatuses: setting(
    { type: "integers", min: 400, max: 599, countMax: limits.RETRY_STATUSES_MAX },
    defaults.RETRIABLE_STATUSES,
    "The statuses of retriable-status-codes",
  ),
  retryNonIdempotent: setting(boolean, false, "Try POST and PATCH again too, whatever they do twice"),
  retryBackoffBaseMs: inMs(
    count(1, limits.BACKOFF_MS_MAX, defaults.RETRY_BACKOFF_BASE_MS, "First ceiling of the wait before a retry"),
  ),
  retryBackoffMaxMs: inMs(
    count(1, limits.BACKOFF_MS_MAX, defaults.RETRY_BACKOFF_MAX_MS, "Last ceiling of the wait before a retry"),
  ),
  retryAfterMaxMs: inMs(
    count(
      0,
      limits.RETRY_AFTER_MS_MAX,
      defaults.RETRY_AFTER_MAX_MS,
      "A longer Retry-After is not waited for; 0: none is",
    ),
  ),
  hedgeOnPerTryTimeout: setting(boolean, false, "A try past per_try_timeout_ms goes on beside the next one"),
  retryBudgetPercent: percent(defaults.RETRY_BUDGET_PERCENT, "Retries for each hundred requests; 0 leaves the minimum"),
  retryBudgetMinPerSec: count(
    0,
    limits.RETRY_BUDGET_MIN_PER_SEC_MAX,
    defaults.RETRY_BUDGET_MIN_PER_SEC,
    "Retries a second that are granted whatever the number of requests",
  ),
  retryBudgetWindowSec: inSeconds(
    count(1, limits.RETRY_BUDGET_WINDOW_SEC_MAX, defaults.RETRY_BUDGET_WINDOW_SEC, "Window of the retry budget"),
  ),
};

const breakerFields: FieldsOf<policy.BreakerColumns> = {
  cbThreshold: inPercent(
    count(1, 100, defaults.CB_THRESHOLD_PERCENT, "Share of failures above which the circuit breaker opens"),
  ),
  cbWindowSec: inSeconds(count(1, limits.CB_WINDOW_SEC_MAX, defaults.CB_WINDOW_SEC, "Window of the circuit breaker")),
  cbMinRequests: count(
    1,
    limits.CB_MIN_REQUESTS_MAX,
    defaults.CB_MIN_REQUESTS,
    "Fewer requests in the window do not open it by their share",
  ),
  cbConsecutiveFailures: count(
    0,
    limits.CB_CONSECUTIVE_FAILURES_MAX,
    defaults.CB_CONSECUTIVE_FAILURES,
    "Failures in a row that open it; 0 turns that off",
  ),
  cbRecoverySec: inSeconds(
    count(1, limits.CB_RECOVERY_SEC_MAX, defaults.CB_RECOVERY_SEC, "How long it stays open before it probes"),
  ),
  cbSuccesses: count(1, limits.CB_SUCCESSES_MAX, defaults.CB_SUCCESSES, "Good probes in a row that close it"),
};

const limitFields: FieldsOf<policy.LimitColumns> = {
  maxConnections: bound(limits.POLICY_CONNECTIONS_MAX, "Connections to the service from one proxy"),
  maxPendingRequests: bound(limits.POLICY_CONNECTIONS_MAX, "Requests of one proxy that wait for a connection"),
  maxRequests: bound(limits.POLICY_REQUESTS_MAX, "Requests of one proxy at once"),
  maxRetries: optional(
    integer(0, limits.POLICY_CONNECTIONS_MAX),
    "Retries of one proxy at once; 0 forbids them, unset is no bound",
  ),
  adaptiveConcurrency: setting(boolean, false, "Bound requests at once by what the latency says"),
};

const outlierFields: FieldsOf<policy.OutlierColumns> = {
  outlierConsecutive5xx: count(
    0,
    limits.OUTLIER_CONSECUTIVE_MAX,
    defaults.OUTLIER_CONSECUTIVE_5XX,
    "5xx and failed connections in a row that take an endpoint out; 0 turns that off",
  ),
  outlierConsecutiveGateway: count(
    0,
    limits.OUTLIER_CONSECUTIVE_MAX,
    0,
    "The same for 502, 503, 504 and failed connections",
  ),
  outlierIntervalMs: inMs(setting(interval, defaults.OUTLIER_INTERVAL_MS, "How often endpoints are judged")),
  outlierBaseEjectionMs: inMs(
    setting(interval, defaults.OUTLIER_BASE_EJECTION_MS, "How long an endpoint is out, times how often it was"),
  ),
  outlierMaxEjectionMs: inMs(
    setting(
      integer(limits.POLICY_INTERVAL_MS_MIN, limits.OUTLIER_EJECTION_MS_MAX),
      defaults.OUTLIER_MAX_EJECTION_MS,
      "But never longer than this",
    ),
  ),
  outlierMaxEjectionPercent: percent(
    defaults.OUTLIER_MAX_EJECTION_PERCENT,
    "Share of endpoints that may be out at once",
  ),
  outlierSuccessRateStdev: count(
    0,
    limits.OUTLIER_STDEV_FACTOR_MAX,
    0,
    "Thousandths of a standard deviation below the mean success rate; Envoy's is 1900, 0 turns that off",
  ),
  outlierFailurePercentage: percent(0, "Share of failures that takes an endpoint out; Envoy's is 85, 0 turns that off"),
  outlierMinHosts: count(
    1,
    limits.OUTLIER_HOSTS_MAX,
    defaults.OUTLIER_MIN_HOSTS,
    "The last two compare no fewer endpoints than this",
  ),
  outlierMinRequests: count(
    1,
    limits.OUTLIER_REQUESTS_MAX,
    defaults.OUTLIER_MIN_REQUESTS,
    "And only those with so many requests in an interval",
  ),
};

const healthFields: FieldsOf<policy.HealthColumns> = {
  healthCheck: setting(
    { type: "choice", values: ["none", "proxy", "callers", "both"] },
    "none",
    "Who asks an instance how it is: its own proxy, each caller, or both",
  ),
  healthCheckPath: setting(path, defaults.HEALTH_CHECK_PATH, "GET of this answers 2xx when all is well"),
  healthCheckIntervalMs: inMs(setting(interval, defaults.HEALTH_CHECK_INTERVAL_MS, "How often it is asked")),
  healthCheckTimeoutMs: inMs(
    count(
      limits.HEALTH_CHECK_TIMEOUT_MS_MIN,
      limits.HEALTH_CHECK_TIMEOUT_MS_MAX,
      defaults.HEALTH_CHECK_TIMEOUT_MS,
      "How long an answer may take, below the interval",
    ),
  ),
  healthCheckUnhealthy: count(
    1,
    limits.HEALTH_CHECK_THRESHOLD_MAX,
    defaults.HEALTH_CHECK_UNHEALTHY,
    "Failed checks in a row that take it out",
  ),
  healthCheckHealthy: count(
    1,
    limits.HEALTH_CHECK_THRESHOLD_MAX,
    defaults.HEALTH_CHECK_HEALTHY,
    "Good checks in a row that bring it back",
  ),
};

const rateLimitFields: FieldsOf<policy.RateLimitColumns> = {
  rateLimitRequests: optional(
    integer(1, limits.RATE_LIMIT_REQUESTS_MAX),
    "Requests that an instance of the service takes in each rate_limit_unit; unset is no limit",
  ),
  rateLimitUnit: setting({ type: "choice", values: ["second", "minute", "hour"] }, "second", "The unit of time"),
  rateLimitBurst: optional(
    integer(1, limits.RATE_LIMIT_REQUESTS_MAX),
    "Requests that may come at once; unset is rate_limit_requests",
  ),
  rateLimitBy: setting({ type: "rate-limit-by" }, "client", "Who shares a limit"),
  rateLimitScope: setting(
    { type: "choice", values: ["local", "global"] },
    "local",
    "Whether each instance counts by itself or all of them together",
  ),
  rateLimitFailOpen: setting(boolean, true, "What a global limit does while nobody grants it anything: let pass"),
};

const faultFields: FieldsOf<policy.FaultColumns> = {
  faultDelayPercent: percent(0, "Share of requests that are held up, by fault_delay_ms"),
  faultDelayMs: inMs(optional(integer(1, limits.FAULT_DELAY_MS_MAX), "How long")),
  faultAbortPercent: percent(0, "Share of requests that are answered with fault_abort_status"),
  faultAbortStatus: optional(integer(200, 599), "That status"),
  faultSource: optional(name, "Only calls of this service; unset is all callers"),
  faultHeaderMatch: optional(headers, "Only requests whose headers are all equal"),
  faultDurationSec: inSeconds(
    count(
      0,
      limits.FAULT_DURATION_SEC_MAX,
      defaults.FAULT_DURATION_SEC,
      "Ends so long after it was set; 0: when it is taken away",
    ),
  ),
  faultUntil: byServer(timestamp, null, "When the fault ends"),
};

const mirrorFields: FieldsOf<policy.MirrorColumns> = {
  mirrorTo: optional({ type: "cluster" }, "Where copies of requests go; their answers are thrown away"),
  mirrorPercent: inPercent(count(1, 100, defaults.MIRROR_PERCENT, "Share of requests that are copied")),
};

const fallbackFields: FieldsOf<policy.FallbackColumns> = {
  fallback: setting(
    { type: "choice", values: ["none", "cached_response", "static", "service"] },
    "none",
    "What answers instead of 503 and 504 of the mesh itself",
  ),
  fallbackBody: setting(
    {
      type: "text",
      charsMax: limits.STATIC_BODY_BYTES_MAX,
      pattern: /^/,
      words: `at most ${limits.STATIC_BODY_BYTES_MAX} bytes`,
    },
    defaults.FALLBACK_BODY,
    "What static answers, and cached_response when nothing is stored",
  ),
  fallbackMaxAgeSec: inSeconds(
    count(
      1,
      limits.FALLBACK_MAX_AGE_SEC_MAX,
      defaults.FALLBACK_MAX_AGE_SEC,
      "How old an answer of cached_response may be",
    ),
  ),
  fallbackService: optional(name, "Who answers for fallback service"),
};

const balancingFields: FieldsOf<policy.BalancingColumns> = {
  lbPolicy: setting(
    { type: "choice", values: ["round_robin", "least_request", "peak_ewma", "ring_hash", "maglev", "random"] },
    "round_robin",
    "How an endpoint is chosen",
  ),
  hashOn: optional({ type: "hash-on" }, "What ring_hash and maglev hash"),
  panicThreshold: percent(
    defaults.PANIC_THRESHOLD_PERCENT,
    "Below this share of usable endpoints health is ignored; 0 turns that off",
  ),
  slowStartSec: inSeconds(
    count(0, limits.SLOW_START_SEC_MAX, 0, "How long a new endpoint's share grows; 0 gives it all at once"),
  ),
};

/** The settings by what they are about, under the headings of help and tables. */
export const servicePolicyGroups: Readonly<Record<string, FieldTable>> = {
  "Timeouts and retries": retryFields,
  "Circuit breaker": breakerFields,
  Limits: limitFields,
  Outliers: outlierFields,
  Health: healthFields,
  "Load balancing": balancingFields,
  "Rate limit": rateLimitFields,
  Faults: faultFields,
  Mirror: mirrorFields,
  Fallback: fallbackFields,
};

export const servicePolicyFields: FieldsOf<policy.ServicePolicy> = {
  serviceName: key(name, "The service that is called"),
  ...retryFields,
  ...breakerFields,
  ...limitFields,
  ...outlierFields,
  ...healthFields,
  ...balancingFields,
  ...rateLimitFields,
  ...faultFields,
  ...mirrorFields,
  ...fallbackFields,
  updatedAt,
};
