import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { NO_POLICIES } from "../../../shared/model/cluster-policy.ts";
import type { RateLimitPolicy } from "../../../shared/model/rate-limit.ts";
import { ask, eventually, openApp, type Answer } from "../../support/proxies.ts";
import { retryPolicy } from "../../support/proxy-fixture.ts";
import { killOthers, openFailingApp, snapshotTo, startWorkers, swap, toReviews } from "../../support/workers.ts";

describe("the policies of several workers", () => {
  it("open one circuit breaker for all of them", async (t) => {
    const app = await openApp(t, "one");
    const { workers, address } = await startWorkers(t, app);
    const breaker = {
      thresholdPercent: 100,
      windowMs: 30_000,
      samplesMin: 1_000,
      consecutiveFailures: 6,
      recoveryMs: 60_000,
      recoveryMaxMs: 60_000,
      successes: 1,
    };
    const failing = await openFailingApp(t);
    await swap(workers, snapshotTo(failing, { policies: { breaker } }), 2);
    let asked = 0;
    const first = async (): Promise<string> => {
      asked += 1;
      return String((await ask(address, toReviews)).headers["x-heddle-error"] ?? "");
    };
    await eventually(first, (error) => error === "circuit-open");
    assert.ok(asked > breaker.consecutiveFailures, `${asked} requests opened it`);
    // What the other worker met before it heard is over now: nobody gets through, whichever worker is met.
    await eventually(
      async () => [...new Set(await Promise.all(Array.from({ length: 20 }, first)))],
      (errors) => errors.length === 1 && errors[0] === "circuit-open",
    );
    // Each alone would have let as many through.
    assert.ok(failing.requests < 2 * breaker.consecutiveFailures, `${failing.requests} requests came through`);
    await swap(workers, snapshotTo(app), 3);
    assert.equal((await ask(address, toReviews)).status, 200, "without the policy nothing is refused");
  });

  it("are known to a worker that begins while a breaker is open", async (t) => {
    const failing = await openFailingApp(t);
    const { workers, address } = await startWorkers(t, failing);
    const breaker = {
      thresholdPercent: 100,
      windowMs: 30_000,
      samplesMin: 1_000,
      consecutiveFailures: 5,
      recoveryMs: 600_000,
      recoveryMaxMs: 600_000,
      successes: 1,
    };
    const protectedBy = snapshotTo(failing, { policies: { breaker } });
    await swap(workers, protectedBy, 2);
    const error = async (): Promise<unknown> => (await ask(address, toReviews)).headers["x-heddle-error"];
    await eventually(error, (name) => name === "circuit-open");
    await killOthers(workers, protectedBy);
    await swap(workers, snapshotTo(failing, { policies: { breaker } }), 4);
    await eventually(
      async () => workers.states,
      (states) => states.every(({ isServing }) => isServing),
    );
    const before = failing.requests;
    const errors = await Promise.all(Array.from({ length: 30 }, error));
    assert.deepEqual([...new Set(errors)], ["circuit-open"]);
    assert.equal(failing.requests, before);
  });

  it("eject an endpoint for all of them", async (t) => {
    const [app, failing] = [await openApp(t, "one"), await openFailingApp(t)];
    const outlier = {
      consecutive5xx: 6,
      consecutiveGateway: 0,
      intervalMs: 60_000,
      baseEjectionMs: 60_000,
      maxEjectionMs: 60_000,
      maxEjectionPercent: 50,
      successRateStdevFactor: 0,
      failurePercentage: 0,
      hostsMin: 5,
      volumeMin: 100,
    };
    const { workers, address } = await startWorkers(t, app);
    await swap(workers, snapshotTo([app, failing], { policies: { outlier } }), 2);
    let inRow = 0;
    await eventually(
      async () => (inRow = (await ask(address, toReviews)).status === 200 ? inRow + 1 : 0),
      (answered) => answered === 30,
    );
    // Each worker alone would have needed as many.
    const { consecutive5xx } = outlier;
    const { requests } = failing;
    assert.ok(requests >= consecutive5xx && requests < 2 * consecutive5xx, `${requests} failures ejected it`);
  });

  it("take from one bucket of a rate limit", async (t) => {
    const app = await openApp(t, "one");
    const { workers, address } = await startWorkers(t, app);
    const burst = 40;
    const rateLimit: RateLimitPolicy = {
      name: "reviews",
      requests: 1,
      perMs: 3_600_000,
      burst,
      by: { kind: "total" },
      scope: "local",
      failOpen: false,
    };
    await swap(workers, snapshotTo(app, { rateLimit }), 2);
    let admitted = 0;
    for (let asked = 0; asked < 3 * burst; asked += 1) {
      if ((await ask(address, toReviews)).status === 200) admitted += 1;
    }
    // Two buckets would admit twice as many; what is above one of them was admitted before the news of it came.
    assert.ok(admitted >= burst && admitted < 1.5 * burst, `${admitted} were admitted`);
  });

  it("admit as many requests at once as the cluster may have, not as many each", async (t) => {
    const app = await openApp(t, "one");
    const { workers, address } = await startWorkers(t, app);
    const limits = { ...NO_POLICIES.limits, requests: 5 };
    await swap(workers, snapshotTo(app, { policies: { limits } }), 2);
    app.hold();
    const asked: Promise<Answer>[] = [];
    // At the limit both workers may refuse one that had room: the next one has it.
    await eventually(
      async () => {
        asked.push(ask(address, toReviews), ask(address, toReviews));
        return app.held;
      },
      (held) => held === limits.requests,
    );
    const more = await Promise.all(Array.from({ length: 20 }, () => ask(address, toReviews)));
    assert.deepEqual([...new Set(more.map(({ headers }) => headers["x-heddle-error"]))], ["overflow"]);
    assert.equal(app.held, limits.requests);
    app.release();
    const statuses = (await Promise.all(asked)).map(({ status }) => status);
    assert.equal(statuses.filter((status) => status === 200).length, limits.requests);
    const after = await Promise.all(Array.from({ length: 4 }, async () => (await ask(address, toReviews)).status));
    assert.deepEqual(after, [200, 200, 200, 200], "everything was given back");
  });

  it("spend one retry budget", async (t) => {
    const app = await openFailingApp(t);
    const { workers, address } = await startWorkers(t, app);
    const retry = retryPolicy(1, { retryOn: ["5xx"], backoffBaseMs: 1, backoffMaxMs: 1 });
    // 10 retries in a window that does not end here.
    const retryBudget = { ratio: 0, minPerSec: 0.01, windowMs: 1_000_000 };
    await swap(workers, snapshotTo(app, { retry, policies: { retryBudget } }), 2);
    const requests = 60;
    for (let asked = 0; asked < requests; asked += 1) await ask(address, toReviews);
    const retries = app.requests - requests;
    // Each alone would have spent as many.
    assert.ok(retries >= 10 && retries < 16, `${retries} retries`);
  });
});
