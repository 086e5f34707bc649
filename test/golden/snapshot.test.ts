import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";

import type { Row } from "../../control-plane/catalog/catalog.ts";
import { buildSnapshot } from "../../control-plane/snapshot/build.ts";
import { emptyMesh, readMesh } from "../../control-plane/snapshot/mesh.ts";
import type { NodeClass } from "../../control-plane/snapshot/node-class.ts";
import { packageRoot } from "../../shared/package-root.ts";
import { encodeCluster } from "../../shared/wire/cluster-wire.ts";
import { encodeLoadAssignment } from "../../shared/wire/endpoint-wire.ts";
import { encodeListener } from "../../shared/wire/listener-wire.ts";
import { encodeRouteConfig } from "../../shared/wire/route-wire.ts";
import { catalogOf, endpoint, policy, registered, route, split } from "../support/catalog-rows.ts";
import { decodeReadable } from "../support/proto-tree.ts";

// Catalogs in, the resources as they stand on the wire out. `npm run golden` rewrites the files; a human reads the diff.

const catalogs: Readonly<Record<string, readonly Row[]>> = {
  "one-service": [endpoint("web", 8080)],
  canary: [
    endpoint("reviews", 9101, { version: "v1" }),
    registered(endpoint("reviews", 9102, { version: "v2", weight: 3 }), "reviews-2"),
    endpoint("reviews", 9103, { healthy: false }),
    split("reviews", 95, 5, { header_match: { "X-Canary": "true" } }),
    split("reviews", 0, 100, { source_service: "web" }),
  ],
  rules: [
    endpoint("shop", 8080),
    endpoint("cart", 8081, { pod_ip: "fd00::1" }),
    policy("shop", { retry_attempts: 4, timeout_ms: 2_000, per_try_timeout_ms: 400, lb_policy: "least_request" }),
    policy("cart", { lb_policy: "maglev", hash_on: "cookie:session", panic_threshold: 0, connect_timeout_ms: 250 }),
    route("cart", "shop", {
      position: 1,
      path_prefix: "/cart",
      prefix_rewrite: "/",
      destinations: [{ service: "cart" }],
    }),
    route("old", "shop", { position: 2, path_exact: "/old", redirect: { status: 308, path: "/new" } }),
    route("health", "shop", {
      position: 3,
      path_exact: "/health",
      methods: ["GET"],
      direct_response: { status: 200, body: "ok" },
    }),
    route("ids", "shop", { position: 4, path_regex: "/items/[0-9]+", query_match: { full: "1" }, timeout_ms: 9_000 }),
    policy("ghost"),
  ],
};

/** Every policy away from its default, but those that exclude one another: they are in `cart`. */
const policies: readonly Row[] = [
  {
    ...policy("shop", {
      retry_attempts: 4,
      timeout_ms: 2_000,
      per_try_timeout_ms: 400,
      retry_on: ["reset", "retriable-status-codes"],
      retry_statuses: [429, 503],
      retry_non_idempotent: true,
      retry_backoff_base_ms: 10,
      retry_backoff_max_ms: 100,
      hedge_on_per_try_timeout: true,
      retry_budget_percent: 10,
      retry_budget_min_per_sec: 0,
      retry_budget_window_sec: 60,
      cb_threshold: 25,
      cb_window_sec: 60,
      cb_min_requests: 20,
      cb_consecutive_failures: 0,
      cb_recovery_sec: 120,
      cb_successes: 1,
      max_connections: 100,
      max_pending_requests: 50,
      max_requests: 200,
      adaptive_concurrency: true,
      outlier_consecutive_5xx: 0,
      outlier_consecutive_gateway: 3,
      outlier_interval_ms: 1_000,
      outlier_base_ejection_ms: 5_000,
      outlier_max_ejection_ms: 60_000,
      outlier_max_ejection_percent: 10,
      outlier_success_rate_stdev: 1_900,
      outlier_failure_percentage: 85,
      outlier_min_hosts: 2,
      outlier_min_requests: 20,
      health_check: "both",
      health_check_path: "/ready",
      health_check_interval_ms: 2_000,
      health_check_timeout_ms: 500,
      health_check_unhealthy: 2,
      health_check_healthy: 1,
      slow_start_sec: 30,
      rate_limit_requests: 100,
      rate_limit_unit: "minute",
      rate_limit_burst: 20,
      rate_limit_by: "header:x-tenant",
      rate_limit_scope: "global",
      rate_limit_fail_open: false,
      fault_delay_percent: 5,
      fault_delay_ms: 300,
      fault_abort_percent: 1,
      fault_abort_status: 503,
      fault_source: "web",
      fault_header_match: { "X-Chaos": "1" },
      mirror_to: "shop/v2",
      mirror_percent: 10,
      fallback: "service",
      fallback_service: "cart",
    }),
    faultUntil: "2026-11-21T10:10:00.000Z",
  },
  { ...registered(endpoint("shop", 9101), "shop-1"), health: "failing" },
  { ...registered(endpoint("shop", 9102, { version: "v2" }), "shop-2"), health: "passing" },
  policy("cart", {
    lb_policy: "peak_ewma",
    retry_after_max_ms: 0,
    max_retries: 0,
    fallback: "cached_response",
    fallback_max_age_sec: 60,
    fallback_body: "{}",
  }),
];

const classes: readonly NodeClass[] = [
  { kind: "heddle", source: "", limited: "", outbound: undefined },
  { kind: "heddle", source: "web", limited: "", outbound: undefined },
  { kind: "envoy", source: "", limited: "", outbound: "127.0.0.1:10000" },
  { kind: "grpc", source: "", limited: "", outbound: undefined },
];

function onTheWire(rows: readonly Row[], nodeClass: NodeClass): Record<string, unknown> {
  const { kind } = nodeClass;
  const snapshot = buildSnapshot(readMesh(catalogOf(...rows), emptyMesh, 0), nodeClass);
  const plain = <T>(models: ReadonlyMap<string, T>, type: string, encode: (model: T) => Uint8Array): unknown[] =>
    [...models.values()].map((model) => decodeReadable(type, encode(model)));
  return {
    class: { kind, source: nodeClass.source, ...(nodeClass.limited === "" ? {} : { limited: nodeClass.limited }) },
    listeners: plain(snapshot.listeners, "envoy.config.listener.v3.Listener", encodeListener),
    routes: plain(snapshot.routes, "envoy.config.route.v3.RouteConfiguration", (one) => encodeRouteConfig(one, kind)),
    clusters: plain(snapshot.clusters, "envoy.config.cluster.v3.Cluster", (one) => encodeCluster(one, kind)),
    endpoints: plain(snapshot.assignments, "envoy.config.endpoint.v3.ClusterLoadAssignment", encodeLoadAssignment),
  };
}

function checkGolden(name: string, rows: readonly Row[], nodeClasses: readonly NodeClass[]): void {
  const file = join(packageRoot, `test/golden/snapshot-${name}.json`);
  const snapshots = nodeClasses.map((nodeClass) => onTheWire(rows, nodeClass));
  const made = `${JSON.stringify(snapshots, plainJson, 1)}\n`;
  if (process.env["HEDDLE_GOLDEN"] === "write") writeFileSync(file, made);
  assert.equal(made, readFileSync(file, "utf8"));
}

describe("the snapshot of", () => {
  for (const [name, rows] of Object.entries(catalogs)) it(name, () => checkGolden(name, rows, classes));

  it("every policy, for a caller with a fault, a proxy of the service itself, an Envoy and a gRPC client", () => {
    checkGolden("policies", policies, [
      { kind: "heddle", source: "web", limited: "", outbound: undefined },
      { kind: "heddle", source: "", limited: "shop", outbound: undefined },
      { kind: "envoy", source: "web", limited: "", outbound: undefined },
      { kind: "grpc", source: "web", limited: "", outbound: undefined },
    ]);
  });
});

/** Bytes and 64-bit numbers as text. */
function plainJson(_: string, value: unknown): unknown {
  return typeof value === "bigint" ? String(value) : value;
}
