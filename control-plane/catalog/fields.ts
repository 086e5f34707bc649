import * as limits from "../../shared/limits.ts";
import type {
  Kind,
  Route,
  RouteDestination,
  RouteDirectResponse,
  RouteRedirect,
  ServiceEndpoint,
  TrafficSplit,
} from "./catalog.ts";
import {
  boolean,
  byServer,
  field,
  headers,
  host,
  inMs,
  inPercent,
  integer,
  key,
  name,
  optional,
  path,
  required,
  setting,
  updatedAt,
  version,
} from "./declare-field.ts";
import type { FieldsOf, FieldTable } from "./field.ts";
import { servicePolicyFields } from "./service-policy-fields.ts";

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
  health: byServer(
    { type: "choice", values: ["unknown", "passing", "failing"] },
    "unknown",
    "What the instance's own proxy found by its last health checks",
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
