import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { outlierPolicy } from "../../support/cluster-policies.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import {
  answering,
  ProxyFixture,
  scriptedUpstream,
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
