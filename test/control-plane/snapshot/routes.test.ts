import assert from "node:assert/strict";
import { describe, it } from "node:test";

import type { Row } from "../../../control-plane/catalog/catalog.ts";
import { buildSnapshot } from "../../../control-plane/snapshot/build.ts";
import { checkSnapshot } from "../../../control-plane/snapshot/check.ts";
import { emptyMesh, readMesh } from "../../../control-plane/snapshot/mesh.ts";
import type { NodeClass } from "../../../control-plane/snapshot/node-class.ts";
import type { Route } from "../../../shared/model/route.ts";
import type { Snapshot } from "../../../shared/model/snapshot.ts";
import { catalogOf, endpoint, policy, route, split } from "../../support/catalog-rows.ts";

const proxy: NodeClass = { kind: "heddle", source: "", limited: "", outbound: undefined };

function build(rows: readonly Row[], nodeClass: NodeClass = proxy): Snapshot {
  const snapshot = buildSnapshot(readMesh(catalogOf(...rows), emptyMesh, 0), nodeClass);
  assert.deepEqual(checkSnapshot(snapshot), []);
  return snapshot;
}

/** The routes of one host as lines: matches, then `cluster=weight` or the action. */
function table(rows: readonly Row[], host: string, nodeClass: NodeClass = proxy): readonly string[] {
  const config = build(rows, nodeClass).routes.get(nodeClass.kind === "grpc" ? host : "outbound");
  return (config?.virtualHosts.find(({ name }) => name === host)?.routes ?? []).map(describeRoute);
}

function describeRoute({ match, action }: Route): string {
  const headers = match.headers.map(({ name, value }) => `${name}~${"value" in value ? value.value : value.kind}`);
  const target =
    action.kind === "forward" ? action.clusters.map((one) => `${one.cluster}=${one.weight}`).join("+") : action.kind;
  return [`${match.path.kind}:${match.path.value}`, ...headers, "->", target].join(" ");
}

const reviews = [endpoint("reviews", 1, { version: "v1" }), endpoint("reviews", 2, { version: "v2" })];

describe("a service without rules", () => {
  it("is one host whose calls go to all its endpoints, with the policy's defaults", () => {
    const config = build(reviews).routes.get("outbound");
    assert.equal(config?.ignorePortInHost, true);
    const [host] = config?.virtualHosts ?? [];
    assert.deepEqual(host?.domains, ["reviews"]);
    const action = host?.routes[0]?.action;
    assert.ok(action?.kind === "forward");
    assert.equal(action.timeoutMs, 5_000);
    assert.equal(action.retry?.retries, 2, "retry_attempts counts the first try");
    assert.deepEqual(table(reviews, "reviews"), ["prefix:/ -> reviews=1"]);
  });

  it("that has only a policy still has a host and an empty assignment: 503, not 404", () => {
    const snapshot = build([policy("ghost", { retry_attempts: 1, timeout_ms: 700 })]);
    assert.deepEqual(snapshot.assignments.get("ghost"), { name: "ghost", endpoints: [] });
    const action = snapshot.routes.get("outbound")?.virtualHosts[0]?.routes[0]?.action;
    assert.ok(action?.kind === "forward");
    assert.equal(action.retry, undefined);
    assert.equal(action.timeoutMs, 700);
  });
});

describe("a traffic split", () => {
  it("weighs two subset clusters, and a header forces the second", () => {
    const rows = [...reviews, split("reviews", 95, 5, { header_match: { "X-Canary": "true", "x-beta": "1" } })];
    assert.deepEqual(table(rows, "reviews"), [
      "prefix:/ x-beta~1 -> reviews/v2=1",
      "prefix:/ x-canary~true -> reviews/v2=1",
      "prefix:/ -> reviews/v1=95+reviews/v2=5",
    ]);
  });

  it("of a source beats the general one, for that source alone", () => {
    const rows = [...reviews, split("reviews", 100, 0), split("reviews", 0, 100, { source_service: "web" })];
    assert.deepEqual(table(rows, "reviews"), ["prefix:/ -> reviews/v1=100+reviews/v2=0"]);
    assert.deepEqual(table(rows, "reviews", { ...proxy, source: "web" }), ["prefix:/ -> reviews/v1=0+reviews/v2=100"]);
  });

  it("with a total weight of 0 is its first side", () => {
    const rows = [...reviews, { ...split("reviews", 100, 0), v1Weight: 0, v2Weight: 0 }];
    assert.deepEqual(table(rows, "reviews"), ["prefix:/ -> reviews/v1=1"]);
  });

  it("counts endpoints without a version to its first side, whatever that is called", () => {
    const rows = [
      endpoint("reviews", 1),
      endpoint("reviews", 2, { version: "canary" }),
      split("reviews", 90, 10, { v1_version: "stable", v2_version: "canary" }),
    ];
    const { assignments } = build(rows);
    const ports = (name: string): readonly number[] | undefined =>
      assignments.get(name)?.endpoints.map(({ address }) => address.port);
    assert.deepEqual(ports("reviews/stable"), [1]);
    assert.deepEqual(ports("reviews/canary"), [2]);
    assert.deepEqual(ports("reviews"), [1, 2]);
  });
});

describe("route rows", () => {
  it("stand by position before the split, with all their matches", () => {
    const rows = [
      ...reviews,
      split("reviews", 50, 50),
      route("late", "reviews", { position: 20, path_prefix: "/api", direct_response: { status: 204 } }),
      route("early", "reviews", {
        position: 10,
        path_exact: "/x",
        methods: ["GET", "POST"],
        header_match: { "X-A": "1" },
      }),
      route("regex", "reviews", { position: 30, path_regex: "/a+", redirect: { status: 302, path: "/b" } }),
    ];
    assert.deepEqual(table(rows, "reviews"), [
      "exact:/x :method~GET|POST x-a~1 -> reviews/v1=50+reviews/v2=50",
      "segment-prefix:/api -> respond",
      "regex:/a+ -> redirect",
      "prefix:/ -> reviews/v1=50+reviews/v2=50",
    ]);
  });

  it("of a source hold for that source alone", () => {
    const rows = [
      ...reviews,
      route("web only", "reviews", { source_service: "web", destinations: [{ service: "reviews", version: "v2" }] }),
    ];
    assert.deepEqual(table(rows, "reviews"), ["prefix:/ -> reviews=1"]);
    assert.deepEqual(table(rows, "reviews", { ...proxy, source: "web" }), [
      "prefix:/ -> reviews/v2=1",
      "prefix:/ -> reviews=1",
    ]);
  });

  it("without a version go by the destination's split: the weights multiply", () => {
    const rows = [
      ...reviews,
      endpoint("ratings", 3),
      split("reviews", 90, 10, { header_match: { "x-canary": "true" } }),
      route("both", "front", {
        destinations: [
          { service: "reviews", weight: 3 },
          { service: "ratings", weight: 1 },
        ],
      }),
    ];
    assert.deepEqual(table(rows, "front"), [
      "prefix:/ x-canary~true -> reviews/v2=3+ratings=1",
      "prefix:/ -> reviews/v1=270+reviews/v2=30+ratings=100",
      "prefix:/ -> front=1",
    ]);
  });

  it("override the policy's time and tries", () => {
    const rows = [
      ...reviews,
      policy("reviews", { timeout_ms: 900 }),
      route("r", "reviews", { timeout_ms: 50, retry_attempts: 5 }),
    ];
    const [first, second] = build(rows).routes.get("outbound")?.virtualHosts[0]?.routes ?? [];
    assert.ok(first?.action.kind === "forward" && second?.action.kind === "forward");
    assert.deepEqual([first.action.timeoutMs, first.action.retry?.retries], [50, 4]);
    assert.deepEqual([second.action.timeoutMs, second.action.retry?.retries], [900, 2]);
  });
});

describe("names that differ only in case", () => {
  it("do not make a table that every proxy would refuse", () => {
    const hosts = build([endpoint("Web", 1), endpoint("web", 2)]).routes.get("outbound")?.virtualHosts;
    assert.deepEqual(
      hosts?.map(({ name }) => name),
      ["Web"],
    );
  });
});

describe("endpoints", () => {
  it("that are not healthy are draining: not used, and no reason for panic", () => {
    const { assignments } = build([endpoint("web", 1), endpoint("web", 2, { healthy: false, weight: 7 })]);
    assert.deepEqual(
      assignments.get("web")?.endpoints.map(({ health, weight }) => [health, weight]),
      [
        ["healthy", 1],
        ["draining", 7],
      ],
    );
  });
});

describe("a gRPC client's tables", () => {
  const grpc: NodeClass = { kind: "grpc", source: "", limited: "", outbound: undefined };

  it("are one per service and hold nothing that gRPC refuses", () => {
    const rows = [
      ...reviews,
      policy("reviews", { lb_policy: "maglev", hash_on: "header:x-user" }),
      route("no", "reviews", { position: 1, direct_response: { status: 200 } }),
      route("query", "reviews", { position: 2, query_match: { a: "1" } }),
      route("prefix", "reviews", {
        position: 3,
        path_prefix: "/pkg.Svc",
        destinations: [{ service: "reviews", version: "v2" }],
      }),
    ];
    assert.deepEqual(table(rows, "reviews", grpc), [
      String.raw`regex:/pkg\.Svc(/.*)? -> reviews/v2=1`,
      "prefix:/ -> reviews=1",
    ]);
    const snapshot = build(rows, grpc);
    assert.equal(snapshot.clusters.get("reviews")?.lb.kind, "ring-hash");
    assert.equal(snapshot.listeners.get("reviews")?.bind, undefined);
  });
});
