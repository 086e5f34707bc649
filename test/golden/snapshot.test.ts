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
import { decodePlain } from "../support/proto-tree.ts";

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

const classes: readonly NodeClass[] = [
  { kind: "heddle", source: "", outbound: undefined },
  { kind: "heddle", source: "web", outbound: undefined },
  { kind: "envoy", source: "", outbound: "127.0.0.1:10000" },
  { kind: "grpc", source: "", outbound: undefined },
];

function onTheWire(rows: readonly Row[], nodeClass: NodeClass): Record<string, unknown> {
  const { kind } = nodeClass;
  const snapshot = buildSnapshot(readMesh(catalogOf(...rows), emptyMesh), nodeClass);
  const plain = <T>(models: ReadonlyMap<string, T>, type: string, encode: (model: T) => Uint8Array): unknown[] =>
    [...models.values()].map((model) => decodePlain(type, encode(model)));
  return {
    class: { kind, source: nodeClass.source },
    listeners: plain(snapshot.listeners, "envoy.config.listener.v3.Listener", encodeListener),
    routes: plain(snapshot.routes, "envoy.config.route.v3.RouteConfiguration", (one) => encodeRouteConfig(one, kind)),
    clusters: plain(snapshot.clusters, "envoy.config.cluster.v3.Cluster", (one) => encodeCluster(one, kind)),
    endpoints: plain(snapshot.assignments, "envoy.config.endpoint.v3.ClusterLoadAssignment", encodeLoadAssignment),
  };
}

describe("the snapshot of", () => {
  for (const [name, rows] of Object.entries(catalogs)) {
    it(name, () => {
      const file = join(packageRoot, `test/golden/snapshot-${name}.json`);
      const made = `${JSON.stringify(
        classes.map((nodeClass) => onTheWire(rows, nodeClass)),
        plainJson,
        1,
      )}\n`;
      if (process.env["HEDDLE_GOLDEN"] === "write") writeFileSync(file, made);
      assert.equal(made, readFileSync(file, "utf8"));
    });
  }
});

/** Bytes and 64-bit numbers as text. */
function plainJson(_: string, value: unknown): unknown {
  return typeof value === "bigint" ? String(value) : value;
}
