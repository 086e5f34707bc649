import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { describe, it, type TestContext } from "node:test";

import type { ClustersJson, EndpointJson } from "../../data-plane/admin/admin-json.ts";
import type { Proxy } from "../../data-plane/app.ts";
import { formatAddress, type Address } from "../../shared/address.ts";
import type { DeepPartial, Resource } from "../../shared/wire/admin-api.ts";
import { applyBundle, openControlPlane } from "../support/control-plane.ts";
import { ask, eventually, openProxy } from "../support/proxies.ts";

// A mesh in one process: what the policies of a service make of an endpoint that is not well.

interface App extends Address {
  /** What `/health` and everything else is answered with from now on. */
  health: number;
  status: number;
}

async function openApp(t: TestContext, name: string): Promise<App> {
  const app = { host: "127.0.0.1", port: 0, health: 200, status: 200 };
  const server = createServer((request, response) => {
    response.statusCode = request.url === "/health" ? app.health : app.status;
    response.end(name);
  }).listen(0, app.host);
  await once(server, "listening");
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  const address = server.address();
  assert.ok(typeof address === "object" && address !== null);
  app.port = address.port;
  return app;
}

function policy(columns: object): DeepPartial<Resource> {
  return { kind: { $case: "servicePolicy", value: { serviceName: "reviews", ...columns } } };
}

function endpoint({ host, port }: Address): DeepPartial<Resource> {
  return { kind: { $case: "serviceEndpoint", value: { serviceName: "reviews", podIp: host, port } } };
}

/** Who answered each of `count` requests, and how: `name status`. */
async function answers(proxy: Proxy, count: number): Promise<Set<string>> {
  const seen = new Set<string>();
  for (let n = 0; n < count; n += 1) {
    const { status, body } = await ask(proxy.addresses.outbound, { headers: { host: "reviews" } });
    seen.add(`${body} ${status}`);
  }
  return seen;
}

/** Settles when these answers come and no others: what was written a moment ago may not have reached the proxy yet. */
async function all(proxy: Proxy, ...wanted: readonly string[]): Promise<void> {
  await eventually(
    () => answers(proxy, 3 * wanted.length),
    (seen) => seen.size === wanted.length && wanted.every((one) => seen.has(one)),
  );
}

async function endpointsOf(proxy: Proxy): Promise<ReadonlyMap<string, EndpointJson>> {
  const { body } = await ask(proxy.addresses.admin, { path: "/clusters" });
  const { clusters }: ClustersJson = JSON.parse(body);
  const found = clusters.find(({ name }) => name === "reviews")?.endpoints ?? [];
  return new Map(found.map((one) => [one.address, one]));
}

describe("an endpoint of three that answers 500", { timeout: 120_000 }, () => {
  it("is ejected by its caller with the policy that nobody wrote, and told of", async (t) => {
    const controlPlane = await openControlPlane(t);
    const apps = [await openApp(t, "a"), await openApp(t, "b"), await openApp(t, "c")];
    await applyBundle(controlPlane, { resources: apps.map(endpoint) });
    const caller = await openProxy(t, { service: "web", controlPlanes: [controlPlane.xds] });
    await caller.serving;
    await all(caller, "a 200", "b 200", "c 200");
    const [, bad] = apps;
    assert.ok(bad !== undefined);
    bad.status = 500;
    await eventually(
      () => answers(caller, 3),
      (seen) => !seen.has("b 500"),
    );
    assert.deepEqual(await answers(caller, 20), new Set(["a 200", "c 200"]));
    const told = (await endpointsOf(caller)).get(formatAddress(bad));
    assert.deepEqual(told?.healthFlags, ["/failed_outlier_check"]);
    assert.equal(told.ejection?.reason, "consecutive-5xx");
    const { body } = await ask(caller.addresses.admin, { path: "/metrics" });
    assert.match(body, /^heddle_outlier_ejections_total\{cluster="reviews",reason="consecutive-5xx"\} 1$/m);
  });
});

describe("an app that fails its health checks", { timeout: 120_000 }, () => {
  it("is found out by its own proxy, and left alone by every caller until it is well", async (t) => {
    const controlPlane = await openControlPlane(t);
    const controlPlanes = [controlPlane.xds];
    const checks = { healthCheck: "proxy", healthCheckIntervalMs: 300, healthCheckTimeoutMs: 290 };
    await applyBundle(controlPlane, { resources: [policy(checks)] });
    const [a, b] = [await openApp(t, "a"), await openApp(t, "b")];
    const proxies = [
      await openProxy(t, { service: "reviews", app: a, controlPlanes }),
      await openProxy(t, { service: "reviews", app: b, controlPlanes }),
    ];
    const caller = await openProxy(t, { service: "web", controlPlanes });
    for (const proxy of [...proxies, caller]) await proxy.serving;
    await all(caller, "a 200", "b 200");
    a.health = 503;
    await eventually(
      () => answers(caller, 6),
      (seen) => !seen.has("a 200"),
    );
    const flags = [...(await endpointsOf(caller)).values()].map(({ healthFlags }) => healthFlags.join());
    assert.deepEqual(flags.sort(), ["", "/failed_eds_health"]);
    // Its proxy serves on: who still comes has nowhere better to go.
    const inbound = proxies[0]?.addresses.inbound;
    assert.ok(inbound !== undefined);
    assert.equal((await ask(inbound, { headers: { host: "reviews" } })).body, "a");
    a.health = 200;
    await all(caller, "a 200", "b 200");
  });

  it("is found out by its callers, where the policy asks them", async (t) => {
    const controlPlane = await openControlPlane(t);
    const [a, b] = [await openApp(t, "a"), await openApp(t, "b")];
    const checks = { healthCheck: "callers", healthCheckIntervalMs: 300, healthCheckTimeoutMs: 290 };
    await applyBundle(controlPlane, { resources: [policy(checks), endpoint(a), endpoint(b)] });
    const caller = await openProxy(t, { service: "web", controlPlanes: [controlPlane.xds] });
    await caller.serving;
    await all(caller, "a 200", "b 200");
    b.health = 503;
    await eventually(
      () => answers(caller, 6),
      (seen) => !seen.has("b 200"),
    );
    const told = (await endpointsOf(caller)).get(formatAddress(b));
    assert.deepEqual(told?.healthFlags, ["/failed_active_hc"]);
    assert.deepEqual(told.check, { health: "unhealthy", detail: "answered 503" });
  });
});
