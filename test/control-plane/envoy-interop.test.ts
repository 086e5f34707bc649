import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer, request, type IncomingMessage, type Server } from "node:http";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { describe, it, type TestContext } from "node:test";

import { parse } from "yaml";

import type { ControlPlane } from "../../control-plane/app.ts";
import { packageRoot } from "../../shared/package-root.ts";
import { applyBundle, freePort, openControlPlane } from "../support/control-plane.ts";
import { findEnvoy, startConfiguredEnvoy, startEnvoy, until, type Envoy } from "../support/envoy.ts";

// A real Envoy, driven by Heddle's control plane: xds.md 5.4 G.

const found = findEnvoy();
const skip = "skip" in found ? found.skip : false;

/** An HTTP service that answers with its own name. Returns its port. */
async function startService(t: TestContext, name: string): Promise<number> {
  const server: Server = createServer((_, response) => response.end(name));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  assert.ok(typeof address === "object" && address !== null);
  return address.port;
}

interface Answer {
  readonly status: number | undefined;
  readonly body: string;
}

/** One request through the Envoy's outbound listener, addressed by Host header. */
async function call(port: number, host: string, headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
  const sent = request({ host: "127.0.0.1", port, path: "/", headers: { host, ...headers }, agent: false });
  sent.end();
  const [response] = (await once(sent, "response")) as [IncomingMessage];
  return { status: response.statusCode, body: await text(response) };
}

interface Mesh {
  readonly controlPlane: ControlPlane;
  readonly envoy: Envoy;
  readonly outbound: number;
  readonly ports: { readonly v1: number; readonly v2: number };
}

async function startMesh(t: TestContext): Promise<Mesh> {
  assert.ok("path" in found);
  const controlPlane = await openControlPlane(t);
  const ports = { v1: await startService(t, "v1"), v2: await startService(t, "v2") };
  await applyBundle(controlPlane, {
    resources: [endpoint(ports.v1, "v1"), endpoint(ports.v2, "v2"), split(100, 0)],
  });
  const outbound = await freePort();
  const node = { id: "edge-1", cluster: "web", metadata: { "heddle.outbound": `127.0.0.1:${outbound}` } };
  const envoy = await startEnvoy(t, { path: found.path, xds: controlPlane.xds, node });
  await until(async () => (await envoy.stat("http.outbound.rds.outbound.update_success")) >= 1);
  return { controlPlane, envoy, outbound, ports };
}

function endpoint(port: number, version: string): { kind: { $case: "serviceEndpoint"; value: object } } {
  return { kind: { $case: "serviceEndpoint", value: { serviceName: "reviews", podIp: "127.0.0.1", port, version } } };
}

function split(v1Weight: number, v2Weight: number): { kind: { $case: "trafficSplit"; value: object } } {
  const value = { destinationService: "reviews", v1Weight, v2Weight, headerMatch: { "x-canary": "true" } };
  return { kind: { $case: "trafficSplit", value } };
}

function policy(value: object): { kind: { $case: "servicePolicy"; value: object } } {
  return { kind: { $case: "servicePolicy", value: { serviceName: "reviews", ...value } } };
}

const everyPolicy = {
  perTryTimeoutMs: 500,
  hedgeOnPerTryTimeout: true,
  retryNonIdempotent: true,
  maxRequests: 7,
  adaptiveConcurrency: true,
  outlierConsecutive5xx: 9,
  outlierSuccessRateStdev: 1_900,
  outlierFailurePercentage: 85,
  healthCheck: "callers",
  slowStartSec: 20,
  lbPolicy: "least_request",
  faultDelayPercent: 1,
  faultDelayMs: 1,
  mirrorTo: "reviews/v2",
  fallback: "static",
};

describe("a real Envoy", { skip, timeout: 60_000 }, () => {
  it("acknowledges all four types and routes as the rows say", async (t) => {
    const { controlPlane, envoy, outbound } = await startMesh(t);
    assert.equal(await envoy.stat("control_plane.connected_state"), 1);
    assert.equal(await envoy.stat("cluster_manager.cds.update_rejected"), 0);
    assert.equal(await envoy.stat("listener_manager.lds.update_rejected"), 0);
    assert.equal(await envoy.stat("http.outbound.rds.outbound.update_rejected"), 0);
    assert.ok((await envoy.stat("cluster.reviews/v1.update_success")) >= 1);

    assert.deepEqual(await call(outbound, "reviews"), { status: 200, body: "v1" });
    assert.deepEqual(await call(outbound, "reviews:8080"), { status: 200, body: "v1" }, "a port in Host is no matter");
    assert.deepEqual(await call(outbound, "reviews", { "x-canary": "true" }), { status: 200, body: "v2" });
    assert.equal((await call(outbound, "nowhere")).status, 404);

    await applyBundle(controlPlane, { resources: [split(0, 100)] });
    await until(async () => (await call(outbound, "reviews")).body === "v2");
    await applyBundle(controlPlane, { resources: [split(50, 50)] });
    const seen = new Map<string, number>();
    await until(async () => (await call(outbound, "reviews")).body === "v1");
    for (let index = 0; index < 200; index += 1) {
      const { body } = await call(outbound, "reviews");
      seen.set(body, (seen.get(body) ?? 0) + 1);
    }
    // 200 draws at one half: outside of 60-140 once in 10^8 runs.
    assert.ok((seen.get("v1") ?? 0) > 60 && (seen.get("v2") ?? 0) > 60, JSON.stringify([...seen]));
  });

  it("takes new services, endpoints that move, and policies, while requests flow without a failure", async (t) => {
    const { controlPlane, envoy, outbound } = await startMesh(t);
    const failures: string[] = [];
    const over = new AbortController();
    const load = (async () => {
      while (!over.signal.aborted) {
        const { status, body } = await call(outbound, "reviews");
        if (status !== 200) failures.push(`${status} ${body}`);
      }
    })();
    const ports = [await startService(t, "v1"), await startService(t, "v1")];
    for (const port of ports) await applyBundle(controlPlane, { resources: [endpoint(port, "v1")] });
    for (let edit = 0; edit < 10; edit += 1) {
      await applyBundle(controlPlane, {
        resources: [
          { kind: { $case: "servicePolicy", value: { serviceName: "reviews", timeoutMs: 4_000 + edit } } },
          { kind: { $case: "servicePolicy", value: { serviceName: `new-${edit}` } } },
          split(100 - edit, edit),
        ],
      });
    }
    const policy = { serviceName: "reviews", connectTimeoutMs: 900, lbPolicy: "least_request" };
    await applyBundle(controlPlane, { resources: [{ kind: { $case: "servicePolicy", value: policy } }] });
    await until(async () => (await envoy.admin("/config_dump?resource=dynamic_active_clusters")).includes("0.900s"));
    over.abort();
    await load;
    assert.deepEqual(failures, []);
    assert.equal(await envoy.stat("cluster_manager.cds.update_rejected"), 0);
    assert.equal(await envoy.stat("cluster_manager.warming_clusters"), 0);
  });

  it("injects a fault while a policy says so, for the requests that it means", async (t) => {
    const { controlPlane, envoy, outbound } = await startMesh(t);
    const fault = { faultAbortPercent: 100, faultAbortStatus: 418, faultHeaderMatch: { "x-hurt": "1" } };
    await applyBundle(controlPlane, { resources: [policy(fault)] });
    await until(async () => (await call(outbound, "reviews", { "x-hurt": "1" })).status === 418);
    assert.equal((await call(outbound, "reviews")).status, 200);
    await applyBundle(controlPlane, { resources: [policy({})] });
    await until(async () => (await call(outbound, "reviews", { "x-hurt": "1" })).status === 200);
    assert.equal(await envoy.stat("http.outbound.rds.outbound.update_rejected"), 0);
  });

  it("takes every policy of a service in the words it has for them", async (t) => {
    const { controlPlane, envoy } = await startMesh(t);
    await applyBundle(controlPlane, { resources: [policy(everyPolicy)] });
    const dump = async (): Promise<string> => envoy.admin("/config_dump?resource=dynamic_active_clusters");
    await until(async () => (await dump()).includes('"max_requests": 7'));
    const clusters = await dump();
    for (const words of ['"path": "/health"', '"consecutive_5xx": 9', '"slow_start_window": "20s"']) {
      assert.ok(clusters.includes(words), words);
    }
    const routes = await envoy.admin("/config_dump?resource=dynamic_route_configs");
    assert.ok(routes.includes('"cluster": "reviews/v2"'), "the mirror");
    assert.ok(routes.includes('"hedge_on_per_try_timeout": true'), "hedging");
    assert.equal(await envoy.stat("cluster_manager.cds.update_rejected"), 0);
    assert.equal(await envoy.stat("http.outbound.rds.outbound.update_rejected"), 0);
  });

  it("joins with the bootstrap of the examples", async (t) => {
    assert.ok("path" in found);
    const controlPlane = await openControlPlane(t);
    await applyBundle(controlPlane, { resources: [endpoint(await startService(t, "v1"), "v1")] });
    const outbound = await freePort();
    const example = readFileSync(join(packageRoot, "examples", "envoy.yaml"), "utf8");
    const ours = example
      .replace("port_value: 15010", `port_value: ${controlPlane.xds.port}`)
      .replace("127.0.0.1:15101 # where", `127.0.0.1:${outbound} # where`)
      .replace("port_value: 15100", "port_value: 0");
    const envoy = await startConfiguredEnvoy(t, { path: found.path, config: parse(ours) });
    await until(async () => (await envoy.stat("http.outbound.rds.outbound.update_success")) >= 1);
    assert.deepEqual(await call(outbound, "reviews"), { status: 200, body: "v1" });
  });

  it("keeps serving when the control plane is gone", async (t) => {
    const { controlPlane, envoy, outbound } = await startMesh(t);
    await controlPlane.stop();
    await until(async () => (await envoy.stat("control_plane.connected_state")) === 0);
    for (let index = 0; index < 20; index += 1) {
      assert.deepEqual(await call(outbound, "reviews"), { status: 200, body: "v1" });
    }
  });
});
