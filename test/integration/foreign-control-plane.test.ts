import assert from "node:assert/strict";
import { describe, it } from "node:test";

import type { ReadyJson } from "../../data-plane/admin/admin-json.ts";
import type { Cluster } from "../../shared/model/cluster.ts";
import type { Listener } from "../../shared/model/listener.ts";
import { encodeCluster } from "../../shared/wire/cluster-wire.ts";
import { encodeListener } from "../../shared/wire/listener-wire.ts";
import { freePort } from "../support/control-plane.ts";
import { ask, eventually, openApp, openProxy } from "../support/proxies.ts";
import { PuppetControlPlane } from "../support/puppet-control-plane.ts";
import { cluster, listener, routeConfig } from "../support/session-resources.ts";
import { tempFolder } from "../support/temp-folder.ts";

describe("a proxy driven by a control plane that is not Heddle's", () => {
  it("opens the listeners it is told to, and keeps them without it", async (t) => {
    const puppet = await PuppetControlPlane.open(t);
    puppet.identifier = "another-control-plane";
    const app = await openApp(t, "app");
    const port = await freePort();
    const stateFolder = tempFolder(t);
    const config = { service: "web", controlPlanes: [puppet.address], stateFolder };
    const proxy = await openProxy(t, config);
    await puppet.until(2);

    const endpoint = { address: app, weight: 1, health: "healthy" as const, version: "", priority: 0 };
    const local: Cluster = { ...cluster("app"), discovery: { kind: "static", endpoints: [endpoint] } };
    puppet.say("clusters", "1", [encodeCluster(local, "envoy")]);
    const own: Listener = {
      ...listener("front"),
      bind: { host: "127.0.0.1", port },
      routes: { kind: "inline", config: { ...routeConfig("front", ["app"]), ignorePortInHost: true } },
    };
    puppet.say("listeners", "2", [encodeListener(own)]);
    await proxy.serving;
    await puppet.until(4);
    // It is asked for no digest: it would not know the type.
    assert.deepEqual(puppet.heard().slice(2), ["clusters r1.x/1 []", "listeners r1.x/2 []"]);
    const toApp = { headers: { host: "app" } };
    const front = { host: "127.0.0.1", port };
    await eventually(
      () =>
        ask(front, toApp).then(
          ({ body }) => body,
          () => "refused",
        ),
      (body) => body === "app",
    );
    // What the proxy itself opened has no routes from this server.
    assert.equal((await ask(proxy.addresses.outbound, toApp)).status, 503);

    await proxy.stop();
    const again = await openProxy(t, { ...config, controlPlanes: [{ host: "127.0.0.1", port: await freePort() }] });
    const ready: ReadyJson = JSON.parse((await ask(again.addresses.admin, { path: "/ready" })).body);
    assert.equal(ready.config.source, "disk");
    await eventually(
      () =>
        ask(front, toApp).then(
          ({ body }) => body,
          () => "refused",
        ),
      (body) => body === "app",
    );
  });
});
