import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { describe, it, type TestContext } from "node:test";

import type { ClusterJson, ClustersJson, DecisionsJson } from "../../data-plane/admin/admin-json.ts";
import type { Proxy } from "../../data-plane/app.ts";
import type { DeepPartial, Resource } from "../../shared/wire/admin-api.ts";
import { applyBundle, openControlPlane } from "../support/control-plane.ts";
import { ask, eventually, openProxy } from "../support/proxies.ts";

// A row of the store, over the wire, to what a caller meets.

/** An app that answers `status` to everything. */
class FailingApp {
  status = 500;
  requests = 0;

  async listen(t: TestContext): Promise<number> {
    const server = createServer((_request, response) => {
      this.requests += 1;
      response.writeHead(this.status).end();
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    t.after(() => {
      server.close();
      server.closeAllConnections();
    });
    const address = server.address();
    assert.ok(typeof address === "object" && address !== null);
    return address.port;
  }
}

function policy(parts: object): DeepPartial<Resource> {
  return { kind: { $case: "servicePolicy", value: { serviceName: "reviews", ...parts } } };
}

function endpoint(port: number): DeepPartial<Resource> {
  const value = { serviceName: "reviews", podIp: "127.0.0.1", port, version: "v1" };
  return { kind: { $case: "serviceEndpoint", value } };
}

async function clusterOf(proxy: Proxy): Promise<ClusterJson | undefined> {
  const { body } = await ask(proxy.addresses.admin, { path: "/clusters" });
  const { clusters }: ClustersJson = JSON.parse(body);
  return clusters.find(({ name }) => name === "reviews");
}

function call(proxy: Proxy): ReturnType<typeof ask> {
  return ask(proxy.addresses.outbound, { headers: { host: "reviews" } });
}

describe("a service that keeps failing", () => {
  it("is left alone after its row's number of failures, also over a change of the row, and the admin port says so", async (t) => {
    const controlPlane = await openControlPlane(t);
    const app = new FailingApp();
    const row = { retryAttempts: 1, cbConsecutiveFailures: 4, cbRecoverySec: 60 };
    const port = await app.listen(t);
    await applyBundle(controlPlane, { resources: [policy(row), endpoint(port)] });
    const proxy = await openProxy(t, { service: "web", controlPlanes: [controlPlane.xds] });
    await proxy.serving;

    for (let n = 0; n < 4; n += 1) assert.equal((await call(proxy)).status, 500);
    const refused = await call(proxy);
    assert.deepEqual([refused.status, refused.headers["x-heddle-error"]], [503, "circuit-open"]);
    assert.equal(app.requests, 4);

    const cluster = await clusterOf(proxy);
    assert.equal(cluster?.policies?.breaker?.state, "open");
    const metrics = (await ask(proxy.addresses.admin, { path: "/metrics" })).body;
    assert.match(metrics, /^heddle_circuit_breaker_state\{service="reviews"\} 2$/m);
    assert.match(metrics, /^heddle_circuit_breaker_refused_total\{service="reviews"\} 1$/m);
    const { decisions }: DecisionsJson = JSON.parse((await ask(proxy.addresses.admin, { path: "/decisions" })).body);
    assert.deepEqual([decisions[0]?.flag, decisions[0]?.detail, decisions[0]?.attempts], ["UO", "circuit-open", 0]);

    // A breaker that an edit forgot would send everything to a service that is known not to be well.
    await applyBundle(controlPlane, { resources: [policy({ ...row, timeoutMs: 4_000 }), endpoint(port)] });
    await eventually(
      async () => (await ask(proxy.addresses.admin, { path: "/config_dump" })).body,
      (dump) => dump.includes('"timeoutMs": 4000'),
    );
    assert.equal((await call(proxy)).headers["x-heddle-error"], "circuit-open");
    assert.equal(app.requests, 4);
  });

  it("gets no more retries than its budget", async (t) => {
    const controlPlane = await openControlPlane(t);
    const app = new FailingApp();
    app.status = 503;
    const row = { retryAttempts: 3, retryBackoffBaseMs: 1, cbConsecutiveFailures: 0, cbThreshold: 100 };
    const budget = { retryBudgetPercent: 20, retryBudgetMinPerSec: 0 };
    await applyBundle(controlPlane, { resources: [policy({ ...row, ...budget }), endpoint(await app.listen(t))] });
    const proxy = await openProxy(t, { service: "web", controlPlanes: [controlPlane.xds] });
    await proxy.serving;
    for (let n = 0; n < 50; n += 1) assert.equal((await call(proxy)).status, 503);
    assert.ok(app.requests <= 60, `${app.requests} for 50`);
    assert.ok(app.requests > 50);
  });
});
