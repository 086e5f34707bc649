import assert from "node:assert/strict";
import { describe, it } from "node:test";

import type { Row } from "../../../control-plane/catalog/catalog.ts";
import type { ServicePolicy } from "../../../control-plane/catalog/service-policy.ts";
import { buildSnapshot } from "../../../control-plane/snapshot/build.ts";
import { checkSnapshot } from "../../../control-plane/snapshot/check.ts";
import { SnapshotEncoder } from "../../../control-plane/snapshot/encode.ts";
import { emptyMesh, readMesh } from "../../../control-plane/snapshot/mesh.ts";
import { nodeClassOf, type NodeClass } from "../../../control-plane/snapshot/node-class.ts";
import type { ClusterPolicies } from "../../../shared/model/cluster-policy.ts";
import type { ProxyNode } from "../../../shared/model/node.ts";
import type { ForwardAction, Route } from "../../../shared/model/route.ts";
import type { Snapshot } from "../../../shared/model/snapshot.ts";
import { catalogOf, endpoint, policy, route, split } from "../../support/catalog-rows.ts";

const general: NodeClass = { kind: "heddle", source: "", limited: "", outbound: undefined };
const END = "2026-11-21T10:10:00.000Z";
const END_MS = Date.parse(END);

function build(rows: readonly Row[], nodeClass: NodeClass = general, nowWallMs = 0): Snapshot {
  const snapshot = buildSnapshot(readMesh(catalogOf(...rows), emptyMesh, nowWallMs), nodeClass);
  assert.deepEqual(checkSnapshot(snapshot), []);
  return snapshot;
}

function policiesOf(rows: readonly Row[], cluster: string, nodeClass: NodeClass = general): ClusterPolicies {
  const found = build(rows, nodeClass).clusters.get(cluster);
  assert.ok(found !== undefined, `no cluster ${cluster}`);
  return found.policies;
}

function routesTo(snapshot: Snapshot, host: string): readonly Route[] {
  const hosts = [...snapshot.routes.values()].flatMap(({ virtualHosts }) => virtualHosts);
  return hosts.find(({ name }) => name === host)?.routes ?? [];
}

function forwardOf(snapshot: Snapshot, host: string): ForwardAction {
  const action = routesTo(snapshot, host).at(-1)?.action;
  assert.ok(action?.kind === "forward");
  return action;
}

describe("the policies of a cluster", () => {
  it("are the defaults where no row exists, as with an empty one", () => {
    const { breaker, retryBudget, outlier, limits, ...rest } = policiesOf([endpoint("a", 1)], "a");
    assert.deepEqual(policiesOf([policy("a"), endpoint("a", 1)], "a"), {
      breaker,
      retryBudget,
      outlier,
      limits,
      ...rest,
    });
    assert.deepEqual(breaker, {
      thresholdPercent: 50,
      windowMs: 30_000,
      samplesMin: 10,
      consecutiveFailures: 5,
      recoveryMs: 30_000,
      recoveryMaxMs: 300_000,
      successes: 2,
    });
    assert.deepEqual(retryBudget, { ratio: 0.2, minPerSec: 3, windowMs: 10_000 });
    assert.deepEqual([outlier?.consecutive5xx, outlier?.maxEjectionPercent], [5, 50]);
    assert.deepEqual(Object.values(limits), [undefined, undefined, undefined, undefined]);
    assert.deepEqual(Object.values(rest), [undefined, undefined, undefined, undefined]);
  });

  it("are those of the service for each of its versions", () => {
    const rows = [endpoint("a", 1), policy("a", { max_requests: 7, cb_threshold: 9 }), split("a", 50, 50)];
    for (const name of ["a", "a/v1", "a/v2"]) {
      const { limits, breaker } = policiesOf(rows, name);
      assert.deepEqual([limits.requests, breaker?.thresholdPercent], [7, 9], name);
    }
  });

  it("have no breaker when nothing would open it, so that an open one lets go", () => {
    const breakerOf = (columns: Readonly<Record<string, unknown>>): unknown =>
      policiesOf([policy("a", columns)], "a").breaker;
    assert.equal(breakerOf({ cb_threshold: 100, cb_consecutive_failures: 0 }), undefined);
    assert.notEqual(breakerOf({ cb_threshold: 100 }), undefined);
    assert.notEqual(breakerOf({ cb_consecutive_failures: 0 }), undefined);
  });

  it("grow the recovery of the breaker tenfold, to ten minutes, and never below what was asked for", () => {
    const grown = (cb_recovery_sec: number): number | undefined =>
      policiesOf([policy("a", { cb_recovery_sec })], "a").breaker?.recoveryMaxMs;
    assert.deepEqual([grown(1), grown(60), grown(61), grown(3_600)], [10_000, 600_000, 600_000, 3_600_000]);
  });

  it("have no outlier detection when every detector is off", () => {
    assert.equal(policiesOf([policy("a", { outlier_consecutive_5xx: 0 })], "a").outlier, undefined);
    assert.ok(policiesOf([policy("a", { outlier_consecutive_5xx: 0, outlier_failure_percentage: 85 })], "a").outlier);
  });

  it("start slowly only where weights can grow", () => {
    const slow = (lb_policy: string): unknown =>
      policiesOf([policy("a", { slow_start_sec: 5, lb_policy })], "a").slowStart;
    assert.deepEqual(slow("round_robin"), { windowMs: 5_000, minWeightPercent: 10 });
    assert.deepEqual([slow("random"), slow("maglev"), slow("peak_ewma")], [undefined, undefined, undefined]);
  });

  it("fall back in the way that was chosen", () => {
    const fallback = (columns: Readonly<Record<string, unknown>>): unknown =>
      policiesOf([policy("b"), policy("a", columns)], "a").fallback;
    assert.deepEqual(fallback({ fallback: "static", fallback_body: "{}" }), { kind: "static", body: "{}" });
    assert.deepEqual(fallback({ fallback: "service", fallback_service: "b" }), { kind: "service", cluster: "b" });
    assert.deepEqual(fallback({ fallback: "cached_response", fallback_max_age_sec: 60, fallback_body: "{}" }), {
      kind: "cached-response",
      maxAgeMs: 60_000,
      body: "{}",
    });
  });

  it("are for gRPC clients those that they know", () => {
    const rows = [policy("a", { max_requests: 7, max_connections: 9, lb_policy: "peak_ewma", fallback: "static" })];
    const grpc: NodeClass = { ...general, kind: "grpc" };
    const { outlier, limits, ...rest } = policiesOf(rows, "a", grpc);
    assert.deepEqual([outlier?.consecutive5xx, limits.requests, limits.connections], [5, 7, undefined]);
    assert.deepEqual([...new Set(Object.values(rest))], [undefined]);
    assert.equal(build(rows, grpc).clusters.get("a")?.lb.kind, "round-robin");
    assert.equal(build(rows).clusters.get("a")?.lb.kind, "peak-ewma");
  });

  it("name a cluster that exists, though nobody else speaks of the service", () => {
    const snapshot = build([policy("a", { fallback: "service", fallback_service: "b" })]);
    assert.ok(snapshot.clusters.has("b"));
  });
});

describe("what an instance's own proxy found", () => {
  const rows = (health_check: string): readonly Row[] => [
    policy("a", { health_check }),
    { ...endpoint("a", 1), health: "failing" },
    { ...endpoint("a", 2), health: "passing" },
    { ...endpoint("a", 3, { healthy: false }), health: "failing" },
  ];
  const health = (health_check: string): unknown =>
    build(rows(health_check))
      .assignments.get("a")
      ?.endpoints.map((one) => one.health);

  it("makes an endpoint unhealthy, which counts for panic; one that drains stays draining", () => {
    assert.deepEqual(health("proxy"), ["unhealthy", "healthy", "draining"]);
    assert.deepEqual(health("both"), ["unhealthy", "healthy", "draining"]);
  });

  it("counts for nothing once its proxy does not ask any more", () => {
    assert.deepEqual(health("none"), ["healthy", "healthy", "draining"]);
    assert.deepEqual(health("callers"), ["healthy", "healthy", "draining"]);
  });
});

describe("a mirror", () => {
  it("has a cluster, of the version when it names one", () => {
    const snapshot = build([
      policy("a", { mirror_to: "b/v2", mirror_percent: 5 }),
      endpoint("b", 1, { version: "v2" }),
    ]);
    assert.deepEqual(forwardOf(snapshot, "a").mirrors, [{ cluster: "b/v2", percent: 5 }]);
    assert.equal(snapshot.assignments.get("b/v2")?.endpoints.length, 1);
  });

  it("is among the clusters that a route table needs before it may be sent", () => {
    const nodeClass = general;
    const mesh = readMesh(catalogOf(policy("a", { mirror_to: "b/v2" })), emptyMesh, 0);
    const encoded = new SnapshotEncoder().encode(buildSnapshot(mesh, nodeClass), nodeClass, 1);
    const [table] = encoded.routes.resources.values();
    assert.ok(table?.clusters.includes("b/v2"));
  });

  it("of the service that a rule leads to holds on the rule, and not that of the host", () => {
    const rows = [
      policy("shop", { mirror_to: "shadow" }),
      policy("cart", { mirror_to: "cart/v2" }),
      policy("shadow"),
      route("cart", "shop", { path_prefix: "/cart", destinations: [{ service: "cart" }] }),
      route("both", "shop", { path_prefix: "/both", destinations: [{ service: "cart" }, { service: "shop" }] }),
    ];
    const mirrors = routesTo(build(rows), "shop").map(({ name, action }) => [
      name,
      action.kind === "forward" ? action.mirrors.map(({ cluster }) => cluster).join() : "",
    ]);
    assert.deepEqual(mirrors, [
      ["route/both", "shadow"],
      ["route/cart", "cart/v2"],
      ["service/shop", "shadow"],
    ]);
  });
});

describe("a fault", () => {
  const faulty = (columns: Readonly<Record<string, unknown>> = {}): ServicePolicy => ({
    ...policy("a", { fault_delay_percent: 5, fault_delay_ms: 300, ...columns }),
    faultUntil: END,
  });

  it("has nothing of a half whose share is 0", () => {
    const rows = [faulty({ fault_abort_status: 503 })];
    assert.deepEqual(routesTo(build(rows), "a")[0]?.fault?.abort, undefined);
    const other = [faulty({ fault_delay_percent: 0, fault_abort_percent: 1, fault_abort_status: 503 })];
    const fault = routesTo(build(other), "a")[0]?.fault;
    assert.deepEqual([fault?.delay, fault?.abort], [undefined, { percent: 1, status: 503 }]);
  });

  it("is on every way that forwards to the service, with its end, and on no answer at once", () => {
    const rows = [
      faulty({ fault_header_match: { "X-Chaos": "1" } }),
      split("a", 50, 50, { header_match: { "x-canary": "1" } }),
      route("gone", "a", { path_exact: "/old", direct_response: { status: 410 } }),
      route("api", "a", { path_prefix: "/api" }),
    ];
    const routes = routesTo(build(rows), "a");
    assert.deepEqual(
      routes.map(({ fault }) => fault?.delay?.ms),
      [300, 300, undefined, 300, 300],
    );
    const fault = routes.at(-1)?.fault;
    assert.deepEqual([fault?.abort, fault?.untilWallMs], [undefined, END_MS]);
    assert.deepEqual(
      fault?.headers.map(({ name, value }) => [name, value]),
      [["x-chaos", { kind: "exact", value: "1", ignoreCase: false }]],
    );
  });

  it("for one caller is in its table alone", () => {
    const rows = [faulty({ fault_source: "web" })];
    const of = (source: string): unknown => routesTo(build(rows, { ...general, source }), "a")[0]?.fault?.delay;
    assert.deepEqual([of("web"), of(""), of("api")], [{ percent: 5, ms: 300 }, undefined, undefined]);
    const mesh = readMesh(catalogOf(...rows), emptyMesh, 0);
    assert.deepEqual([...mesh.sources], ["web"]);
  });

  it("is gone at its end, and the mesh says when that is", () => {
    const rows = [
      faulty({ fault_source: "web" }),
      { ...faulty(), serviceName: "b", faultUntil: "2026-11-21T10:20:00.000Z" },
    ];
    const catalog = catalogOf(...rows);
    const before = readMesh(catalog, emptyMesh, END_MS - 1);
    assert.equal(before.faultsEndWallMs, END_MS);
    const after = readMesh(catalog, before, END_MS);
    assert.equal(after.faultsEndWallMs, END_MS + 600_000);
    assert.deepEqual([...after.sources], []);
    const web = { ...general, source: "web" };
    assert.equal(routesTo(buildSnapshot(after, web), "a")[0]?.fault, undefined);
    assert.ok(routesTo(buildSnapshot(after, web), "b")[0]?.fault);
    assert.notEqual(after.routing.get("a"), before.routing.get("a"));
    assert.equal(after.routing.get("b"), before.routing.get("b"), "only what ended is built anew");
    assert.equal(readMesh(catalog, after, END_MS + 600_000).faultsEndWallMs, undefined);
  });

  it("without an end wakes nobody", () => {
    const endless = { ...policy("a", { fault_abort_percent: 1, fault_abort_status: 503 }), faultUntil: null };
    assert.equal(readMesh(catalogOf(endless), emptyMesh, 0).faultsEndWallMs, undefined);
    assert.equal(routesTo(build([endless]), "a")[0]?.fault?.untilWallMs, undefined);
  });
});

describe("a rate limit", () => {
  const node = (service: string, kind: ProxyNode["kind"] = "heddle"): ProxyNode =>
    ({
      id: `${service}-1`,
      service,
      kind,
      version: "",
      inbound: undefined,
      outbound: undefined,
    }) as unknown as ProxyNode;
  const rows = [
    policy("a", { rate_limit_requests: 6, rate_limit_unit: "minute", rate_limit_by: "header:X-Tenant" }),
    policy("b"),
  ];
  const mesh = readMesh(catalogOf(...rows), emptyMesh, 0);
  const listenersOf = (service: string): Snapshot["listeners"] =>
    buildSnapshot(mesh, nodeClassOf(node(service), mesh)).listeners;

  it("is on the inbound listener of the service's own proxies", () => {
    const inbound = listenersOf("a").get("inbound");
    assert.ok(inbound?.routes.kind === "inline");
    assert.deepEqual(inbound.routes.config.virtualHosts[0]?.routes[0]?.rateLimit, {
      name: "a",
      requests: 6,
      perMs: 60_000,
      burst: 6,
      by: { kind: "header", name: "x-tenant" },
      scope: "local",
      failOpen: true,
    });
  });

  it("leaves the others with the one inbound listener that they share", () => {
    assert.equal(listenersOf("b"), listenersOf("c"));
    assert.notEqual(listenersOf("a"), listenersOf("b"));
    assert.equal(listenersOf("a"), listenersOf("a"), "the proxies of a service share theirs");
  });

  it("gives its proxies no route table of their own, and Envoys and gRPC clients nothing", () => {
    assert.equal(nodeClassOf(node("a"), mesh).source, "");
    assert.equal(nodeClassOf(node("a", "envoy"), mesh).limited, "");
    assert.equal(nodeClassOf(node("a", "grpc"), mesh).limited, "");
    const [limited, other] = ["a", "b"].map((service) => buildSnapshot(mesh, nodeClassOf(node(service), mesh)));
    assert.equal(limited?.routes, other?.routes);
  });

  it("that comes and goes changes the version of the listeners and of nothing else", () => {
    const encoder = new SnapshotEncoder();
    const encode = (of: readonly Row[], revision: number): ReturnType<SnapshotEncoder["encode"]> => {
      const now = readMesh(catalogOf(...of), mesh, 0);
      const nodeClass = nodeClassOf(node("a"), now);
      return encoder.encode(buildSnapshot(now, nodeClass), nodeClass, revision);
    };
    const first = encode([policy("a"), policy("b")], 1);
    const second = encode(rows, 2);
    const third = encode([policy("a"), policy("b")], 3);
    assert.notEqual(first.listeners.hash, second.listeners.hash);
    assert.equal(first.listeners, third.listeners);
    assert.equal(first.routes.hash, second.routes.hash);
    assert.equal(first.clusters.hash, second.clusters.hash);
  });
});
