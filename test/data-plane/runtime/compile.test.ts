import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { compile, type CompileContext } from "../../../data-plane/runtime/compile.ts";
import type { RouteTable, Runtime } from "../../../data-plane/runtime/runtime.ts";
import type { Cluster } from "../../../shared/model/cluster.ts";
import { emptySnapshot, type Snapshot } from "../../../shared/model/snapshot.ts";
import { seededRandom } from "../../../shared/random.ts";
import { forward, head, route, routeConfig, virtualHost } from "../../support/route-builders.ts";
import {
  assignment,
  clusterOf,
  compileContext,
  compiled,
  edsCluster,
  endpoint,
  outbound,
  snapshotOf,
} from "../../support/snapshot-builders.ts";

const random = seededRandom(1);

function routesOf(runtime: Runtime): RouteTable {
  const listener = runtime.listeners.get("outbound");
  assert.ok(listener !== undefined);
  return listener.routes;
}

/** Where a request for `line` goes now, as `host:port`. */
function reached(runtime: Runtime, line: string): string | undefined {
  const action = routesOf(runtime).match(head(line))?.action;
  return action?.kind === "forward" ? action.pickCluster(0)?.choice.picker.pick(-1, random, 0)?.key : undefined;
}

/** `web` and `api`, two endpoints each, a virtual host each. */
function twoServices(): Snapshot {
  return snapshotOf({
    listeners: [outbound("web")],
    routes: [routeConfig([virtualHost(["web"], [route("web")]), virtualHost(["api"], [route("api")])])],
    clusters: [edsCluster("web"), edsCluster("api")],
    assignments: [assignment("web", ["10.0.0.1:80", "10.0.0.2:80"]), assignment("api", ["10.0.1.1:80", "10.0.1.2:80"])],
  });
}

function problems(snapshot: Snapshot, context: CompileContext = compileContext()): string[] {
  const result = compile(snapshot, context);
  return result.ok ? [] : result.error.map(({ path, message }) => `${path}: ${message}`);
}

describe("a snapshot", () => {
  it("compiles to a runtime that routes from a listener to an endpoint", () => {
    const { runtime, missing } = compiled(twoServices(), compileContext({ revision: 7 }));
    assert.deepEqual(missing, []);
    assert.equal(runtime.revision, 7);
    assert.match(reached(runtime, "GET web/") ?? "", /^10\.0\.0\.[12]:80$/);
    assert.match(reached(runtime, "GET api/") ?? "", /^10\.0\.1\.[12]:80$/);
    assert.equal(reached(runtime, "GET elsewhere/"), undefined);
    const { name, direction, bind, statPrefix } = runtime.listeners.get("outbound") ?? {};
    assert.deepEqual([name, direction, bind?.port, statPrefix], ["outbound", "outbound", 15_001, "outbound"]);
    const { service, version, connectTimeoutMs, choice, endpoints } = clusterOf(runtime, "web");
    assert.deepEqual([service, version, connectTimeoutMs, choice.isInPanic], ["web", "", 1_000, false]);
    assert.deepEqual(
      endpoints.map(({ key }) => key),
      ["10.0.0.1:80", "10.0.0.2:80"],
    );
  });

  it("that is empty compiles too", () => {
    const { runtime, missing } = compiled(emptySnapshot, compileContext());
    assert.deepEqual([...runtime.clusters.keys()], ["local-app"]);
    assert.deepEqual(missing, []);
  });

  it("may hold its routes in the listener", () => {
    const config = routeConfig([virtualHost(["*"], [route("web")])]);
    const listener = { ...outbound(""), routes: { kind: "inline", config } } as const;
    const snapshot = snapshotOf({
      listeners: [listener],
      clusters: [edsCluster("web")],
      assignments: [assignment("web", ["10.0.0.1:80"])],
    });
    assert.equal(reached(compiled(snapshot, compileContext()).runtime, "GET any/"), "10.0.0.1:80");
  });

  it("says what it names and does not hold, and still makes a runtime", () => {
    const snapshot = snapshotOf({
      listeners: [outbound("web"), { ...outbound("later"), name: "inbound" }],
      routes: [routeConfig([virtualHost(["*"], [route("gone"), route("web")])])],
      clusters: [edsCluster("web")],
    });
    const { runtime, missing } = compiled(snapshot, compileContext());
    assert.deepEqual(missing, [
      { type: "assignment", name: "web", neededBy: 'cluster "web"' },
      { type: "cluster", name: "gone", neededBy: 'a route of listener "outbound"' },
      { type: "route", name: "later", neededBy: 'listener "inbound"' },
    ]);
    assert.equal(reached(runtime, "GET any/"), undefined);
    assert.equal(runtime.listeners.get("inbound")?.routes.match(head("GET any/")), undefined);
    assert.equal(clusterOf(runtime, "web").choice.picker.pick(-1, random, 0), undefined);
  });

  it("takes an empty assignment for a fact, not for a gap", () => {
    const snapshot = snapshotOf({ clusters: [edsCluster("web")], assignments: [{ name: "web", endpoints: [] }] });
    assert.deepEqual(compiled(snapshot, compileContext()).missing, []);
  });

  it("is refused with all that is wrong, by resource", () => {
    const bad = (name: string, parts: Partial<Cluster>): Cluster => edsCluster(name, parts);
    const snapshot = snapshotOf({
      listeners: [{ ...outbound(""), routes: { kind: "inline", config: routeConfig([virtualHost([""], [])]) } }],
      routes: [routeConfig([virtualHost(["*"], [route("r", { action: forward("") })])])],
      clusters: [
        bad("a", { lb: { kind: "maglev", tableSize: 65_536 } }),
        bad("b", { lb: { kind: "ring-hash", ringSizeMin: 10, ringSizeMax: 5 } }),
        bad("c", { lb: { kind: "least-request", choices: 1 }, connectTimeoutMs: 0, panicThresholdPercent: 101 }),
        bad("d", {
          discovery: { kind: "static", endpoints: [endpoint("10.0.0.1:0"), endpoint("10.0.0.2:80", { weight: 0 })] },
        }),
        edsCluster("e"),
      ],
      assignments: [{ name: "e", endpoints: [endpoint("10.0.0.1:80", { priority: 129 })] }],
    });
    assert.deepEqual(problems(snapshot), [
      "RouteConfiguration[web].virtual_hosts[0].routes[0].route.cluster: must name a cluster",
      "Listener[outbound].route_config.virtual_hosts[0].domains[0]: must not be empty",
      "Cluster[a].maglev_lb_config.table_size: 65536 is not a prime of at most 5000011",
      "Cluster[b].ring_hash_lb_config.minimum_ring_size: 10 must be at least 1 and at most maximum_ring_size (5)",
      "Cluster[c].least_request_lb_config.choice_count: 1 is not a whole number of 2 or more",
      "Cluster[c].connect_timeout: 0 ms is not above 0",
      "Cluster[c].common_lb_config.healthy_panic_threshold: 101 is not in 0-100",
      "Cluster[d].load_assignment.lb_endpoints[0].endpoint.address.socket_address.port_value: port of 10.0.0.1:0 is not in 1-65535",
      "Cluster[d].load_assignment.lb_endpoints[1].load_balancing_weight: 0 is not a whole number of 1 or more",
      "ClusterLoadAssignment[e].lb_endpoints[0].priority: 129 is not in 0-128",
    ]);
  });

  it("that is refused changes nothing of what is kept for the next one", () => {
    const context = compileContext();
    const good = twoServices();
    const before = compiled(good, context).runtime;
    const bad = new Map(good.clusters).set("worse", edsCluster("worse", { connectTimeoutMs: -1 }));
    assert.equal(problems({ ...good, clusters: bad }, context).length, 1);
    assert.equal(clusterOf(compiled(good, context).runtime, "web"), clusterOf(before, "web"));
  });

  it("with more endpoints than a proxy takes is refused", () => {
    const endpoints = Array.from({ length: 100_001 }, (_, n) =>
      endpoint(`10.${n >> 16}.${(n >> 8) & 255}.${n & 255}:80`),
    );
    assert.deepEqual(
      problems(snapshotOf({ clusters: [edsCluster("web")], assignments: [{ name: "web", endpoints }] })),
      [": the clusters have 100001 endpoints, a proxy takes at most 100000"],
    );
  });

  it("keeps the names of DNS endpoints for whoever dials, and counts an address that stands twice once", () => {
    const endpoints = [endpoint("db.example:5432"), endpoint("db.example:5432", { weight: 9 })];
    const { runtime } = compiled(
      snapshotOf({ clusters: [edsCluster("db", { discovery: { kind: "dns", endpoints } })] }),
      compileContext(),
    );
    assert.deepEqual(
      clusterOf(runtime, "db").endpoints.map(({ key, address }) => [key, address.host]),
      [["db.example:5432", "db.example"]],
    );
  });

  it("tells who may be picked", () => {
    const endpoints = [
      endpoint("10.0.0.1:80"),
      endpoint("10.0.0.2:80"),
      endpoint("10.0.0.3:80", { health: "unhealthy" }),
      endpoint("10.0.0.4:80", { health: "draining" }),
    ];
    const snapshot = snapshotOf({ clusters: [edsCluster("web")], assignments: [{ name: "web", endpoints }] });
    const { choice, endpoints: all } = clusterOf(compiled(snapshot, compileContext()).runtime, "web");
    assert.deepEqual([choice.eligible.map(({ key }) => key), all.length], [["10.0.0.1:80", "10.0.0.2:80"], 4]);
  });

  it("shows panic on the cluster", () => {
    const endpoints = ["10.0.0.1:80", "10.0.0.2:80"].map((text) => endpoint(text, { health: "unhealthy" }));
    const { runtime } = compiled(
      snapshotOf({ clusters: [edsCluster("web")], assignments: [{ name: "web", endpoints }] }),
      compileContext(),
    );
    assert.equal(clusterOf(runtime, "web").choice.isInPanic, true);
    assert.notEqual(clusterOf(runtime, "web").choice.picker.pick(-1, random, 0), undefined);
  });
});

describe("the local app", () => {
  const inbound = snapshotOf({
    listeners: [outbound("web")],
    routes: [routeConfig([virtualHost(["*"], [route("in", { action: forward("local-app") })])])],
  });

  it("is reached where the proxy was told it listens", () => {
    const context = compileContext({ localApp: { host: "127.0.0.1", port: 8_080 } });
    const { runtime, missing } = compiled(inbound, context);
    assert.deepEqual(missing, []);
    assert.equal(reached(runtime, "GET any/"), "127.0.0.1:8080");
    assert.equal(clusterOf(compiled(inbound, context).runtime, "local-app"), clusterOf(runtime, "local-app"));
  });

  it("is a cluster without endpoints when there is none", () => {
    const { runtime, missing } = compiled(inbound, compileContext());
    assert.deepEqual(missing, []);
    assert.equal(reached(runtime, "GET any/"), undefined);
    assert.equal(clusterOf(runtime, "local-app").endpoints.length, 0);
  });

  it("is what the proxy was told, even when a control plane names another", () => {
    const clusters = [edsCluster("local-app", { discovery: { kind: "static", endpoints: [endpoint("10.9.9.9:1")] } })];
    const snapshot = { ...inbound, clusters: snapshotOf({ clusters }).clusters };
    const told = compileContext({ localApp: { host: "127.0.0.1", port: 8_080 } });
    assert.equal(reached(compiled(snapshot, told).runtime, "GET any/"), "127.0.0.1:8080");
    assert.equal(reached(compiled(snapshot, compileContext()).runtime, "GET any/"), "10.9.9.9:1");
  });
});

describe("a second snapshot", () => {
  it("reuses what did not change: clusters, pickers, route tables", () => {
    const context = compileContext();
    const first = twoServices();
    const before = compiled(first, context).runtime;
    const same = compiled({ ...first, clusters: new Map(first.clusters) }, context).runtime;
    assert.equal(clusterOf(same, "web"), clusterOf(before, "web"));
    assert.equal(routesOf(same), routesOf(before));

    const assignments = new Map(first.assignments).set("web", assignment("web", ["10.0.0.2:80"]));
    const after = compiled({ ...first, assignments }, context).runtime;
    assert.notEqual(clusterOf(after, "web"), clusterOf(before, "web"));
    assert.equal(clusterOf(after, "api"), clusterOf(before, "api"));
    assert.equal(routesOf(after).match(head("GET api/")), routesOf(before).match(head("GET api/")));
    assert.equal(reached(after, "GET web/"), "10.0.0.2:80");
    assert.equal(clusterOf(after, "web").endpoints[0], clusterOf(before, "web").endpoints[1]);
  });

  it("leaves the first runtime as it was: a request on its way sees no half of the new one", () => {
    const context = compileContext();
    const first = twoServices();
    const before = compiled(first, context).runtime;
    const assignments = new Map(first.assignments).set("web", assignment("web", ["10.0.0.9:80"]));
    const clusters = new Map([...first.clusters].filter(([name]) => name !== "api"));
    compiled({ ...first, assignments, clusters }, context);
    assert.match(reached(before, "GET web/") ?? "", /^10\.0\.0\.[12]:80$/);
    assert.match(reached(before, "GET api/") ?? "", /^10\.0\.1\.[12]:80$/);
  });

  it("goes on with the round where the first one was", () => {
    const context = compileContext();
    const first = twoServices();
    const before = compiled(first, context).runtime;
    const picked = [reached(before, "GET web/")];
    for (const port of [81, 82, 83]) {
      // A third endpoint comes and goes; the two that stay must go on taking turns.
      const three = assignment("web", ["10.0.0.1:80", "10.0.0.2:80", `10.0.0.3:${port}`]);
      compiled({ ...first, assignments: new Map(first.assignments).set("web", three) }, context);
      const two = assignment("web", ["10.0.0.1:80", "10.0.0.2:80"]);
      const after = compiled({ ...first, assignments: new Map(first.assignments).set("web", two) }, context).runtime;
      picked.push(reached(after, "GET web/"));
    }
    for (let turn = 1; turn < picked.length; turn += 1)
      assert.notEqual(picked[turn], picked[turn - 1], picked.join(" "));
  });

  it("is compiled anew when the table of routes changed, over the same clusters", () => {
    const context = compileContext();
    const first = twoServices();
    const before = compiled(first, context).runtime;
    const routes = new Map(first.routes).set("web", routeConfig([virtualHost(["*"], [route("api")])]));
    const after = compiled({ ...first, routes }, context).runtime;
    assert.equal(clusterOf(after, "web"), clusterOf(before, "web"));
    assert.match(reached(after, "GET web/") ?? "", /^10\.0\.1\./);
  });
});
