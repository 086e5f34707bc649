import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";

import type { ControlPlane } from "../../control-plane/app.ts";
import type { ConfigDumpJson, RateLimitJson } from "../../data-plane/admin/admin-json.ts";
import type { Proxy } from "../../data-plane/app.ts";
import { applyBundle, openControlPlane } from "../support/control-plane.ts";
import { ask, eventually, openApp, openProxy } from "../support/proxies.ts";

// The whole mesh in one process. In an hour comes a token or two: what passes here was there at first.

const toReviews = { headers: { host: "reviews" } };

async function limit(controlPlane: ControlPlane, rateLimitRequests: number, rateLimitScope: string): Promise<void> {
  const value = { serviceName: "reviews", rateLimitRequests, rateLimitUnit: "hour", rateLimitScope };
  await applyBundle(controlPlane, { resources: [{ kind: { $case: "servicePolicy", value } }] });
}

async function caller(t: TestContext, controlPlane: ControlPlane, service: string): Promise<Proxy> {
  const proxy = await openProxy(t, { service, controlPlanes: [controlPlane.xds] });
  await proxy.serving;
  return proxy;
}

async function instance(t: TestContext, controlPlane: ControlPlane, name: string): Promise<Proxy> {
  const app = await openApp(t, name);
  const proxy = await openProxy(t, { service: "reviews", name, app, controlPlanes: [controlPlane.xds] });
  await proxy.serving;
  return proxy;
}

async function limitOf(proxy: Proxy): Promise<RateLimitJson | undefined> {
  const { body } = await ask(proxy.addresses.admin, { path: "/config_dump" });
  const dump: ConfigDumpJson = JSON.parse(body);
  return dump.rateLimits[0];
}

async function answered(proxy: Proxy): Promise<void> {
  await eventually(
    async () => (await ask(proxy.addresses.outbound, toReviews)).status,
    (status) => status === 200,
  );
}

describe("a noisy caller", () => {
  it("is told to wait by the proxy of the service, and the others see nothing", async (t) => {
    const controlPlane = await openControlPlane(t);
    const reviews = await instance(t, controlPlane, "reviews-1");
    const [noisy, quiet] = [await caller(t, controlPlane, "noisy"), await caller(t, controlPlane, "quiet")];
    await Promise.all([answered(noisy), answered(quiet)]);
    await limit(controlPlane, 3, "local");
    await eventually(
      () => limitOf(reviews),
      (known) => known !== undefined,
    );
    const statuses: number[] = [];
    for (let count = 0; count < 8; count += 1) {
      // An app cannot pass itself off as another caller: its proxy says who calls.
      const headers = { ...toReviews.headers, "x-heddle-source": `other-${count}` };
      statuses.push((await ask(noisy.addresses.outbound, { headers })).status);
    }
    assert.deepEqual(statuses, [200, 200, 200, 429, 429, 429, 429, 429]);
    const refused = await ask(noisy.addresses.outbound, toReviews);
    assert.equal(refused.headers["x-heddle-error"], "rate-limited");
    assert.ok(Number(refused.headers["retry-after"]) > 0);
    assert.equal(refused.headers["ratelimit-policy"], '"reviews";q=3;w=3600');
    for (let count = 0; count < 3; count += 1) {
      assert.equal((await ask(quiet.addresses.outbound, toReviews)).status, 200);
    }
    const known = await limitOf(reviews);
    assert.deepEqual([known?.allowed, known?.limited, known?.keys, known?.shared], [6, 6, 2, null]);
    const { body } = await ask(reviews.addresses.admin, { path: "/metrics" });
    assert.match(body, /^heddle_rate_limit_limited_total\{policy="reviews"\} 6$/m);
    assert.match(body, /^heddle_requests_total\{.*source="noisy".*code="429",flag="RL"\} 6$/m);
  });

  it("meets one limit in all instances of the service, and a share of it when the control plane is gone", async (t) => {
    const controlPlane = await openControlPlane(t);
    const instances = [await instance(t, controlPlane, "reviews-1"), await instance(t, controlPlane, "reviews-2")];
    const noisy = await caller(t, controlPlane, "noisy");
    await answered(noisy);
    await limit(controlPlane, 30, "global");
    for (const proxy of instances) {
      await eventually(
        () => limitOf(proxy),
        (known) => known?.shared?.proxies === instances.length,
      );
    }
    let passed = 0;
    const call = async (): Promise<number> => {
      const { status } = await ask(noisy.addresses.outbound, toReviews);
      if (status === 200) passed += 1;
      return status;
    };
    await eventually(call, (status) => status === 429);
    await eventually(
      async () =>
        (await Promise.all(instances.map(limitOf))).every((known) => known?.shared?.coordinator === "present"),
      (arePresent) => arePresent,
    );
    // Each may have let pass its half of the burst on credit, and one of them may still hold what the other would need.
    const owed = async (): Promise<number> =>
      (await Promise.all(instances.map(limitOf))).reduce((sum, known) => sum + (known?.shared?.owed ?? 0), 0);
    assert.ok(passed <= 30 + (await owed()), `${passed} passed`);

    await controlPlane.stop();
    for (let count = 0; count < 20; count += 1) assert.ok([200, 429].includes(await call()));
    await eventually(
      async () => (
        await call(),
        (await Promise.all(instances.map(limitOf))).map((known) => known?.shared?.coordinator)
      ),
      (coordinators) => coordinators.every((coordinator) => coordinator === "gone"),
    );
    assert.ok(passed <= 30 + instances.length * 15, `${passed} passed`);
  });
});
