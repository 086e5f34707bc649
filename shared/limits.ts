/** Every bound on size, count and queue. What happens at the bound is said beside it. Defaults are in defaults.ts. */

// Rows (seed F4.10-F4.13; the rest are ours). Beyond: INVALID_ARGUMENT.
export const SERVICE_NAME_CHARS_MAX = 128;
export const VERSION_CHARS_MAX = 32;
export const ROUTE_NAME_CHARS_MAX = 128;
export const RETRY_ATTEMPTS_MAX = 10;
export const TIMEOUT_MS_MAX = 3_600_000;
export const CB_WINDOW_SEC_MAX = 3_600;
export const BACKOFF_MS_MAX = 60_000;
export const CONNECT_TIMEOUT_MS_MAX = 60_000;
export const RETRY_STATUSES_MAX = 16;
export const RETRY_AFTER_MS_MAX = 60_000;
export const RETRY_BUDGET_MIN_PER_SEC_MAX = 1_000;
export const RETRY_BUDGET_WINDOW_SEC_MAX = 60;
export const CB_MIN_REQUESTS_MAX = 100_000;
export const CB_CONSECUTIVE_FAILURES_MAX = 1_000;
export const CB_RECOVERY_SEC_MAX = 3_600;
export const CB_SUCCESSES_MAX = 100;
/** `max_connections`, `max_pending_requests` and `max_retries` of a policy; then `max_requests`. */
export const POLICY_CONNECTIONS_MAX = 100_000;
export const POLICY_REQUESTS_MAX = 1_000_000;
export const OUTLIER_CONSECUTIVE_MAX = 1_000;
/** The shortest interval at which endpoints are judged or asked. */
export const POLICY_INTERVAL_MS_MIN = 100;
export const POLICY_INTERVAL_MS_MAX = 3_600_000;
export const OUTLIER_EJECTION_MS_MAX = 86_400_000;
export const OUTLIER_STDEV_FACTOR_MAX = 10_000;
export const OUTLIER_HOSTS_MAX = 1_000;
export const OUTLIER_REQUESTS_MAX = 100_000;
export const HEALTH_CHECK_TIMEOUT_MS_MIN = 10;
export const HEALTH_CHECK_TIMEOUT_MS_MAX = 60_000;
export const HEALTH_CHECK_THRESHOLD_MAX = 100;
/** What a proxy says of its app's last check; the rest is cut. */
export const HEALTH_DETAIL_CHARS_MAX = 256;
export const SLOW_START_SEC_MAX = 3_600;
export const RATE_LIMIT_REQUESTS_MAX = 1_000_000;
export const FAULT_DELAY_MS_MAX = 60_000;
export const FAULT_DURATION_SEC_MAX = 86_400;
export const STATIC_BODY_BYTES_MAX = 4_096;
export const FALLBACK_MAX_AGE_SEC_MAX = 86_400;
export const ENDPOINT_WEIGHT_MAX = 1_000;
export const MATCHES_MAX = 16;
export const HEADER_VALUE_CHARS_MAX = 1_024;
export const PATH_CHARS_MAX = 2_048;
export const REGEX_CHARS_MAX = 512;
/** Matching takes instructions x characters. A real Envoy refuses more than 100 unless its runtime key re2.max_program_size.error_level says otherwise. */
export const REGEX_PROGRAM_SIZE_MAX = 1_000;
export const DESTINATIONS_MAX = 16;
export const DESTINATION_WEIGHT_MAX = 1_000_000;
export const ROUTE_POSITION_MAX = 100_000;
export const DIRECT_BODY_BYTES_MAX = 4_096;
export const AUTHOR_CHARS_MAX = 256;
export const REASON_CHARS_MAX = 1_024;
export const BUNDLE_RESOURCES_MAX = 10_000;
export const PAGE_SIZE_DEFAULT = 100;
export const PAGE_SIZE_MAX = 1_000;
/** A page ends early here, so that it fits the 4 MiB that gRPC clients accept by default. */
export const PAGE_BYTES_MAX = 1024 * 1024;
/** Changes told in the answer to a mutation; the rest is counted and stands in GetRevision. */
export const CHANGES_BYTES_MAX = 2 * 1024 * 1024;
/** Warnings told in the answer to a mutation; the rest is counted. */
export const WARNINGS_MAX = 100;
/** A DNS name has 253 characters at most (RFC 1035); the rest is room for a port. */
export const HOST_CHARS_MAX = 260;
export const QUERY_NAME_CHARS_MAX = 256;
/** Header names are short in practice; Node and Envoy bound only the whole head. */
export const HEADER_NAME_CHARS_MAX = 256;
/** Older revisions leave the ledger; their rows and the newest content stay. */
export const REVISIONS_KEPT_MAX = 100_000;
/** A proxy reads at most 15 digits of a revision, which a double holds exactly. Only a restore can be told such a number. */
export const REVISION_MAX = 999_999_999_999_999;
/** Size of the store's file; beyond it writes are refused and reads go on. */
export const STORE_BYTES_MAX = 8 * 1024 * 1024 * 1024;

// gRPC. Beyond: RESOURCE_EXHAUSTED.
export const ADMIN_MESSAGE_BYTES_MAX = 4 * 1024 * 1024;
export const XDS_REQUEST_BYTES_MAX = 4 * 1024 * 1024;
/** What a proxy accepts in one response; large meshes send large cluster lists. */
export const XDS_RESPONSE_BYTES_MAX = 64 * 1024 * 1024;
/** Envoy's bound on the message of a NACK; longer text is cut. */
export const NACK_REASON_CHARS_MAX = 4_096;
export const ADMIN_STREAMS_MAX = 1_000;
/** Changes waiting for one slow watcher; beyond it the watch ends and the client lists again. */
export const WATCH_QUEUE_EVENTS_MAX = 4_096;
/** gRPC advises to stay below 8 KiB of response metadata; further violations are counted, not told. */
export const ERROR_TEXT_BYTES_MAX = 3 * 1024;
export const ERROR_DETAILS_BYTES_MAX = 3 * 1024;
export const WAIT_MS_MAX = 600_000;
/** Copies of the store being streamed at once: each takes the size of the store on disk. */
export const BACKUPS_MAX = 2;
export const BACKUP_CHUNK_BYTES = 64 * 1024;
export const XDS_NODE_ID_CHARS_MAX = 256;
/** A longer message is given to HTTP/2 in pieces of this size, the next when the peer has taken the one before. */
export const CALL_WRITE_BYTES_MAX = 256 * 1024;
/** Calls at a time on one connection of the xDS port (a proxy has two); more wait at the client (RFC 9113 5.1.2). */
export const CALLS_PER_CONNECTION_MAX = 100;
/** Connections of the xDS port; beyond it a new one is closed at once. */
export const XDS_CONNECTIONS_MAX = 16_384;
/** What HTTP/2 may hold for one connection, above the largest response; beyond it new streams are refused. */
export const XDS_SESSION_MEGABYTES_MAX = 128;
/** Bytes that slow streams together have not taken: about a hundred large snapshots. Beyond it streams wait their turn. */
export const SERVER_BUFFER_BYTES_MAX = 64 * 1024 * 1024;
/** Requests of one stream: per second in the long run, and at once. Beyond: RESOURCE_EXHAUSTED, the stream is cut. */
export const STREAM_REQUESTS_PER_SECOND = 500;
export const STREAM_REQUESTS_BURST = 2_000;
/** A Drain call waits no longer than this, whatever it asks for. */
export const DRAIN_WAIT_MS_MAX = 600_000;
/** How long new snapshots are handed out in one turn of the event loop; requests are read between the turns. */
export const FAN_OUT_SLICE_MS = 10;
/** Cluster lists whose content is known by version, for nodes that come back; beyond it the oldest is forgotten. */
export const CLUSTER_SETS_REMEMBERED_MAX = 256;
/** Disconnected nodes that the control plane still tells of, for an hour; beyond it the longest gone are forgotten. */
export const GONE_NODES_MAX = 10_000;
/** Publications whose acknowledgement is still being timed; beyond it the oldest is given up. */
export const TIMED_PUBLICATIONS_MAX = 64;

// HTTP/1.1 (http1.md 5). The status at the bound stands in the codec's failure.
export const HEAD_BYTES_MAX = 32 * 1024;
export const HEADER_COUNT_MAX = 100;
export const REQUEST_LINE_BYTES_MAX = 8 * 1024;
export const METHOD_BYTES_MAX = 64;
export const CHUNK_EXTENSION_BYTES_MAX = 4 * 1024;
export const CHUNK_SIZE_DIGITS_MAX = 16;
export const TRAILER_BYTES_MAX = 8 * 1024;
export const INFORMATIONAL_RESPONSES_MAX = 8;
export const PIPELINE_BYTES_MAX = 64 * 1024;
/** Per connection and direction; beyond it the other side is no longer read. */
export const RELAY_BUFFER_BYTES_MAX = 64 * 1024;
/** Spare buffers that wait to be used again, in the process; beyond it they are left to the collector. */
export const SPARE_BUFFERS_MAX = 64;
/** Such buffers that one connection may hold at a time; beyond it parts of bodies get buffers of their own. */
export const LENT_BUFFERS_MAX = 4;
/** A longer request body cannot be sent a second time. */
export const REPLAY_BYTES_MAX = 64 * 1024;
export const LINGER_BYTES_MAX = 256 * 1024;
export const CONNECTIONS_PER_ENDPOINT_MAX = 1_024;
export const PENDING_PER_ENDPOINT_MAX = 1_024;
/** Open connections of clients to one listener; beyond it a new one gets 503 for its first request and is counted. */
export const CONNECTIONS_PER_LISTENER_MAX = 10_000;
/**
 * Connections that the system has made and nobody has accepted; it allows `net.core.somaxconn`, 4,096, of them. With too few a
 * proxy that calls a thousand times at once has its connections dropped, tries again after a second, and finds the service unwell.
 */
export const ACCEPT_BACKLOG = 4_096;
/** Last good answers that a proxy keeps for fallbacks, all services together; beyond it the oldest goes. */
export const RESPONSE_CACHE_BOUNDS = { bytesMax: 16 * 1024 * 1024, entriesMax: 4_096 };
/** A longer body is no fallback. */
export const FALLBACK_BODY_BYTES_MAX = 64 * 1024;
/** Copies of requests under way to one cluster; beyond it no more are made until some have ended, and those are counted. */
export const MIRRORED_AT_ONCE_MAX = 64;
/** Connections of one listener that wait to be refused in words; beyond it they are closed without one. */
export const POLITE_REFUSALS_MAX = 16;
/** Requests of one connection; its last response closes it, so that load spreads again. nginx has 1,000, Envoy no bound. */
export const REQUESTS_PER_CONNECTION_MAX = 100_000;
/** Descriptors that are kept for files, the stream and refusals: with fewer left new connections get 503. */
export const DESCRIPTORS_RESERVED = 64;
/** Inbound requests whose calls are known by their trace; beyond it a request is not remembered. */
export const INBOUND_CALLS_MAX = 10_000;
/** Tries to pick an endpoint that was not tried yet (Envoy's FAQ recommends 5); then the last pick is used. */
export const PICKS_MAX = 5;
/** Hosts outside the mesh whose connections are kept apart; beyond it the one unused for longest is forgotten. */
export const EGRESS_ENDPOINTS_MAX = 256;
/** Health checks of one worker under way at once; beyond it they wait their turn. */
export const HEALTH_PROBES_MAX = 64;
/** x-request-id goes into logs (http1.md 4). Longer: a new one is made. */
export const REQUEST_ID_CHARS_MAX = 128;
/** W3C Trace Context 3.3.1.1. Beyond: the tracestate is dropped. */
export const TRACESTATE_MEMBERS_MAX = 32;

// What the flags of a proxy may set: the defaults are above and in defaults.ts. Outside: refused at the start. 0 is "none"
// where it is allowed.
export interface Range {
  readonly min: number;
  readonly max: number;
}
/** Below 1 KiB hardly a browser's request passes; a head is held whole in memory, for each connection. */
export const HEAD_BYTES_LIMIT: Range = { min: 1_024, max: 1024 * 1024 };
export const HEAD_FIELDS_LIMIT: Range = { min: 1, max: 10_000 };
export const BODY_BYTES_LIMIT: Range = { min: 0, max: 1024 ** 4 };
export const HEAD_TIMEOUT_LIMIT_MS: Range = { min: 100, max: 3_600_000 };
export const BODY_IDLE_LIMIT_MS: Range = { min: 100, max: 3_600_000 };
export const REQUEST_TIMEOUT_LIMIT_MS: Range = { min: 0, max: 86_400_000 };
/** Envoy's idle_timeout is an hour by default. */
export const IDLE_TIMEOUT_LIMIT_MS: Range = { min: 100, max: 86_400_000 };
export const STREAM_IDLE_LIMIT_MS: Range = { min: 0, max: 86_400_000 };
export const TUNNEL_IDLE_LIMIT_MS: Range = { min: 100, max: 7 * 86_400_000 };
export const CONNECTION_REQUESTS_LIMIT: Range = { min: 1, max: 1_000_000_000 };
/** Linux has a million descriptors for a process at most, unless told otherwise (fs.nr_open). */
export const CONNECTIONS_LIMIT: Range = { min: 1, max: 1_000_000 };
export const REQUESTS_LIMIT: Range = { min: 1, max: 1_000_000 };
export const CLIENT_CONNECTIONS_LIMIT: Range = { min: 0, max: 1_000_000 };

// Rate limits.
/** Keys of one limit (clients, header values) that have a bucket of their own; beyond it new ones share one. */
export const RATE_LIMIT_KEYS_MAX = 10_000;
/** A longer key is told apart by its end, its length and a hash. */
export const RATE_LIMIT_KEY_CHARS_MAX = 256;
/** Buckets of the whole mesh at the control plane; beyond it the new keys of a service share one. */
export const COORDINATED_KEYS_MAX = 100_000;
/** Of one ShouldRateLimit call. Beyond: INVALID_ARGUMENT. Proxies ask for more leases in further calls. */
export const RATE_LIMIT_DESCRIPTORS_MAX = 256;
export const RATE_LIMIT_DESCRIPTOR_CHARS_MAX = 1_024;
/** Envoy's bound on hits_addend. */
export const HITS_ADDEND_MAX = 1_000_000_000;

// Metrics: series of one metric; beyond it new label values are counted as "other".
export const METRIC_SERIES_MAX = 2_000;

// Compiled configuration at the proxy. Beyond: the resource is refused with a NACK, the last good one keeps serving.
/** Longer than a row may have, because a foreign control plane joins several rows into one pattern. */
export const REGEX_PATTERN_CHARS_MAX = 4_096;
/** Envoy's bound on the sum of `weighted_clusters`. */
export const WEIGHT_SUM_MAX = 4_294_967_295;
/** Distinct endpoint addresses one proxy knows. */
export const PROXY_ENDPOINTS_MAX = 100_000;
/** Envoy's `maglev_lb_config.table_size`. */
export const MAGLEV_TABLE_SIZE_MAX = 5_000_011;
/** Points of one ring, 8 bytes each; a larger `minimum_ring_size` is built with this many. */
export const RING_POINTS_MAX = 1_048_576;

// The access log: lines not yet written; beyond it new ones are dropped and counted.
export const ACCESS_LOG_BUFFER_BYTES_MAX = 4 * 1024 * 1024;
/** Threads of one proxy. */
export const PROXY_WORKERS_MAX = 64;
/** A message to `heddle node`. */
export const NODE_LINE_CHARS_MAX = 1024 * 1024;
/** Requests that were refused, failed or retried and are still told of at the admin port, of each worker; beyond it the oldest is forgotten. */
export const DECISIONS_KEPT_MAX = 128;
/** Connections to a proxy's admin port. */
export const ADMIN_CONNECTIONS_MAX = 64;
