import assert from "node:assert/strict";
import { describe, it } from "node:test";

import type {
  ClustersJson,
  ConfigDumpJson,
  DecisionsJson,
  ListenersJson,
  ReadyJson,
} from "../../../data-plane/admin/admin-json.ts";
import type { Proxy } from "../../../data-plane/app.ts";
import { applyBundle, freePort, openControlPlane } from "../../support/control-plane.ts";
import { ask, openApp, openProxy } from "../../support/proxies.ts";

async function read<T>(proxy: Proxy, path: string): Promise<T> {
  const { status, body } = await ask(proxy.addresses.admin, { path });
  assert.equal(status, 200, body);
  const value: T = JSON.parse(body);
  return value;
}

describe("the admin port of a proxy with a snapshot", () => {
  it("tells the snapshot, the endpoints and the ports in use", async (t) => {
    const controlPlane = await openControlPlane(t);
    const app = await openApp(t, "one");
    await applyBundle(controlPlane, {
      resources: [
        { kind: { $case: "servicePolicy", value: { serviceName: "web" } } },
        {
          kind: {
            $case: "serviceEndpoint",
            value: { serviceName: "reviews", podIp: app.host, port: app.port, version: "v1" },
          },
        },
      ],
    });
    const proxy = await openProxy(t, { service: "web", name: "web-1", app, controlPlanes: [controlPlane.xds] });
    await proxy.serving;
    await ask(proxy.addresses.outbound, { headers: { host: "reviews" } });

    const ready = await read<ReadyJson>(proxy, "/ready");
    assert.deepEqual([ready.state, ready.proxy.name, ready.config.connected], ["ready", "web-1", true]);
    const dump = await read<ConfigDumpJson>(proxy, "/config_dump");
    assert.ok(dump.clusters.some(({ name }) => name === "reviews"));
    assert.ok(dump.routes.some(({ virtualHosts }) => virtualHosts.some(({ domains }) => domains.includes("reviews"))));
    const { clusters } = await read<ClustersJson>(proxy, "/clusters");
    const [endpoint] = clusters.find(({ name }) => name === "reviews")?.endpoints ?? [];
    assert.deepEqual(endpoint, {
      address: `127.0.0.1:${app.port}`,
      version: "v1",
      health: "healthy",
      weight: endpoint?.weight,
      priority: 0,
      healthFlags: [],
      ejection: null,
      check: null,
      isStarting: false,
      active: 0,
      requests: 1,
      failures: 0,
      connectFailures: 0,
      connections: 1,
      idleConnections: 1,
      waiting: 0,
    });
    await ask(proxy.addresses.outbound, { headers: { host: "nobody", "x-request-id": "odd-one" } });
    const { decisions } = await read<DecisionsJson>(proxy, "/decisions");
    assert.deepEqual(
      decisions.map(({ requestId, flag, detail, attempts }) => [requestId, flag, detail, attempts]),
      [["odd-one", "NR", "no-route", 0]],
    );
    const { listeners } = await read<ListenersJson>(proxy, "/listeners");
    assert.deepEqual(
      listeners.map(({ name, direction, configured }) => [name, direction, configured]),
      [
        ["outbound", "outbound", true],
        ["inbound", "inbound", true],
      ],
    );
    const head = await ask(proxy.addresses.admin, { method: "HEAD", path: "/ready" });
    assert.match(String(head.headers["x-heddle-config-source"]), /^stream; revision=\d+; age=\d+$/);
    assert.equal(head.body, "");
  });
});

describe("the admin port of any proxy", () => {
  it("changes nothing by GET, is not for browsers, and names what there is", async (t) => {
    const proxy = await openProxy(t, {
      service: "web",
      controlPlanes: [{ host: "127.0.0.1", port: await freePort() }],
    });
    const { admin } = proxy.addresses;
    const statusOf = async (method: string, path: string, headers = {}): Promise<number> =>
      (await ask(admin, { method, path, headers })).status;
    const wrong = await ask(admin, { path: "/drain" });
    assert.deepEqual([wrong.status, wrong.headers["allow"]], [405, "POST"]);
    assert.equal(await statusOf("POST", "/ready"), 405);
    assert.equal(await statusOf("GET", "/ready", { host: "rebound.example" }), 403);
    assert.equal(await statusOf("POST", "/drain", { origin: "http://127.0.0.1" }), 403);
    assert.match((await ask(admin, { path: "/nothing" })).body, /\/nothing does not exist; there are \/ready, /);
    assert.equal(await statusOf("GET", "/stats/prometheus?filter=x", { host: "localhost:1" }), 200);

    assert.equal(await statusOf("POST", "/drain"), 202);
    const ready = await ask(admin, { path: "/ready" });
    assert.deepEqual([ready.status, JSON.parse(ready.body).state], [503, "draining"]);
    assert.equal(await statusOf("POST", "/quitquitquit"), 202);
    await proxy.quitAsked;
  });
});
