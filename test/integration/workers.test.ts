import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { credentials } from "@grpc/grpc-js";

import type { ClustersJson, ReadyJson } from "../../data-plane/admin/admin-json.ts";
import type { Proxy } from "../../data-plane/app.ts";
import type { ControlPlane } from "../../control-plane/app.ts";
import { formatAddress } from "../../shared/address.ts";
import {
  MeshClient,
  WaitForRevisionRequest,
  type DeepPartial,
  type Resource,
  type WaitForRevisionResponse,
} from "../../shared/wire/admin-api.ts";
import { applyBundle, openControlPlane } from "../support/control-plane.ts";
import { ask, eventually, openApp, openProxy, type Answer } from "../support/proxies.ts";

const toReviews = { headers: { host: "reviews" } };

function split(v1Weight: number, v2Weight: number): DeepPartial<Resource> {
  const value = { sourceService: "web", destinationService: "reviews", v1Weight, v2Weight };
  return { kind: { $case: "trafficSplit", value } };
}

/** As `heddle apply --wait` does it. */
async function applyAndWait(controlPlane: ControlPlane, resources: DeepPartial<Resource>[]): Promise<void> {
  const revision = await applyBundle(controlPlane, { resources });
  const client = new MeshClient(formatAddress(controlPlane.admin), credentials.createInsecure());
  const request = WaitForRevisionRequest.fromPartial({ revision, timeout: { seconds: 60n } });
  const { waiting } = await new Promise<WaitForRevisionResponse>((settle, fail) => {
    client.waitForRevision(request, (error, response) => (error === null ? settle(response) : fail(error)));
  });
  client.close();
  assert.deepEqual(waiting, []);
}

describe("a proxy with two workers", () => {
  it("is one proxy to the mesh and to its operator, and acknowledges what both of them use", async (t) => {
    const controlPlane = await openControlPlane(t);
    const apps = [await openApp(t, "v1"), await openApp(t, "v2")];
    const endpoints = apps.map(({ host, port }, index) => ({
      kind: {
        $case: "serviceEndpoint" as const,
        value: { serviceName: "reviews", podIp: host, port, version: `v${index + 1}` },
      },
    }));
    await applyBundle(controlPlane, { resources: [...endpoints, split(100, 0)] });
    const proxy = await openProxy(t, { service: "web", controlPlanes: [controlPlane.xds], workers: 2 });
    await proxy.serving;
    const { outbound, admin } = proxy.addresses;
    for (const [v1, v2, version] of [
      [0, 100, "v2"],
      [100, 0, "v1"],
      [0, 100, "v2"],
    ] as const) {
      await applyAndWait(controlPlane, [split(v1, v2)]);
      const answers = await Promise.all(Array.from({ length: 16 }, () => ask(outbound, toReviews)));
      assert.deepEqual([...new Set(answers.map(({ body }) => body))], [version]);
    }

    const ready: ReadyJson = JSON.parse((await ask(admin, { path: "/ready" })).body);
    assert.deepEqual([ready.state, ready.workers], ["ready", { all: 2, serving: 2 }]);
    const { clusters }: ClustersJson = JSON.parse((await ask(admin, { path: "/clusters" })).body);
    const sent = apps.map(({ host, port }) => {
      const all = clusters.flatMap((cluster) => cluster.endpoints);
      return all.find(({ address }) => address === formatAddress({ host, port }))?.requests;
    });
    assert.deepEqual(sent, [16, 32]);
    const metrics = (await ask(admin, { path: "/metrics" })).body;
    assert.match(metrics, /heddle_worker_requests_total\{worker="0"\} [1-9]/);
    assert.match(metrics, /heddle_worker_requests_total\{worker="1"\} [1-9]/);

    await proxy.drain();
    await assert.rejects(ask(outbound, toReviews), { code: "ECONNREFUSED" });
  });

  it("loses no request when it drains and stops under load, in none of its workers", async (t) => {
    const controlPlane = await openControlPlane(t);
    const open = async (name: string): Promise<Proxy> => {
      const { host, port } = await openApp(t, name, 20);
      const app = { host, port };
      return openProxy(t, { service: "reviews", version: "v1", app, controlPlanes: [controlPlane.xds], workers: 2 });
    };
    const leaving = await open("leaving");
    await open("staying");
    await applyBundle(controlPlane, {
      resources: [{ kind: { $case: "servicePolicy", value: { serviceName: "reviews" } } }],
    });
    const web = await openProxy(t, { service: "web", controlPlanes: [controlPlane.xds], workers: 2 });
    await web.serving;
    const post = (): Promise<Answer> => ask(web.addresses.outbound, { method: "POST", ...toReviews });
    const seen = new Set<string>();
    await eventually(post, ({ status, body }) => status === 200 && seen.add(body).size === 2);

    const answers: Answer[] = [];
    const load = { isOn: true };
    const loads = Array.from({ length: 8 }, async () => {
      while (load.isOn) {
        const answer = await post();
        // What a machine busy with other tests makes a proxy refuse is not lost.
        if (answer.headers["x-heddle-error"] !== "load-shed") answers.push(answer);
      }
    });
    await leaving.drain();
    await leaving.stop();
    const before = answers.length;
    await eventually(
      async () => answers.length,
      (count) => count >= before + 40,
    );
    load.isOn = false;
    await Promise.all(loads);
    assert.deepEqual(
      answers.filter(({ status }) => status !== 200),
      [],
    );
    assert.ok(answers.slice(before + 8).every(({ body }) => body === "staying"));
  });
});
