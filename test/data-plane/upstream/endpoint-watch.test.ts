import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { healthCheckPolicy, outlierPolicy } from "../../support/cluster-policies.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import {
  answering,
  ProxyFixture,
  scriptedUpstream,
  turns,
  type Ends,
  type FixtureOptions,
} from "../../support/proxy-fixture.ts";

const GET = "GET / HTTP/1.1\r\nHost: reviews\r\n\r\n";

/** Endpoints that answer with the status that stands for them in `statuses`, which a test may change. */
async function proxyFor(t: Ends, statuses: number[], options: FixtureOptions = {}): Promise<ProxyFixture> {
  const ports: number[] = [];
  for (const index of statuses.keys()) {
    const script = answering(() => `HTTP/1.1 ${statuses[index]} X\r\ncontent-length: 0\r\n\r\n`);
    ports.push(await scriptedUpstream(t, script));
  }
  return new ProxyFixture(ports, {
    lb: { kind: "round-robin" },
    policies: { outlier: outlierPolicy() },
    clock: new ManualClock(),
    ...options,
  }).start(t);
}

/** Sends requests one after the other, and says how many each endpoint got. */
async function spread(proxy: ProxyFixture, requests: number): Promise<number[]> {
  const before = proxy.endpoints.map((endpoint) => endpoint.requests);
  const client = await proxy.connect();
  for (let n = 0; n < requests; n += 1) {
    client.write(GET);
    await client.response();
  }
  return proxy.endpoints.map((endpoint, index) => endpoint.requests - (before[index] ?? 0));
}

describe("one bad endpoint of three", () => {
  it("is ejected, the others get its requests, and it comes back", async (t) => {
    const statuses = [200, 500, 200];
    const proxy = await proxyFor(t, statuses);
    assert.deepEqual(await spread(proxy, 15), [5, 5, 5]);
    await proxy.pass(10);
    assert.deepEqual(await spread(proxy, 20), [10, 0, 10]);
    const [event] = proxy.logged;
    assert.deepEqual(
      [event?.["words"], event?.["endpoint"], event?.["reason"]],
      ["an endpoint is ejected", proxy.endpoints[1]?.key, "consecutive-5xx"],
    );
    statuses[1] = 200;
    await proxy.pass(41_000);
    assert.deepEqual(await spread(proxy, 15), [5, 5, 5]);
    assert.equal(proxy.logged.at(-1)?.["words"], "an ejected endpoint is back");
  });

  it("is ejected when it cannot be reached", async (t) => {
    const proxy = await proxyFor(t, [200, 200, 200]);
    const gone = proxy.endpoints[1];
    assert.ok(gone !== undefined);
    Object.assign(gone.address, { port: 1 });
    await spread(proxy, 15);
    await proxy.pass(10);
    assert.deepEqual(await spread(proxy, 20), [10, 0, 10]);
  });

  it("stays when its answers are 429", async (t) => {
    const proxy = await proxyFor(t, [200, 429, 200]);
    await spread(proxy, 60);
    await proxy.pass(10);
    assert.deepEqual(await spread(proxy, 15), [5, 5, 5]);
  });
});

describe("endpoints that all fail", () => {
  it("keep one that is used", async (t) => {
    const policies = { outlier: outlierPolicy({ maxEjectionPercent: 100 }) };
    const proxy = await proxyFor(t, [500, 500, 500], { policies, panicThresholdPercent: 0 });
    await spread(proxy, 30);
    await proxy.pass(10);
    await spread(proxy, 30);
    await proxy.pass(10);
    const used = (await spread(proxy, 12)).filter((requests) => requests > 0);
    assert.deepEqual(used, [12]);
  });

  it("are all used when fewer than the threshold are left, and that is said once", async (t) => {
    const policies = { outlier: outlierPolicy({ maxEjectionPercent: 100 }) };
    const statuses = [500, 500, 500];
    const proxy = await proxyFor(t, statuses, { policies });
    await spread(proxy, 30);
    await proxy.pass(10);
    assert.equal(proxy.cluster?.choice.isInPanic, true);
    assert.deepEqual(await spread(proxy, 12), [4, 4, 4]);
    const words = (): unknown[] =>
      proxy.logged.map((event) => event["words"]).filter((text) => /panic/.test(String(text)));
    assert.deepEqual(words(), ["panic: too few endpoints are usable, so all are used"]);
    statuses.fill(200);
    await proxy.pass(41_000);
    assert.equal(proxy.cluster.choice.isInPanic, false);
    assert.deepEqual(words().slice(1), ["the panic is over: enough endpoints are usable"]);
  });
});

describe("an endpoint that comes back", () => {
  it("gets its share little by little where the service starts slowly", async (t) => {
    const slowStart = { windowMs: 60_000, minWeightPercent: 10 };
    const statuses = [200, 500, 200];
    const proxy = await proxyFor(t, statuses, { policies: { outlier: outlierPolicy(), slowStart } });
    await spread(proxy, 15);
    statuses[1] = 200;
    const [watch] = proxy.watches.values();
    assert.ok(watch !== undefined);
    for (let waits = 0; waits < 500 && watch.startingCount === 0; waits += 1) await proxy.pass(100);
    const [, first = 0] = await spread(proxy, 210);
    assert.ok(first >= 9 && first <= 11, `${first} of 210 at a tenth of its weight`);
    await proxy.pass(30_000);
    const [, half = 0] = await spread(proxy, 250);
    assert.ok(half >= 45 && half <= 55, `${half} of 250 at half of its weight`);
    await proxy.pass(31_000);
    assert.deepEqual(await spread(proxy, 30), [10, 10, 10]);
    assert.equal(watch.startingCount, 0);
  });
});

describe("health checks by callers", () => {
  /** Endpoints whose answer to `/health` and to everything else a test may change. */
  async function checkedProxy(t: Ends, health: number[], options: FixtureOptions): Promise<ProxyFixture> {
    const ports: number[] = [];
    for (const index of health.keys()) {
      const script = answering((request) => {
        const isCheck = request.startsWith("GET /health ");
        return `HTTP/1.1 ${isCheck ? health[index] : 200} X\r\ncontent-length: 0\r\n\r\n`;
      });
      ports.push(await scriptedUpstream(t, script));
    }
    const clock = new ManualClock();
    return new ProxyFixture(ports, { lb: { kind: "round-robin" }, clock, ...options }).start(t);
  }

  /** Lets time pass in steps that leave room for checks. */
  async function passChecking(proxy: ProxyFixture, ms: number): Promise<void> {
    for (let passed = 0; passed < ms; passed += 1_000) {
      await proxy.pass(1_000);
      await turns(20);
    }
    await proxy.pass(10);
  }

  it("take out an endpoint after three that fail, and back after two that pass", async (t) => {
    const health = [200, 503, 200];
    const proxy = await checkedProxy(t, health, { policies: { healthCheck: healthCheckPolicy() } });
    assert.deepEqual(await spread(proxy, 6), [2, 2, 2]);
    await passChecking(proxy, 38_000);
    assert.deepEqual(await spread(proxy, 6), [3, 0, 3]);
    assert.deepEqual(
      proxy.logged.map((event) => [event["words"], event["detail"]]),
      [["an endpoint fails its health checks", "answered 503"]],
    );
    health[1] = 204;
    await passChecking(proxy, 26_000);
    assert.deepEqual(await spread(proxy, 6), [2, 2, 2]);
  });

  it("spare the last endpoint that passes them an ejection", async (t) => {
    const policies = { outlier: outlierPolicy(), healthCheck: healthCheckPolicy() };
    const proxy = await checkedProxy(t, [200, 503], { policies, panicThresholdPercent: 0 });
    await spread(proxy, 2);
    await passChecking(proxy, 38_000);
    const [watch] = proxy.watches.values();
    const [last] = proxy.endpoints;
    assert.ok(watch !== undefined && last !== undefined);
    for (let n = 0; n < 20; n += 1) watch.onResult(last, "error");
    await proxy.pass(10);
    assert.deepEqual(await spread(proxy, 4), [4, 0]);
  });

  it("leave a cluster alone that nobody uses", async (t) => {
    const proxy = await checkedProxy(t, [503, 503], { policies: { healthCheck: healthCheckPolicy() } });
    await passChecking(proxy, 50_000);
    assert.deepEqual(proxy.logged, []);
  });

  it("end an ejection at once, and ask nobody else where the endpoint's own proxy reports", async (t) => {
    const health = [503, 200, 503];
    const policies = { outlier: outlierPolicy(), healthCheck: healthCheckPolicy({ by: "proxy" }) };
    const proxy = await checkedProxy(t, health, { policies });
    await spread(proxy, 3);
    const [watch] = proxy.watches.values();
    const bad = proxy.endpoints[1];
    assert.ok(watch !== undefined && bad !== undefined);
    for (let n = 0; n < 5; n += 1) watch.onResult(bad, "error");
    await proxy.pass(10);
    assert.equal(watch.ejectedCount, 1);
    assert.deepEqual(await spread(proxy, 6), [3, 0, 3]);
    await passChecking(proxy, 11_000);
    assert.equal(watch.ejectedCount, 0);
    assert.equal(proxy.logged.at(-1)?.["reason"], "health-check");
    assert.deepEqual(await spread(proxy, 6), [2, 2, 2]);
  });

  it("ask everybody once no control plane has passed reports on for a while", async (t) => {
    const policies = { healthCheck: healthCheckPolicy({ by: "proxy" }) };
    const proxy = await checkedProxy(t, [200, 503, 200], { policies });
    proxy.watches.onControlPlane(false);
    await passChecking(proxy, 29_000);
    await spread(proxy, 3);
    await passChecking(proxy, 40_000);
    assert.deepEqual(await spread(proxy, 6), [3, 0, 3]);
    proxy.watches.onControlPlane(true);
    assert.deepEqual(await spread(proxy, 6), [2, 2, 2], "the reports count again");
  });
});
