import assert from "node:assert/strict";
import { createServer } from "node:net";
import { once } from "node:events";
import type { TestContext } from "node:test";

import { credentials } from "@grpc/grpc-js";

import { startControlPlane, type ControlPlane } from "../../control-plane/app.ts";
import type { ControlPlaneConfig } from "../../control-plane/config.ts";
import { formatAddress } from "../../shared/address.ts";
import { ApplyBundleRequest, MeshClient, type DeepPartial } from "../../shared/wire/admin-api.ts";

const anyPort = { host: "127.0.0.1", port: 0 };

/** A whole control plane on free ports. Stopped when the test ends, unless it was stopped before. */
export async function openControlPlane(
  t: TestContext,
  config: Partial<ControlPlaneConfig> = {},
): Promise<ControlPlane> {
  const started = await startControlPlane({
    db: ":memory:",
    xds: anyPort,
    admin: anyPort,
    metrics: undefined,
    readyFile: undefined,
    logLevel: "silent",
    ...config,
  });
  assert.ok(started.ok, started.ok ? "" : started.error);
  const { value } = started;
  t.after(() => value.stop());
  return value;
}

/** Applies resources through the admin API, all in one revision. */
export async function applyBundle(
  controlPlane: ControlPlane,
  bundle: DeepPartial<ApplyBundleRequest>,
): Promise<bigint> {
  const client = new MeshClient(formatAddress(controlPlane.admin), credentials.createInsecure());
  try {
    return await new Promise((resolve, reject) => {
      client.applyBundle(ApplyBundleRequest.fromPartial(bundle), (error, result) => {
        if (error === null) resolve(result.revision);
        else reject(error);
      });
    });
  } finally {
    client.close();
  }
}

/** A port that was free a moment ago, for a program that cannot be asked to choose one itself. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  assert.ok(typeof address === "object" && address !== null);
  server.close();
  await once(server, "close");
  return address.port;
}
