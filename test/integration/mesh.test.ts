import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, it } from "node:test";

import type { Proxy } from "../../data-plane/app.ts";
import type { ReadyJson } from "../../data-plane/admin/admin-json.ts";
import { ListenFailed } from "../../data-plane/listener/listener-set.ts";
import type { Address } from "../../shared/address.ts";
import type { DeepPartial, Resource } from "../../shared/wire/admin-api.ts";
import { applyBundle, freePort, openControlPlane } from "../support/control-plane.ts";
import { ask, eventually, openApp, openProxy } from "../support/proxies.ts";
import { tempFolder } from "../support/temp-folder.ts";

// The whole mesh in one process: real SQLite, real streams, real sockets.

function policy(serviceName: string): DeepPartial<Resource> {
  return { kind: { $case: "servicePolicy", value: { serviceName } } };
}

function endpoint(serviceName: string, address: Address, version: string): DeepPartial<Resource> {
  const value = { serviceName, podIp: address.host, port: address.port, version };
  return { kind: { $case: "serviceEndpoint", value } };
}

function split(v1Weight: number, v2Weight: number): DeepPartial<Resource> {
  const value = { sourceService: "web", destinationService: "reviews", v1Weight, v2Weight };
  return { kind: { $case: "trafficSplit", value } };
}

async function readyOf(proxy: Proxy): Promise<ReadyJson> {
  const { body } = await ask(proxy.addresses.admin, { path: "/ready" });
  const ready: ReadyJson = JSON.parse(body);
  return ready;
}

const toReviews = { headers: { host: "reviews" } };

describe("a proxy without any configuration", () => {
  it("has its ports open, says 503 no-config, and is not ready", async (t) => {
    const controlPlane = { host: "127.0.0.1", port: await freePort() };
    const proxy = await openProxy(t, { service: "web", controlPlanes: [controlPlane] });
    const answer = await ask(proxy.addresses.outbound, toReviews);
    assert.equal(answer.status, 503);
    assert.equal(answer.headers["x-heddle-error"], "no-config");
    const ready = await ask(proxy.addresses.admin, { path: "/ready" });
    assert.equal(ready.status, 503);
    assert.equal(ready.headers["x-heddle-config-source"], "none; revision=0; age=0");
  });

  it("that cannot open a port says which flag to change", async (t) => {
    const taken = await openApp(t, "taken");
    const starting = openProxy(t, { service: "web", controlPlanes: [taken], outbound: taken });
    await assert.rejects(starting, (error: unknown) => {
      assert.ok(error instanceof ListenFailed);
      assert.match(error.message, /^--outbound: 127\.0\.0\.1:\d+ is in use by another process; choose another port$/);
      return true;
    });
  });
});

describe("the mesh", () => {
  it("carries one edit from SQLite to the next request", async (t) => {
    const controlPlane = await openControlPlane(t);
    const [v1, v2] = [await openApp(t, "one"), await openApp(t, "two")];
    await applyBundle(controlPlane, {
      resources: [
        policy("web"),
        policy("reviews"),
        endpoint("reviews", v1, "v1"),
        endpoint("reviews", v2, "v2"),
        split(100, 0),
      ],
    });
    const proxy = await openProxy(t, {
      service: "web",
      controlPlanes: [controlPlane.xds],
      upstreams: [{ service: "reviews", address: { host: "127.0.0.1", port: 0 } }],
    });
    await proxy.serving;
    assert.deepEqual(await ask(proxy.addresses.outbound, toReviews).then(({ status, body }) => [status, body]), [
      200,
      "one",
    ]);
    const local = proxy.addresses.upstreams.get("reviews");
    assert.ok(local !== undefined);
    assert.equal((await ask(local, {})).body, "one");

    await applyBundle(controlPlane, { resources: [split(0, 100)] });
    await eventually(
      () => ask(proxy.addresses.outbound, toReviews),
      ({ body }) => body === "two",
    );
    const metrics = await ask(proxy.addresses.admin, { path: "/metrics" });
    assert.match(metrics.body, /heddle_requests_total\{.*destination="reviews",version="v2",code="200",flag=""\} \d/);
    assert.match(metrics.body, /\nheddle_config_revision 2\n/);
  });

  it("outlives its control plane: proxies go on, start again from disk, and come back to it", async (t) => {
    const folder = tempFolder(t);
    const xds = { host: "127.0.0.1", port: await freePort() };
    const db = join(folder, "mesh.db");
    const app = await openApp(t, "one");
    const first = await openControlPlane(t, { db, xds });
    await applyBundle(first, { resources: [policy("web"), policy("reviews"), endpoint("reviews", app, "v1")] });
    const config = { service: "web", controlPlanes: [xds], stateFolder: join(folder, "web") };
    const before = await openProxy(t, config);
    await before.serving;
    await first.stop();

    assert.equal((await ask(before.addresses.outbound, toReviews)).status, 200);
    await before.stop();
    const proxy = await openProxy(t, config);
    assert.equal((await ask(proxy.addresses.outbound, toReviews)).body, "one");
    assert.equal(proxy.name, before.name);
    const offline = await readyOf(proxy);
    assert.deepEqual([offline.state, offline.config.source, offline.config.connected], ["ready", "disk", false]);

    const second = await openControlPlane(t, { db, xds });
    await eventually(
      () => readyOf(proxy),
      ({ config: { connected, source } }) => connected && source === "stream",
    );
    const other = await openApp(t, "two");
    await applyBundle(second, { resources: [endpoint("reviews", other, "v1")] });
    await eventually(
      () => ask(proxy.addresses.outbound, toReviews),
      ({ body }) => body === "two",
    );
  });

  it("is not taken over by a control plane on another store", async (t) => {
    const folder = tempFolder(t);
    const xds = { host: "127.0.0.1", port: await freePort() };
    const app = await openApp(t, "one");
    const first = await openControlPlane(t, { db: join(folder, "first.db"), xds });
    await applyBundle(first, { resources: [policy("web"), policy("reviews"), endpoint("reviews", app, "v1")] });
    const proxy = await openProxy(t, { service: "web", controlPlanes: [xds] });
    // Its first snapshot may be older than the bundle.
    await eventually(
      () => ask(proxy.addresses.outbound, toReviews),
      ({ body }) => body === "one",
    );
    await first.stop();
    const stranger = await openControlPlane(t, { db: join(folder, "second.db"), xds });
    await applyBundle(stranger, { resources: [policy("web")] });
    const ready = await eventually(
      () => readyOf(proxy),
      ({ config }) => config.types.some(({ refused }) => refused !== null),
    );
    const refused = ready.config.types.find((one) => one.refused !== null)?.refused;
    assert.match(refused?.reason ?? "", /but this proxy belongs to mesh/);
    assert.equal((await ask(proxy.addresses.outbound, toReviews)).body, "one");
  });

  it("loses no request when an instance drains and stops", async (t) => {
    const controlPlane = await openControlPlane(t);
    const proxies: Proxy[] = [];
    for (const name of ["one", "two"]) {
      const app = await openApp(t, name, 20);
      proxies.push(await openProxy(t, { service: "reviews", version: "v1", app, controlPlanes: [controlPlane.xds] }));
    }
    await applyBundle(controlPlane, { resources: [policy("web"), policy("reviews")] });
    const web = await openProxy(t, { service: "web", controlPlanes: [controlPlane.xds] });
    await web.serving;
    // Both instances have listed themselves, and both are used.
    const seen = new Set<string>();
    await eventually(
      () => ask(web.addresses.outbound, toReviews),
      ({ body }) => seen.add(body).size >= 2 && body !== "",
    );
    const [leaving] = proxies;
    assert.ok(leaving !== undefined);

    const answers: { status: number; body: string }[] = [];
    const load = { isOn: true };
    const loads = Array.from({ length: 4 }, async () => {
      while (load.isOn) answers.push(await ask(web.addresses.outbound, { method: "POST", ...toReviews }));
    });
    await leaving.drain();
    await leaving.stop();
    const answeredBefore = answers.length;
    await eventually(
      async () => answers.length,
      (count) => count >= answeredBefore + 20,
    );
    load.isOn = false;
    await Promise.all(loads);
    assert.deepEqual(
      answers.filter(({ status }) => status !== 200),
      [],
    );
    assert.ok(answers.slice(answeredBefore + 4).every(({ body }) => body === "two"));
  });
});
