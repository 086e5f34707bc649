import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { promisify } from "node:util";

import { Server, ServerCredentials, type sendUnaryData, type ServerUnaryCall } from "@grpc/grpc-js";

import type { ControlPlane } from "../../control-plane/app.ts";
import { formatAddress } from "../../shared/address.ts";
import { packageRoot } from "../../shared/package-root.ts";
import { applyBundle, openControlPlane } from "../support/control-plane.ts";

// The published @grpc/grpc-js-xds as a client that shares no code with ours: xds.md 5.4 C.

async function startEcho(t: TestContext, name: string): Promise<number> {
  const server = new Server();
  const pass = (bytes: Buffer): Buffer => bytes;
  const echo = (_: ServerUnaryCall<Buffer, Buffer>, done: sendUnaryData<Buffer>): void => done(null, Buffer.from(name));
  server.register("/test.Echo/Echo", echo, pass, pass, "unary");
  t.after(() => server.forceShutdown());
  return new Promise((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, port) =>
      error === null ? resolve(port) : reject(error),
    );
  });
}

async function callThroughMesh(controlPlane: ControlPlane, service: string, calls: number): Promise<readonly string[]> {
  const bootstrap = {
    xds_servers: [{ server_uri: formatAddress(controlPlane.xds), channel_creds: [{ type: "insecure" }] }],
    node: { id: "grpc-client", cluster: "web", locality: {} },
  };
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [join(packageRoot, "test/support/grpc-xds-client.ts"), service, String(calls)],
    { env: { ...process.env, GRPC_XDS_BOOTSTRAP_CONFIG: JSON.stringify(bootstrap) } },
  );
  return stdout.trim().split("\n");
}

function endpoint(port: number, version: string): { kind: { $case: "serviceEndpoint"; value: object } } {
  return { kind: { $case: "serviceEndpoint", value: { serviceName: "echo", podIp: "127.0.0.1", port, version } } };
}

describe("a proxyless gRPC client", { timeout: 90_000 }, () => {
  it("finds the endpoints of the service it dials, by the split", async (t) => {
    const controlPlane = await openControlPlane(t);
    const ports = [await startEcho(t, "one"), await startEcho(t, "two")] as const;
    await applyBundle(controlPlane, {
      resources: [
        endpoint(ports[0], "v1"),
        endpoint(ports[1], "v2"),
        { kind: { $case: "servicePolicy", value: { serviceName: "echo", lbPolicy: "least_request" } } },
        { kind: { $case: "trafficSplit", value: { destinationService: "echo", v1Weight: 0, v2Weight: 100 } } },
      ],
    });
    assert.deepEqual(
      await callThroughMesh(controlPlane, "echo", 5),
      Array.from({ length: 5 }, () => "two"),
    );
  });

  it("obeys a fault of the service it dials, and the bounds that come with it are no reason to refuse", async (t) => {
    const controlPlane = await openControlPlane(t);
    const policy = {
      serviceName: "echo",
      faultAbortPercent: 100,
      faultAbortStatus: 503,
      maxRequests: 5,
      outlierFailurePercentage: 50,
      healthCheck: "both",
      slowStartSec: 10,
      mirrorTo: "echo/v1",
      hedgeOnPerTryTimeout: true,
      perTryTimeoutMs: 500,
    };
    await applyBundle(controlPlane, {
      resources: [endpoint(await startEcho(t, "one"), "v1"), { kind: { $case: "servicePolicy", value: policy } }],
    });
    const [answer] = await callThroughMesh(controlPlane, "echo", 1);
    assert.match(answer ?? "", /^error 14: .*[Ff]ault/);
  });

  it("shares the calls among the endpoints without one", async (t) => {
    const controlPlane = await openControlPlane(t);
    const ports = [await startEcho(t, "one"), await startEcho(t, "two")] as const;
    await applyBundle(controlPlane, { resources: [endpoint(ports[0], "v1"), endpoint(ports[1], "v2")] });
    const answers = await callThroughMesh(controlPlane, "echo", 20);
    assert.deepEqual([...new Set(answers)].sort(), ["one", "two"]);
  });
});
