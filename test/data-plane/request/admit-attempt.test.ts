import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { REFUSED } from "../../../data-plane/policy/circuit-breaker.ts";
import { admitAttempt, giveBack, leaveCluster, OVERFLOW } from "../../../data-plane/request/admit-attempt.ts";
import type { RequestContext } from "../../../data-plane/request/request-context.ts";
import type { ClusterRuntime } from "../../../data-plane/runtime/runtime.ts";
import { NO_POLICIES, type ClusterPolicies } from "../../../shared/model/cluster-policy.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { BREAKER } from "../../support/policies.ts";
import { clusterRuntime } from "../../support/route-builders.ts";

const clock = new ManualClock();
// Of a request the step reads the clock alone.
const request = { services: { clock } } as unknown as RequestContext;

/** A cluster whose breaker waits for its probe. */
function probing(policies: Partial<ClusterPolicies>): ClusterRuntime {
  const cluster = { ...clusterRuntime("reviews"), policies: { ...NO_POLICIES, breaker: BREAKER, ...policies } };
  const { breaker } = cluster.state.service;
  for (let n = 0; n < 5; n += 1) {
    breaker.report(BREAKER, breaker.admit(0), { verdict: "error", nowMs: clock.now - 2 * BREAKER.recoveryMs }, 0.5);
  }
  assert.equal(breaker.state, "open");
  return cluster;
}

describe("an attempt that is not admitted", () => {
  it("by a limit of requests leaves the probe of the breaker to another one", () => {
    const limits = { ...NO_POLICIES.limits, requests: 1 };
    const cluster = probing({ limits });
    cluster.state.requests.acquire(1);
    assert.equal(admitAttempt(request, cluster), OVERFLOW);
    cluster.state.requests.release();
    assert.ok(admitAttempt(request, cluster) > 0, "the probe");
    assert.equal(admitAttempt(request, cluster), REFUSED, "one at a time");
    assert.equal(cluster.state.requests.active, 1);
  });

  it("by the limit that follows the latency gives everything back as well", () => {
    const cluster = probing({ adaptive: { concurrencyMin: 1, concurrencyMax: 1 } });
    const { adaptive } = cluster.state.service;
    adaptive.acquire({ concurrencyMin: 1, concurrencyMax: 1 });
    assert.equal(admitAttempt(request, cluster), OVERFLOW);
    assert.deepEqual([cluster.state.requests.active, adaptive.active], [0, 1]);
    adaptive.release();
    assert.ok(admitAttempt(request, cluster) > 0);
  });

  it("or is admitted and not made, is given back whole", () => {
    const cluster = probing({ adaptive: { concurrencyMin: 1, concurrencyMax: 1 } });
    for (let n = 0; n < 3; n += 1) {
      const permit = admitAttempt(request, cluster);
      assert.ok(permit > 0, `probe ${n}`);
      giveBack(cluster, permit);
    }
    assert.deepEqual([cluster.state.requests.active, cluster.state.service.adaptive.active], [0, 0]);
  });
});

describe("an attempt at a service without policies", () => {
  it("is always admitted, and counted", () => {
    const cluster = clusterRuntime("plain");
    for (let n = 0; n < 3; n += 1) assert.equal(admitAttempt(request, cluster), 0);
    assert.equal(cluster.state.requests.active, 3);
    for (let n = 0; n < 3; n += 1) leaveCluster(cluster);
    assert.equal(cluster.state.requests.active, 0);
  });
});
