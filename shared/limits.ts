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
export const ENDPOINT_WEIGHT_MAX = 1_000;
export const MATCHES_MAX = 16;
export const HEADER_VALUE_CHARS_MAX = 1_024;
export const PATH_CHARS_MAX = 2_048;
export const REGEX_CHARS_MAX = 512;
export const DESTINATIONS_MAX = 16;
export const DESTINATION_WEIGHT_MAX = 1_000_000;
export const ROUTE_POSITION_MAX = 100_000;
export const DIRECT_BODY_BYTES_MAX = 4_096;
export const AUTHOR_CHARS_MAX = 256;
export const REASON_CHARS_MAX = 1_024;
export const BUNDLE_RESOURCES_MAX = 10_000;
export const PAGE_SIZE_DEFAULT = 100;
export const PAGE_SIZE_MAX = 1_000;

// gRPC. Beyond: RESOURCE_EXHAUSTED.
export const ADMIN_MESSAGE_BYTES_MAX = 4 * 1024 * 1024;
export const XDS_REQUEST_BYTES_MAX = 4 * 1024 * 1024;
/** What a proxy accepts in one response; large meshes send large cluster lists. */
export const XDS_RESPONSE_BYTES_MAX = 64 * 1024 * 1024;
export const ADMIN_STREAMS_MAX = 1_000;
export const XDS_NODE_ID_CHARS_MAX = 256;

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
/** A longer request body cannot be sent a second time. */
export const REPLAY_BYTES_MAX = 64 * 1024;
export const LINGER_BYTES_MAX = 256 * 1024;
export const CONNECTIONS_PER_ENDPOINT_MAX = 1_024;
export const PENDING_PER_ENDPOINT_MAX = 1_024;

// Metrics: series of one metric; beyond it new label values are counted as "other".
export const METRIC_SERIES_MAX = 2_000;
