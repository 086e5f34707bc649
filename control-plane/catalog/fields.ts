import * as defaults from "../../shared/defaults.ts";
import * as limits from "../../shared/limits.ts";
import type {
  Kind,
  Route,
  RouteDestination,
  RouteDirectResponse,
  RouteRedirect,
  ServiceEndpoint,
  ServicePolicy,
  TrafficSplit,
} from "./catalog.ts";
import type { Field, FieldsOf, FieldTable, Shape } from "./field.ts";

const name: Shape = {
  type: "text",
  charsMax: limits.SERVICE_NAME_CHARS_MAX,
  pattern: /^[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?$/,
  words: `1-${limits.SERVICE_NAME_CHARS_MAX} letters, digits, ".", "-" or "_", a letter or digit first and last`,
};
const version: Shape = {
  type: "text",
  charsMax: limits.VERSION_CHARS_MAX,
  pattern: /^[\x21-\x7e]+$/,
  words: `1-${limits.VERSION_CHARS_MAX} printable ASCII characters without spaces`,
};
const host: Shape = {
  type: "text",
  charsMax: limits.HOST_CHARS_MAX,
  pattern: /^(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?$/,
  words: `a host, with :PORT if need be, of at most ${limits.HOST_CHARS_MAX} characters`,
};
const path: Shape = { type: "path" };
const boolean: Shape = { type: "boolean" };
const headers: Shape = { type: "pairs", of: "headers" };
const timestamp: Shape = { type: "text", charsMax: 32, pattern: /^\d{4}-/, words: "an RFC 3339 time" };
const integer = (min: number, max: number): Shape => ({ type: "integer", min, max });

function field(role: Field["role"], shape: Shape, fallback: unknown, help: string): Field {
  return { role, shape, fallback, help, required: false, unit: "" };
}
const setting = (shape: Shape, fallback: unknown, help: string): Field => field("setting", shape, fallback, help);
const optional = (shape: Shape, help: string): Field => field("setting", shape, null, help);
const required = (shape: Shape, help: string): Field => ({ ...setting(shape, null, help), required: true });
const key = (shape: Shape, help: string): Field => ({ ...field("key", shape, null, help), required: true });
const byServer = (shape: Shape, fallback: unknown, help: string): Field => field("server", shape, fallback, help);
const inMs = (f: Field): Field => ({ ...f, unit: " ms" });
const inSeconds = (f: Field): Field => ({ ...f, unit: " s" });
const inPercent = (f: Field): Field => ({ ...f, unit: "%" });

const updatedAt = byServer(timestamp, "", "When the row last changed");

export const servicePolicyFields: FieldsOf<ServicePolicy> = {
  serviceName: key(name, "The service that is called"),
  retryAttempts: setting(
    integer(1, limits.RETRY_ATTEMPTS_MAX),
    defaults.RETRY_ATTEMPTS,
    "Tries in all, the first included",
  ),
  timeoutMs: inMs(
    setting(integer(1, limits.TIMEOUT_MS_MAX), defaults.TIMEOUT_MS, "The whole request, retries included"),
  ),
  cbThreshold: inPercent(
    setting(integer(1, 100), defaults.CB_THRESHOLD_PERCENT, "Share of failures that opens the circuit breaker"),
  ),
  cbWindowSec: inSeconds(
    setting(integer(1, limits.CB_WINDOW_SEC_MAX), defaults.CB_WINDOW_SEC, "Window of the circuit breaker"),
  ),
  perTryTimeoutMs: inMs(
    optional(integer(1, limits.TIMEOUT_MS_MAX), "One try, below timeout_ms; unset is no limit of its own"),
  ),
  retryBackoffBaseMs: inMs(
    setting(
      integer(1, limits.BACKOFF_MS_MAX),
      defaults.RETRY_BACKOFF_BASE_MS,
      "First ceiling of the wait before a retry",
    ),
  ),
  retryBackoffMaxMs: inMs(
    setting(
      integer(1, limits.BACKOFF_MS_MAX),
      defaults.RETRY_BACKOFF_MAX_MS,
      "Last ceiling of the wait before a retry",
    ),
  ),
  lbPolicy: setting(
    { type: "choice", values: ["round_robin", "least_request", "ring_hash", "maglev", "random"] },
    "round_robin",
    "How an endpoint is chosen",
  ),
  hashOn: optional({ type: "hash-on" }, "What ring_hash and maglev hash"),
  panicThreshold: inPercent(
    setting(
      integer(0, 100),
      defaults.PANIC_THRESHOLD_PERCENT,
      "Below this share of usable endpoints health is ignored; 0 turns that off",
    ),
  ),
  connectTimeoutMs: inMs(
    setting(integer(1, limits.CONNECT_TIMEOUT_MS_MAX), defaults.CONNECT_TIMEOUT_MS, "One TCP connect"),
  ),
  updatedAt,
};

export const serviceEndpointFields: FieldsOf<ServiceEndpoint> = {
  serviceName: key(name, "The service the endpoint is an instance of"),
  podIp: key({ type: "ip" }, "Where it listens"),
  port: key(integer(1, 65_535), "TCP port it listens on"),
  version: optional(version, "Version of the instance; unset counts as the first side of a split"),
  healthy: setting(boolean, true, "Whether it gets requests"),
  weight: setting(integer(1, limits.ENDPOINT_WEIGHT_MAX), 1, "Relative share"),
  registeredBy: byServer(
    { type: "text", charsMax: limits.XDS_NODE_ID_CHARS_MAX, pattern: /^/, words: "a node id" },
    null,
    "Node id of the proxy that holds the lease; unset for a row written by hand",
  ),
};

export const trafficSplitFields: FieldsOf<TrafficSplit> = {
  id: byServer(integer(0, Number.MAX_SAFE_INTEGER), 0, "Number of the row"),
  sourceService: field("key", name, null, "Only calls of this service; unset is all callers"),
  destinationService: key(name, "The service that is called"),
  v1Weight: inPercent(setting(integer(0, 100), 100, "Share of the first side; the two sum to 100")),
  v2Weight: inPercent(setting(integer(0, 100), 0, "Share of the second side")),
  headerMatch: optional(headers, "Any equal header forces the second side"),
  v1Version: setting(version, "v1", "ServiceEndpoint.version of the first side"),
  v2Version: setting(version, "v2", "ServiceEndpoint.version of the second side"),
  updatedAt,
};

const destinationFields: FieldsOf<RouteDestination> = {
  service: required(name, "The service that is called"),
  version: optional(version, "Only endpoints of this version; unset is all, by the service's TrafficSplit"),
  weight: setting(integer(0, limits.DESTINATION_WEIGHT_MAX), 1, "Relative share"),
};

const redirectFields: FieldsOf<RouteRedirect> = {
  status: setting({ type: "choice", values: [301, 302, 303, 307, 308] }, 301, "Status of the answer"),
  scheme: optional({ type: "choice", values: ["http", "https"] }, "Scheme of the new URL"),
  host: optional(host, "Host of the new URL"),
  port: optional(integer(1, 65_535), "Port of the new URL"),
  path: optional(path, "Replaces the whole path"),
  prefix: optional(path, "Replaces the matched prefix"),
  stripQuery: setting(boolean, false, "Drop the query"),
};

const directResponseFields: FieldsOf<RouteDirectResponse> = {
  status: required(integer(200, 599), "Status of the answer"),
  body: setting(
    {
      type: "text",
      charsMax: limits.DIRECT_BODY_BYTES_MAX,
      pattern: /^/,
      words: `at most ${limits.DIRECT_BODY_BYTES_MAX} bytes`,
    },
    "",
    "Body of the answer",
  ),
};

export const routeFields: FieldsOf<Route> = {
  name: key(
    {
      type: "text",
      charsMax: limits.ROUTE_NAME_CHARS_MAX,
      pattern: /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/,
      words: `1-${limits.ROUTE_NAME_CHARS_MAX} printable ASCII characters`,
    },
    "Name of the rule",
  ),
  destinationService: required(name, "The host the rule applies to"),
  sourceService: optional(name, "Only calls of this service; unset is all callers"),
  position: setting(integer(0, limits.ROUTE_POSITION_MAX), 1_000, "Lower is tried first, then by name"),
  pathExact: optional(path, "The whole path"),
  pathPrefix: optional(path, "The first segments of the path"),
  pathRegex: optional({ type: "regex" }, "Matches the whole path"),
  methods: setting({ type: "methods" }, [], "Any of these methods; empty is all"),
  headerMatch: optional(headers, "All must be equal"),
  queryMatch: optional({ type: "pairs", of: "query" }, "All must be equal"),
  destinations: setting(
    { type: "records", fields: destinationFields, countMax: limits.DESTINATIONS_MAX },
    [],
    "Where requests go; none is destination_service itself",
  ),
  redirect: optional({ type: "record", fields: redirectFields }, "Answer with a redirect"),
  directResponse: optional({ type: "record", fields: directResponseFields }, "Answer at once"),
  prefixRewrite: optional(path, "Replaces the matched path_prefix or path_exact"),
  hostRewrite: optional(host, "Replaces the host"),
  timeoutMs: inMs(optional(integer(1, limits.TIMEOUT_MS_MAX), "Instead of the policy's timeout_ms")),
  retryAttempts: optional(integer(1, limits.RETRY_ATTEMPTS_MAX), "Instead of the policy's retry_attempts"),
  updatedAt,
};

/** Every column of every kind. */
export const fieldsByKind: Readonly<Record<Kind, FieldTable>> = {
  ServicePolicy: servicePolicyFields,
  ServiceEndpoint: serviceEndpointFields,
  TrafficSplit: trafficSplitFields,
  Route: routeFields,
};
