import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, request, type IncomingMessage, type RequestListener } from "node:http";
import { describe, it, type TestContext } from "node:test";

import type { Cluster } from "../../../shared/model/cluster.ts";
import { NO_POLICIES, type ClusterPolicies } from "../../../shared/model/cluster-policy.ts";
import type { RetryPolicy, Route } from "../../../shared/model/route.ts";
import { encodeCluster } from "../../../shared/wire/cluster-wire.ts";
import { encodeListener } from "../../../shared/wire/listener-wire.ts";
import { freePort } from "../../support/control-plane.ts";
import { staticBootstrap } from "../../support/envoy-bootstrap.ts";
import { findEnvoy, startStaticEnvoy, until, type Envoy } from "../../support/envoy.ts";
import { outlierPolicy } from "../../support/cluster-policies.ts";
import { forward, route, virtualHost } from "../../support/route-builders.ts";

// What our encoders write for an Envoy makes a real one act: not only do its fields have the right numbers.

const found = findEnvoy();
const skip = "skip" in found ? found.skip : false;

describe("a real Envoy obeys", { skip, timeout: 60_000 }, () => {
  it("a fault, for the requests that carry its headers and for no others", async (t) => {
    const present = { value: { kind: "present", present: true }, invert: false, treatMissingAsEmpty: false } as const;
    const fault = {
      delay: undefined,
      abort: { percent: 100, status: 418 },
      headers: [{ name: "x-hurt", ...present }],
      untilWallMs: undefined,
    };
    const { call } = await startMesh(t, { route: { fault }, services: { web: answering(200) } });
    assert.equal(await call({ "x-hurt": "1" }), 418);
    assert.equal(await call(), 200);
  });

  it("a rate limit, with a bucket for each value of a header and one for the rest", async (t) => {
    const rateLimit = {
      name: "web",
      requests: 1,
      perMs: 3_600_000,
      burst: 2,
      by: { kind: "header", name: "x-user" },
      scope: "local",
      failOpen: true,
    } as const;
    const { call } = await startMesh(t, { route: { rateLimit }, services: { web: answering(200) } });
    for (const headers of [{ "x-user": "ann" }, { "x-user": "bob" }, {}]) {
      assert.deepEqual([await call(headers), await call(headers), await call(headers)], [200, 200, 429]);
    }
  });

  it("a rate limit of each client, which is an address to it, and one for all", async (t) => {
    for (const kind of ["client", "total"] as const) {
      const limit = { name: "web", requests: 1, perMs: 3_600_000, burst: 1, scope: "local", failOpen: true } as const;
      const { call } = await startMesh(t, {
        route: { rateLimit: { ...limit, by: { kind } } },
        services: { web: answering(200) },
      });
      assert.deepEqual([await call(), await call()], [200, 429], kind);
    }
  });

  it("a mirror, whose answer nobody sees", async (t) => {
    const shadow = counting(500);
    const action = forward("web", { mirrors: [{ cluster: "shadow", percent: 100 }] });
    const services = { web: answering(200), shadow: shadow.serve };
    const { call } = await startMesh(t, { route: { action }, services });
    assert.equal(await call(), 200);
    await until(() => Promise.resolve(shadow.count() === 1));
  });

  it("retries, of a POST only when the policy or the request says that it may be repeated", async (t) => {
    const tries = async (retryNonIdempotent: boolean, ...sent: Parameters<Mesh["call"]>): Promise<number> => {
      const web = counting(503);
      const action = forward("web", { retry: { ...retry, retryNonIdempotent } });
      const { call } = await startMesh(t, { route: { action }, services: { web: web.serve } });
      assert.equal(await call(...sent), 503);
      return web.count();
    };
    assert.equal(await tries(false), 3);
    assert.equal(await tries(false, {}, "POST"), 1);
    assert.equal(await tries(false, { "idempotency-key": "k" }, "POST"), 3);
    assert.equal(await tries(true, {}, "POST"), 3);
  });

  it("a bound on requests at once", async (t) => {
    const held = Promise.withResolvers<undefined>();
    const arrived = Promise.withResolvers<undefined>();
    const web: RequestListener = (_, response) => {
      arrived.resolve(undefined);
      void held.promise.then(() => response.end());
    };
    const policies = { ...NO_POLICIES, limits: { ...NO_POLICIES.limits, requests: 1 } };
    const { call } = await startMesh(t, { services: { web }, policies });
    const first = call();
    await arrived.promise;
    assert.equal(await call(), 503);
    held.resolve(undefined);
    assert.equal(await first, 200);
  });

  it("an outlier policy that takes an endpoint out after one failure", async (t) => {
    const bad = counting(500);
    const policies = { ...NO_POLICIES, outlier: outlierPolicy({ consecutive5xx: 1 }) };
    const { call, envoy } = await startMesh(t, {
      services: { web: answering(200) },
      second: bad.serve,
      policies,
    });
    await until(async () => (await call()) === 500);
    await until(async () => (await envoy.stat("cluster.web.outlier_detection.ejections_active")) === 1);
    for (let index = 0; index < 10; index += 1) assert.equal(await call(), 200);
    assert.equal(bad.count(), 1);
  });

  it("a health check, by which an endpoint that fails it gets no requests", async (t) => {
    const sick: RequestListener = (incoming, response) =>
      response.writeHead(incoming.url === "/health" ? 500 : 201).end();
    const healthCheck = {
      by: "callers",
      path: "/health",
      intervalMs: 100,
      timeoutMs: 1_000,
      unhealthyThreshold: 1,
      healthyThreshold: 1,
    } as const;
    const { call, envoy } = await startMesh(t, {
      services: { web: answering(204) },
      second: sick,
      policies: { ...NO_POLICIES, healthCheck },
    });
    await until(async () => (await envoy.stat("cluster.web.membership_healthy")) === 1);
    for (let index = 0; index < 10; index += 1) assert.equal(await call(), 204);
  });
});

const retry: RetryPolicy = {
  retryOn: ["gateway-error"],
  retries: 2,
  perTryTimeoutMs: undefined,
  retriableStatuses: [],
  backoffBaseMs: 1,
  backoffMaxMs: 2,
  avoidPrevious: false,
  retryNonIdempotent: false,
  retryAfterMaxMs: 1_000,
  hedgeOnTryTimeout: false,
};

interface MeshParts {
  /** By cluster; all requests go to "web". */
  readonly services: Readonly<Record<string, RequestListener>>;
  /** A second endpoint of "web". */
  readonly second?: RequestListener;
  readonly route?: Partial<Route>;
  /** Of "web". */
  readonly policies?: ClusterPolicies;
}

interface Mesh {
  readonly envoy: Envoy;
  /** The status of one request through the Envoy. */
  call(headers?: Readonly<Record<string, string>>, method?: string): Promise<number | undefined>;
}

async function startMesh(t: TestContext, parts: MeshParts): Promise<Mesh> {
  assert.ok("path" in found);
  const clusters: Uint8Array[] = [];
  for (const [name, serve] of Object.entries(parts.services)) {
    const handlers = name === "web" && parts.second !== undefined ? [serve, parts.second] : [serve];
    const ports = await Promise.all(handlers.map((handler) => listen(t, handler)));
    const policies = name === "web" ? (parts.policies ?? NO_POLICIES) : NO_POLICIES;
    clusters.push(encodeCluster(fixedCluster(name, ports, policies), "envoy"));
  }
  const port = await freePort();
  const listener = encodeListener(
    {
      name: "outbound",
      direction: "outbound",
      bind: { host: "127.0.0.1", port },
      statPrefix: "outbound",
      routes: {
        kind: "inline",
        config: {
          name: "outbound",
          ignorePortInHost: true,
          virtualHosts: [virtualHost(["*"], [{ ...route("web"), ...parts.route }])],
        },
      },
    },
    "envoy",
  );
  const bootstrap = staticBootstrap({ listeners: [listener], clusters, ads: false });
  const envoy = await startStaticEnvoy(t, { path: found.path, bootstrap });
  await until(async () => (await envoy.admin("/ready")).startsWith("LIVE"));
  return {
    envoy,
    call: async (headers = {}, method = "GET") => {
      const sent = request({ host: "127.0.0.1", port, path: "/", method, headers, agent: false });
      sent.end();
      const [response] = (await once(sent, "response")) as [IncomingMessage];
      response.resume();
      await once(response, "end");
      return response.statusCode;
    },
  };
}

function fixedCluster(name: string, ports: readonly number[], policies: ClusterPolicies): Cluster {
  const endpoint = { weight: 1, health: "healthy", version: "", priority: 0 } as const;
  const endpoints = ports.map((port) => ({ ...endpoint, address: { host: "127.0.0.1", port } }));
  return {
    name,
    discovery: { kind: "static", endpoints },
    connectTimeoutMs: 1_000,
    lb: { kind: "round-robin" },
    panicThresholdPercent: 0,
    policies,
    service: name,
    version: "",
  };
}

async function listen(t: TestContext, handler: RequestListener): Promise<number> {
  const server = createServer(handler);
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

function answering(status: number): RequestListener {
  return (_, response) => response.writeHead(status).end();
}

function counting(status: number): { readonly serve: RequestListener; count(): number } {
  let count = 0;
  return {
    serve: (_, response) => {
      count += 1;
      response.writeHead(status).end();
    },
    count: () => count,
  };
}
