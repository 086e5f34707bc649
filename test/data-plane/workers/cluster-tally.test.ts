import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { clusterTallies, sumOfCluster } from "../../../data-plane/workers/cluster-tally.ts";
import type { ClusterRuntime, Runtime } from "../../../data-plane/runtime/runtime.ts";
import { RESILIENT } from "../../support/policies.ts";
import { clusterRuntime } from "../../support/route-builders.ts";

const NOW = 1_000_000;

/** What one worker knows: `web` has policies, `plain` has none. */
function worker(change: (web: ClusterRuntime) => void = () => undefined): Runtime {
  const web: ClusterRuntime = { ...clusterRuntime("web"), policies: RESILIENT };
  change(web);
  return {
    revision: 1,
    listeners: new Map(),
    clusters: new Map([
      ["web", web],
      ["plain", clusterRuntime("plain")],
    ]),
    rateLimits: [],
  };
}

function fail({ state }: ClusterRuntime, times: number): void {
  const { breaker } = state.service;
  for (let n = 0; n < times; n += 1) {
    breaker.report(RESILIENT.breaker ?? assert.fail(), breaker.admit(NOW), { verdict: "error", nowMs: NOW }, 0.5);
  }
}

describe("how the policies of a cluster stand", () => {
  it("is told for clusters that have any", () => {
    const tallies = clusterTallies(worker(), NOW);
    assert.deepEqual([...tallies.keys()], ["web"]);
    assert.equal(sumOfCluster("plain", [tallies]), null);
    const web = sumOfCluster("web", [tallies]);
    assert.equal(web?.breaker?.state, "closed");
    assert.deepEqual(web.retryBudget, { balance: 30, refused: 0 });
    assert.deepEqual(web.limits.requests, { active: 0, max: 100, overflows: 0 });
    assert.deepEqual(web.limits.pending, { active: 0, max: null, overflows: 0 });
  });

  it("is that of all workers: the strictest breaker and budget, the sum of what is under way", () => {
    const calm = worker(({ state }) => {
      state.requests.acquire(undefined);
      state.service.breaker.refusals = 1;
    });
    const open = worker((web) => {
      fail(web, 5);
      web.state.requests.acquire(undefined);
      web.state.service.breaker.admit(NOW);
    });
    const tallies = [calm, open, calm].map((runtime) => clusterTallies(runtime, NOW + 10_000));
    const web = sumOfCluster("web", tallies);
    assert.deepEqual(web?.breaker, {
      state: "open",
      opens: 1,
      refused: 3,
      failuresInRow: 5,
      probeInMs: 20_000,
      results: 5,
      failures: 5,
    });
    assert.equal(web.limits.requests.active, 3);
    assert.equal(web.retryBudget?.balance, 30);
    assert.deepEqual(web.adaptive, { active: 0, limit: 9, leastMs: 0, refused: 0 });
  });
});
