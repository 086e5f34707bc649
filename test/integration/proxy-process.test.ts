import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";

import type { ReadyFile } from "../../data-plane/ready-file.ts";
import { formatAddress, parseAddress, type Address } from "../../shared/address.ts";
import { packageRoot } from "../../shared/package-root.ts";
import { applyBundle, openControlPlane } from "../support/control-plane.ts";
import { ask, eventually, openApp } from "../support/proxies.ts";
import { tempFolder } from "../support/temp-folder.ts";

interface Started {
  readonly child: ChildProcess;
  readonly ready: ReadyFile;
  readonly outbound: Address;
}

/** The real program, as an operator's service manager starts it. Settles when its ready file is there. */
async function start(t: TestContext, folder: string, controlPlane: Address): Promise<Started> {
  const readyFile = join(folder, "ready.json");
  rmSync(readyFile, { force: true });
  const child = spawn(process.execPath, [join(packageRoot, "data-plane", "main.ts")], {
    stdio: ["ignore", "ignore", "inherit"],
    env: {
      ...process.env,
      HEDDLE_SERVICE: "web",
      HEDDLE_CONTROL_PLANE: formatAddress(controlPlane),
      HEDDLE_OUTBOUND: "0",
      HEDDLE_ADMIN: "0",
      HEDDLE_STATE: folder,
      HEDDLE_READY_FILE: readyFile,
      HEDDLE_LOG_LEVEL: "fatal",
    },
  });
  t.after(() => child.kill("SIGKILL"));
  await eventually(
    async () => existsSync(readyFile),
    (exists) => exists,
  );
  const ready: ReadyFile = JSON.parse(readFileSync(readyFile, "utf8"));
  const outbound = parseAddress(ready.outbound);
  assert.ok(outbound.ok);
  return { child, ready, outbound: outbound.value };
}

async function exitOf(child: ChildProcess): Promise<number | null> {
  if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
  return child.exitCode;
}

describe("the proxy's process", () => {
  it("starts from disk after a kill -9, finishes requests on SIGTERM, and ends at once on the second", async (t) => {
    const folder = tempFolder(t);
    const app = await openApp(t, "app");
    const controlPlane = await openControlPlane(t);
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
    const toReviews = { headers: { host: "reviews" } };

    const first = await start(t, folder, controlPlane.xds);
    assert.equal(first.ready.source, "stream");
    assert.equal((await ask(first.outbound, toReviews)).body, "app");
    await eventually(
      async () => existsSync(join(folder, "snapshot")),
      (exists) => exists,
    );
    await controlPlane.stop();
    first.child.kill("SIGKILL");
    await exitOf(first.child);

    const beforeMs = performance.now();
    const second = await start(t, folder, controlPlane.xds);
    t.diagnostic(`from start to ready file, control plane dead: ${Math.round(performance.now() - beforeMs)} ms`);
    assert.deepEqual([second.ready.source, second.ready.name], ["disk", first.ready.name]);
    app.hold();
    const onItsWay = ask(second.outbound, toReviews);
    await eventually(
      async () => app.held,
      (held) => held === 1,
    );
    second.child.kill("SIGTERM");
    await eventually(
      () => stateOf(second.ready),
      (state) => state === "draining",
    );
    app.release();
    assert.equal((await onItsWay).body, "app");
    assert.equal(await exitOf(second.child), 0);

    const third = await start(t, folder, controlPlane.xds);
    app.hold();
    const lost = ask(third.outbound, toReviews).catch((error: unknown) => error);
    await eventually(
      async () => app.held,
      (held) => held === 1,
    );
    third.child.kill("SIGTERM");
    await eventually(
      () => stateOf(third.ready),
      (state) => state === "draining",
    );
    third.child.kill("SIGTERM");
    assert.equal(await exitOf(third.child), 143);
    assert.ok((await lost) instanceof Error);
  });
});

async function stateOf({ admin }: ReadyFile): Promise<string> {
  const address = parseAddress(admin);
  assert.ok(address.ok);
  const { state }: { state: string } = JSON.parse((await ask(address.value, { path: "/ready" })).body);
  return state;
}
