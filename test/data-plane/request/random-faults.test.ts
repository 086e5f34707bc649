import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { WHEEL_TICK_MS } from "../../../shared/defaults.ts";
import { seededRandom } from "../../../shared/random.ts";
import { FaultyUpstream } from "../../support/faulty-upstream.ts";
import { Story } from "../../support/hasty-clients.ts";
import { BREAKER } from "../../support/policies.ts";
import { ProxyFixture, retryPolicy, scriptedUpstream, type FixtureOptions } from "../../support/proxy-fixture.ts";

const CLIENTS = 24;

/** Tight, so that every one of them refuses something, and hedges run beside tries. */
const PROTECTED: FixtureOptions = {
  retry: retryPolicy(2, { perTryTimeoutMs: WHEEL_TICK_MS, hedgeOnTryTimeout: true }),
  timeoutMs: 2_000,
  policies: {
    breaker: { ...BREAKER, consecutiveFailures: 4, recoveryMs: 20, recoveryMaxMs: 40, successes: 1 },
    retryBudget: { ratio: 0.1, minPerSec: 5, windowMs: 1_000 },
    adaptive: { concurrencyMin: 12, concurrencyMax: 50 },
    limits: { connections: 8, pending: 6, requests: 14, retries: 4 },
  },
};

const WORLDS: readonly (readonly [name: string, options: FixtureOptions])[] = [
  ["retries", { retry: retryPolicy(2), timeoutMs: 2_000 }],
  ["hedges, a breaker, a budget and limits", PROTECTED],
];

for (const [name, options] of WORLDS) {
  describe(`a proxy with ${name} between faulty upstreams and hasty clients`, () => {
    it("gives each request one outcome at most, and never the answer to another", async (t) => {
      const seed = Number(process.env["HEDDLE_SEED"] ?? Math.floor(Math.random() * 2 ** 31));
      t.diagnostic(`seed ${seed}`);
      const random = seededRandom(seed);
      const upstream = new FaultyUpstream(random);
      const ports = await Promise.all([0, 1, 2].map(() => scriptedUpstream(t, (socket) => upstream.serve(socket))));
      const proxy = await new ProxyFixture(ports, options).start(t);
      const story = new Story(random, proxy);
      const sent = (await Promise.all(Array.from({ length: CLIENTS }, () => story.client()))).flat();

      await proxy.until(() => proxy.listener.connections === 0, `all clients have left (seed ${seed})`);
      assert.equal(proxy.active, 0, `requests are still counted as active (seed ${seed})`);
      assert.equal(proxy.listener.inFlight, 0, `requests are still in flight (seed ${seed})`);
      const { requests, retries, pending, service } = proxy.clusterState;
      const underWay = [requests, retries, pending, service.adaptive].map(({ active }) => active);
      assert.deepEqual(underWay, [0, 0, 0, 0], `a permit was not given back (seed ${seed})`);
      for (const { pool } of proxy.endpoints) pool?.drain();
      assert.equal(proxy.clusterState.connections.active, 0, `connections are still counted (seed ${seed})`);
      assert.equal(proxy.upstreamConnections, 0, `connections are left (seed ${seed})`);
      assert.equal(proxy.wheel.size, 0, `deadlines are left (seed ${seed})`);

      const reported = new Map<string, number>();
      for (const { path } of proxy.sink.finished) reported.set(path, (reported.get(path) ?? 0) + 1);
      for (const { id, method } of sent) {
        const times = upstream.seen.get(id) ?? 0;
        if (method === "POST") assert.ok(times <= 1, `POST ${id} was seen ${times} times (seed ${seed})`);
        const reports = reported.get(`/${id}`) ?? 0;
        assert.ok(reports <= 1, `request ${id} was reported ${reports} times (seed ${seed})`);
        if (story.outcomes.has(id)) assert.equal(reports, 1, `request ${id} was not reported (seed ${seed})`);
      }
      assert.ok(
        story.answered > sent.length / 3,
        `only ${story.answered} of ${sent.length} were answered (seed ${seed})`,
      );
      assert.ok(story.cut > 0, `the faults had no effect (seed ${seed})`);
    });
  });
}
