/** Every default number of Heddle, with its unit in its name and its source beside it. Bounds are in limits.ts. */

// Addresses (cli-and-console.md; 15001 and 15006 are Istio's, seed F4.3).
export const XDS_PORT = 15_010;
export const ADMIN_API_PORT = 15_020;
export const OUTBOUND_PORT = 15_001;
export const INBOUND_PORT = 15_006;
export const PROXY_ADMIN_PORT = 15_000;

// ServicePolicy (seed F4.10 for the first four).
export const RETRY_ATTEMPTS = 3;
export const TIMEOUT_MS = 5_000;
export const CB_THRESHOLD_PERCENT = 50;
export const CB_WINDOW_SEC = 30;
/** Envoy RetryPolicy.retry_back_off: base 25 ms, at most ten times the base. */
export const RETRY_BACKOFF_BASE_MS = 25;
export const RETRY_BACKOFF_MAX_MS = 250;
/** How far the time that a breaker stays open is drawn about its mean (Linkerd jitters its back-off, too). */
export const BREAKER_JITTER_RATIO = 0.1;
/** Envoy adaptive_concurrency: concurrency_update_interval, min_rtt_calc_params.interval, request_count, buffer, jitter. */
export const ADAPTIVE_UPDATE_MS = 100;
export const ADAPTIVE_MEASURE_MS = 60_000;
export const ADAPTIVE_MEASURE_SAMPLES = 50;
export const ADAPTIVE_BUFFER_RATIO = 0.25;
export const ADAPTIVE_JITTER_RATIO = 0.15;
/** Envoy Cluster.CommonLbConfig.healthy_panic_threshold. */
export const PANIC_THRESHOLD_PERCENT = 50;
/** Linkerd's outbound connect timeout; Envoy's 5 s would eat a whole ServicePolicy.timeout_ms. */
export const CONNECT_TIMEOUT_MS = 1_000;
/** Envoy RouteAction.timeout, for routes of a foreign control plane that name none. */
export const ENVOY_ROUTE_TIMEOUT_MS = 15_000;
/** Envoy Cluster.connect_timeout, for clusters of a foreign control plane that name none. */
export const ENVOY_CONNECT_TIMEOUT_MS = 5_000;
/** Seed F2.20 and F4.15, united by seeds.md C4. */
export const RETRIABLE_STATUSES: readonly number[] = [502, 503, 504];
/** The union of both lists of the seed (seeds.md C4). `retriable-4xx` is 409 alone, as in Envoy (C5). */
export const RETRY_ON: readonly string[] = [
  "connect-failure",
  "reset-before-request",
  "gateway-error",
  "retriable-4xx",
  "retriable-status-codes",
];
/** A Retry-After of more than this would eat most of timeout_ms. */
export const RETRY_AFTER_MAX_MS = 1_000;
/** Envoy RetryBudget.budget_percent and min_retry_concurrency; Linkerd's window (semantics.md 2). */
export const RETRY_BUDGET_PERCENT = 20;
export const RETRY_BUDGET_MIN_PER_SEC = 3;
export const RETRY_BUDGET_WINDOW_SEC = 10;

// The circuit breaker beside its share and window (seeds.md C1-C3).
export const CB_MIN_REQUESTS = 10;
export const CB_CONSECUTIVE_FAILURES = 5;
export const CB_RECOVERY_SEC = 30;
export const CB_SUCCESSES = 2;
/** Probes that fail double the recovery up to this many times its length, and no further than the second number. */
export const CB_RECOVERY_GROWTH_MAX = 10;
export const CB_RECOVERY_CEILING_MS = 600_000;

/** The bounds between which the gradient limit moves (Envoy adaptive_concurrency: min_concurrency 3, maximum 1000). */
export const ADAPTIVE_CONCURRENCY_MIN = 3;
export const ADAPTIVE_CONCURRENCY_MAX = 1_000;

// Outlier detection: Envoy's OutlierDetection, but half of a service may be out at once instead of a tenth, and the
// detectors that compare endpoints are off until somebody asks for them.
export const OUTLIER_CONSECUTIVE_5XX = 5;
export const OUTLIER_INTERVAL_MS = 10_000;
export const OUTLIER_BASE_EJECTION_MS = 30_000;
export const OUTLIER_MAX_EJECTION_MS = 300_000;
export const OUTLIER_MAX_EJECTION_PERCENT = 50;
export const OUTLIER_MIN_HOSTS = 5;
export const OUTLIER_MIN_REQUESTS = 100;

// Active health checks (seeds.md C7, C20).
export const HEALTH_CHECK_PATH = "/health";
export const HEALTH_CHECK_INTERVAL_MS = 10_000;
export const HEALTH_CHECK_TIMEOUT_MS = 3_000;
export const HEALTH_CHECK_UNHEALTHY = 3;
export const HEALTH_CHECK_HEALTHY = 2;
/** The first check of an endpoint comes at a random moment within this, so that a new one is known soon. */
export const CHECKS_FIRST_WITHIN_MS = 1_000;
/** Callers do not check a cluster that got no request for this long (Envoy `no_traffic_interval`). */
export const CHECKS_UNUSED_MS = 60_000;
/** So long without a control plane, and callers check for themselves what its proxies would have reported. */
export const CHECKS_ALONE_AFTER_MS = 30_000;

/** Envoy SlowStartConfig.min_weight_percent. */
export const SLOW_START_MIN_WEIGHT_PERCENT = 10;
/** Finagle's and Linkerd's peak EWMA: decay 10 s, and 30 ms for an endpoint that has not answered yet. */
export const PEAK_EWMA_DECAY_MS = 10_000;
export const PEAK_EWMA_DEFAULT_RTT_MS = 30;

/** A fault that somebody forgot ends by itself. */
export const FAULT_DURATION_SEC = 600;
export const MIRROR_PERCENT = 100;
/** Seed F2.49. */
export const FALLBACK_BODY = '{"status": "fallback", "message": "Service temporarily unavailable"}';
export const FALLBACK_MAX_AGE_SEC = 300;

// What Envoy takes for fields that a foreign control plane leaves out (xds.md 2.22).
/** CircuitBreakers.Thresholds: max_connections, max_pending_requests and max_requests. */
export const ENVOY_THRESHOLD = 1_024;
export const ENVOY_MAX_RETRIES = 3;
/** CircuitBreakers.Thresholds.RetryBudget; its interval is that of GEP-3388. */
export const ENVOY_RETRY_BUDGET_PERCENT = 20;
export const ENVOY_RETRY_BUDGET_MIN = 3;
export const ENVOY_RETRY_BUDGET_WINDOW_MS = 10_000;
/** OutlierDetection. */
export const ENVOY_OUTLIER_CONSECUTIVE = 5;
export const ENVOY_OUTLIER_INTERVAL_MS = 10_000;
export const ENVOY_OUTLIER_BASE_EJECTION_MS = 30_000;
export const ENVOY_OUTLIER_MAX_EJECTION_MS = 300_000;
export const ENVOY_OUTLIER_MAX_EJECTION_PERCENT = 10;
export const ENVOY_OUTLIER_STDEV_FACTOR = 1_900;
export const ENVOY_OUTLIER_FAILURE_PERCENTAGE = 85;
export const ENVOY_OUTLIER_HOSTS_MIN = 5;
export const ENVOY_OUTLIER_SUCCESS_RATE_VOLUME = 100;
export const ENVOY_OUTLIER_FAILURE_PERCENTAGE_VOLUME = 50;
/** SlowStartConfig.min_weight_percent. */
export const ENVOY_SLOW_START_MIN_WEIGHT_PERCENT = 10;
/** RateLimitedRetryBackOff.max_interval. */
export const ENVOY_RETRY_AFTER_MAX_MS = 300_000;

/** Envoy LeastRequest.choice_count, RingHash.minimum_ring_size, Maglev.table_size. */
export const LEAST_REQUEST_CHOICES = 2;
export const RING_SIZE_MIN = 1_024;
/** Far below Envoy's 8 Mi: enough for 1,000 endpoints at 64 points each, and what each proxy must hold in memory. */
export const RING_SIZE_MAX = 65_536;
export const MAGLEV_TABLE_SIZE = 65_537;

// The stream (DESIGN 7, 8).
export const RECONNECT_MIN_MS = 500;
export const RECONNECT_MAX_MS = 30_000;
export const DIGEST_PERIOD_MS = 10_000;
/** A proxy that hears no digest for this long reconnects. */
export const DIGEST_SILENCE_MS = 30_000;
/** HTTP/2 pings find a dead connection on which nobody speaks (xds.md 5.3, 12). */
export const XDS_KEEPALIVE_MS = 30_000;
export const XDS_KEEPALIVE_TIMEOUT_MS = 10_000;
/** A call that has ended and whose peer does not take the end is reset after this long. */
export const CALL_END_GRACE_MS = 10_000;
/** A stream whose response stays unread, without progress, or unanswered for this long is cut. */
export const STREAM_STALL_MS = 30_000;
/** A proxy writes its snapshot to disk at most this often: ten pushes a second need not be ten fsyncs. */
export const LAST_GOOD_PERIOD_MS = 1_000;
/** A proxy waits this long for a resource that another one names; then it counts as empty (Envoy initial_fetch_timeout). */
export const RESOURCE_WAIT_MS = 15_000;
/**
 * A node that takes its clusters from elsewhere gets its routes after this long; others ask for both within one round
 * trip, and then the routes wait for the clusters.
 */
export const ROUTES_GRACE_MS = 500;
/** The publisher waits for quiet, but never longer than the maximum. */
export const PUBLISH_DEBOUNCE_MS = 10;
export const PUBLISH_DEBOUNCE_MAX_MS = 100;
/** The end of a fault is looked for at least this often, for it stands in wall time and the clock may be set. */
export const FAULT_END_LOOK_MS = 60_000;

// Endpoints (DESIGN 9).
export const LEASE_MS = 10_000;
/** After a start, or after the control plane itself was stopped: nodes wait up to RECONNECT_MAX_MS before they return. */
export const LEASE_GRACE_MS = RECONNECT_MAX_MS + LEASE_MS;
/** The sweeper wakes this often; a gap of LEASE_STALL_MS between two ticks means that this process stood still. */
export const LEASE_TICK_MS = 500;
export const LEASE_STALL_MS = 3_000;
/** Registrations that arrive within this time share one transaction: a thousand reconnects are not a thousand revisions. */
export const REGISTRATION_BATCH_MS = 20;
/** After a store that could not be written. */
export const REGISTRATION_RETRY_MS = 1_000;
export const DRAIN_WAIT_MS = 10_000;
export const DRAIN_REQUESTS_MS = 30_000;

// Leases of tokens, for limits that the proxies of a service share.
/** A lease whose key has been quiet for this long is given back. */
export const TOKEN_LEASE_MS = 1_000;
/** What a proxy holds is meant to last for so long, at the rate of the last moment: several ticks and round trips. */
export const TOKEN_LEASE_AHEAD_MS = 200;
/** How often a proxy looks for leases that run low. */
export const TOKEN_LEASE_TICK_MS = 50;
/** A coordinator that takes longer is gone: a few ticks, and more than a push holds it up. */
export const TOKEN_LEASE_CALL_MS = 250;
/** The same for the first call on a connection, which has to be made. */
export const TOKEN_LEASE_CONNECT_MS = 1_000;
/** It is asked again after this long, and up to as much again. */
export const TOKEN_LEASE_RETRY_MS = 500;

// The data path (http1.md 5).
export const HEADER_TIMEOUT_MS = 10_000;
export const BODY_IDLE_TIMEOUT_MS = 30_000;
/** For a whole request; 0: none, as Envoy's request_timeout, so that an upload may take its time. */
export const REQUEST_TIMEOUT_MS = 0;
export const KEEP_ALIVE_IDLE_MS = 60_000;
/** Below Node's default keepAliveTimeout of 5 s, the most common cause of keep-alive races (semantics.md 19.4). */
export const UPSTREAM_IDLE_MS = 4_000;
export const WRITE_STALL_MS = 30_000;
export const LINGER_MS = 1_000;
/** A request without a byte in either direction (Envoy HttpConnectionManager.stream_idle_timeout). */
export const STREAM_IDLE_MS = 300_000;
/** A tunnel without a byte in either direction (Envoy TcpProxy.idle_timeout; a WebSocket may be silent for long). */
export const TUNNEL_IDLE_MS = 3_600_000;
/** First probe of a silent tunnel's connections, so that a peer that vanished is noticed (Linux asks after 2 hours). */
export const TUNNEL_KEEPALIVE_MS = 60_000;
/**
 * Resolution of the one wheel that carries all deadlines of requests and connections. Below the base back-off of 25 ms,
 * else all retries of a moment would wake together; a turn of an empty slot costs under a microsecond.
 */
export const WHEEL_TICK_MS = 10;
/** Share of the traces started here that are marked as sampled (Istio's default). */
export const TRACE_SAMPLE_RATIO = 0.01;

// Overload.
/** Requests under way in one proxy: beyond it new ones get 503. Far above what one core can have under way in a second. */
export const REQUESTS_MAX = 20_000;
/** The event loop is looked at this often. */
export const OVERLOAD_PERIOD_MS = 50;

/** So long a request waits for room in a crowded proxy at most; the line is about two seconds long. */
export const ROOM_WAIT_MS = 10_000;

// Fallbacks (semantics.md 20, 9).
/** A stored answer is replaced at most this often. */
export const FALLBACK_REFRESH_MS = 1_000;
/** What another service gets at least, when the time of the request is already used up. */
export const FALLBACK_TRY_MS = 1_000;

// Workers of a proxy.
/** One thread: a sidecar seldom needs more, and two carry what one truth costs (Envoy's --concurrency is all cores). */
export const PROXY_WORKERS = 1;
/** The control plane hears that a change is in use when all workers have it, or after this: one that hangs holds nobody up. */
export const WORKER_SWAP_MS = 2_000;
/** A scrape waits this long for a worker; then what it told last stands in. */
export const WORKER_ANSWER_MS = 1_000;
/** From the order to end until a worker is ended: its log lines are written by then. */
export const WORKER_STOP_MS = 1_000;
/** What one worker meets, the others know after about this long. */
export const WORKER_NEWS_MS = 10;
/** How often it is looked whether workers answer; one that has said nothing for so long hangs, and is ended. */
export const WORKER_WATCH_MS = 5_000;
export const WORKER_SILENCE_MS = 30_000;
/** Full jitter between these before a worker that died is started anew; one that lived this long had no part in the last death. */
export const WORKER_RESTART_MIN_MS = 100;
export const WORKER_RESTART_MAX_MS = 10_000;
export const WORKER_LIVED_MS = 60_000;

/** The control plane's space for new objects, both halves: see bench/NOTES.md. */
export const YOUNG_HEAP_BYTES = 8 * 1024 * 1024;

// The command line.
/** One call of the admin API. */
export const ADMIN_CALL_TIMEOUT_MS = 10_000;
/** `--wait` without a number. */
export const WAIT_SEC = 10;
/** `heddle run` gives an app this long after SIGTERM before SIGKILL (Kubernetes' terminationGracePeriodSeconds). */
export const APP_STOP_MS = 30_000;

// The store (control-plane-reliability.md 1).
/** How long a commit waits for another program that holds the database's write lock. */
export const STORE_BUSY_MS = 5_000;
/** WaitForRevision, when the caller names no time. */
export const REVISION_WAIT_MS = 10_000;
