import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, describe, it, type TestContext } from "node:test";

import { startControlPlane, type ControlPlane } from "../../../control-plane/app.ts";
import { readControlPlaneConfig } from "../../../control-plane/config.ts";
import type { ProxyStatus, TypeStatus } from "../../../control-plane/xds/fleet.ts";
import { startProxy, type Proxy } from "../../../data-plane/app.ts";
import { readProxyConfig } from "../../../data-plane/config.ts";
import { formatAddress } from "../../../shared/address.ts";
import { tempFolder } from "../../support/temp-folder.ts";
import { startAdmin } from "../admin-fixture.ts";
import { heddle } from "../captured-terminal.ts";

function type(name: TypeStatus["type"], state: TypeStatus["state"], more: Partial<TypeStatus> = {}): TypeStatus {
  const at = Date.now() - 200_000;
  return {
    type: name,
    state,
    sentVersion: "r42.aa",
    acknowledgedVersion: "r42.aa",
    sentWallMs: at,
    answeredWallMs: at,
    nackReason: "",
    ...more,
  };
}

function proxy(nodeId: string, more: Partial<ProxyStatus> = {}): ProxyStatus {
  return {
    nodeId,
    service: "web",
    version: "v1",
    kind: "heddle",
    connected: true,
    sinceWallMs: Date.now() - 540_000,
    peer: "127.0.0.1:5",
    adminAddress: "127.0.0.1:15000",
    snapshotSource: "disk",
    acknowledgedRevision: 42,
    types: (["listeners", "routes", "clusters", "endpoints"] as const).map((name) => type(name, "SYNCED")),
    ...more,
  };
}

const STALE = type("endpoints", "STALE", { sentVersion: "r43.bb", sentWallMs: Date.now() - 740_000 });
const NACKED = type("routes", "NACKED", { sentVersion: "r43.cc", nackReason: "cluster x is unknown" });

describe("heddle ps", () => {
  it("shows each type of each proxy, and a note for what needs a look", async (t: TestContext) => {
    const admin = await startAdmin();
    t.after(() => admin.stop());
    admin.fleet.statuses = [
      proxy("web-1"),
      proxy("web-2", {
        types: [type("listeners", "SYNCED"), NACKED, type("clusters", "SYNCED"), STALE],
        acknowledgedRevision: 41,
      }),
      proxy("web-3", { connected: false, version: "", types: [] }),
    ];
    const { out, code } = await admin.run("ps");
    assert.equal(code, 0);
    assert.equal(
      out,
      [
        "NAME   SERVICE  VERSION  LISTEN  ROUTE   CLUSTER  ENDPT   SECRET  REV  ACKED   SOURCE  CERT EXPIRES  NOTES",
        "web-1  web      v1       SYNCED  SYNCED  SYNCED   SYNCED  -       r42  3m ago  stream  -             -",
        "web-2  web      v1       SYNCED  NACKED  SYNCED   STALE   -       r41  3m ago  disk    -             ‼ routes r43.cc refused: cluster x is unknown; endpoints r43.bb sent 12m ago, no ACK",
        "web-3  web      -        -       -       -        -       -       r42  -       -       -             ‼ stream down 9m",
        "",
      ].join("\n"),
    );
    const [first] = JSON.parse((await admin.run("ps -o json")).out);
    assert.deepEqual(
      [first.name, first.connected, first.acknowledged_revision, first.types[0].state],
      ["web-1", true, 42, "SYNCED"],
    );
  });

  it("is what check summarises, with the exit code of problems", async (t: TestContext) => {
    const admin = await startAdmin();
    t.after(() => admin.stop());
    admin.fleet.statuses = [proxy("web-1", { adminAddress: undefined, types: [NACKED] })];
    const { out, code } = await admin.run("check");
    assert.equal(code, 2);
    assert.match(out, /× 1 of 1 connected proxies are behind\n {4}-> heddle ps\n/);
    assert.match(out, /× proxy web-1: routes r43\.cc refused: cluster x is unknown\n {4}-> heddle pc all web-1\n/);
  });
});

describe("--wait", () => {
  it("tells who has acknowledged", async (t: TestContext) => {
    const admin = await startAdmin();
    t.after(() => admin.stop());
    admin.fleet.wait = { acknowledged: 4, waiting: [] };
    const { code, err } = await admin.run("policy set a --timeout-ms 5 --wait");
    assert.equal(code, 0);
    assert.match(err, /^r1 acknowledged by 4 of 4 proxies after [\d.]+m?s\n$/);
  });

  it("is exit code 4 when someone has not, with the words of a refusal", async (t: TestContext) => {
    const admin = await startAdmin();
    t.after(() => admin.stop());
    admin.fleet.wait = {
      acknowledged: 3,
      waiting: [{ nodeId: "web-2", service: "web", reason: "routes refused: no" }],
    };
    const { code, out, err } = await admin.run("policy set a --timeout-ms 5 --wait 2");
    assert.equal(code, 4);
    assert.match(out, /^r1 -> \d+ prox/m);
    assert.match(
      err,
      /^r1 acknowledged by 3 of 4 proxies after .*\n {2}web-2 \(web\): routes refused: no\n {2}-> heddle ps\n$/,
    );
  });

  it("is not done after a dry run, which changes nothing", async (t: TestContext) => {
    const admin = await startAdmin();
    t.after(() => admin.stop());
    admin.fleet.wait = { acknowledged: 0, waiting: [{ nodeId: "web-2", service: "web", reason: "asleep" }] };
    const { code, err } = await admin.run("policy set a --timeout-ms 5 --wait --dry-run");
    assert.deepEqual([code, err], [0, ""]);
  });
});

describe("heddle pc", () => {
  let controlPlane: ControlPlane;
  let running: Proxy;
  let server: string;
  let admin: string;
  let ends: (() => void)[] = [];

  before(async () => {
    const hooks: (() => void)[] = [];
    const folder = tempFolder({ after: (end: () => void) => hooks.push(end) } as unknown as TestContext); // a hook has no context of its own
    ends = hooks;
    const config = readControlPlaneConfig(
      ["--db", join(folder, "mesh.db"), "--xds", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--log-level", "silent"],
      {},
    );
    assert.ok(config.ok);
    const started = await startControlPlane(config.value);
    assert.ok(started.ok);
    controlPlane = started.value;
    server = formatAddress(controlPlane.admin);
    const stdin =
      "{kind: ServiceEndpoint, service_name: reviews, pod_ip: 127.0.0.1, port: 9101, version: v1}\n---\n" +
      "{kind: ServiceEndpoint, service_name: reviews, pod_ip: 127.0.0.1, port: 9102, version: v2}\n---\n" +
      "{kind: ServicePolicy, service_name: reviews, timeout_ms: 800, retry_attempts: 2}\n---\n" +
      "{kind: TrafficSplit, destination_service: reviews, v1_weight: 90, v2_weight: 10}\n---\n" +
      "{kind: Route, name: api, destination_service: reviews, path_prefix: /api, destinations: [{service: reviews, version: v2}]}\n";
    const applied = await heddle(["apply", "-f", "-", "--server", server], { stdin });
    assert.equal(applied.code, 0, applied.err);
    const proxyConfig = readProxyConfig({
      service: "web",
      name: "web-1",
      controlPlane: formatAddress(controlPlane.xds),
      outbound: "127.0.0.1:0",
      admin: "127.0.0.1:0",
      accessLog: "off",
      logLevel: "silent",
      state: join(folder, "web-1"),
    });
    assert.ok(proxyConfig.ok);
    running = await startProxy(proxyConfig.value);
    await running.serving;
    admin = formatAddress(running.addresses.admin);
  });
  after(async () => {
    await running.stop();
    await controlPlane.stop();
    for (const end of ends) end();
  });

  it("shows the routes of a proxy that it finds by name, by service or by address", async () => {
    const byName = await heddle(["pc", "routes", "web-1", "--server", server]);
    assert.equal(byName.code, 0, byName.err);
    assert.match(
      byName.err,
      /^source: proxy 127\.0\.0\.1:\d+, stream snapshot r1, confirmed \d+s ago \(connected\)\n$/,
    );
    const lines = byName.out.split("\n").map((line) => line.split(/ {2,}/));
    assert.deepEqual(lines[0], ["TABLE", "HOST", "MATCH", "TO", "TIMEOUT", "RETRIES", "RULE"]);
    assert.ok(
      lines.some((cells) => cells.includes("/api/*") && cells.includes("reviews/v2") && cells.includes("800ms")),
      byName.out,
    );
    assert.ok(
      lines.some((cells) => cells.includes("reviews/v1:90 reviews/v2:10")),
      byName.out,
    );
    for (const which of [["web"], [admin], ["--proxy", admin]]) {
      assert.equal((await heddle(["pc", "routes", ...which, "--server", server])).out, byName.out);
    }
  });

  it("shows every endpoint with its counters, also as JSON", async () => {
    const { out } = await heddle(["pc", "endpoints", "web-1", "-o", "json", "--server", server]);
    const endpoints: readonly Record<string, unknown>[] = JSON.parse(out);
    const ofReviews = endpoints
      .filter(({ cluster }) => cluster === "reviews")
      .map(({ address, version, health }) => ({ address, version, health }));
    assert.deepEqual(ofReviews, [
      { address: "127.0.0.1:9101", version: "v1", health: "healthy" },
      { address: "127.0.0.1:9102", version: "v2", health: "healthy" },
    ]);
  });

  it("shows every policy with its numbers, and their names beside clusters and routes", async () => {
    const { out } = await heddle(["pc", "policies", "web-1", "--server", server]);
    assert.match(out, /^OF +POLICY +SETTING +RULE$/m);
    assert.match(out, /^route reviews \/api\/\* +retry +\d+ on connect-failure .* route\/\S+$/m);
    const wide = await heddle(["pc", "routes", "web-1", "-o", "wide", "--server", server]);
    assert.match(wide.out, /POLICIES +RULE$/m);
    assert.match(wide.out, / retry +route\//m);
  });

  it("shows all parts, and listeners with their real ports", async () => {
    const { out } = await heddle(["pc", "all", "web-1", "--server", server]);
    assert.match(
      out,
      new RegExp(`^outbound +outbound +${formatAddress(running.addresses.outbound)} +yes +outbound$`, "m"),
    );
    assert.deepEqual(out.match(/^[A-Z]+(?= )/gm), ["NAME", "TABLE", "NAME", "ENDPOINT", "OF"]);
  });

  it("names the proxies there are when there is no such one", async () => {
    const { code, err } = await heddle(["pc", "routes", "nobody", "--server", server]);
    assert.deepEqual([code, err], [1, 'error: no proxy is named "nobody"\n  -> there are: web-1\n  -> heddle ps\n']);
  });

  it("answers, like ps, with the control plane dead, and says so", async () => {
    await controlPlane.stop();
    const routes = await heddle(["pc", "routes", "--proxy", admin]);
    assert.equal(routes.code, 0, routes.err);
    assert.match(routes.out, /reviews\/v1:90 reviews\/v2:10/);
    const ps = await heddle(["ps", "--proxy", admin]);
    assert.match(ps.out, /^web-1 +web +- +SYNCED +SYNCED +SYNCED +SYNCED +- +r1 /m);
    assert.match(ps.err, /^source: proxy .* snapshot r1/);
  });
});
