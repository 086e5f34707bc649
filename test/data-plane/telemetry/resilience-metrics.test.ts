import assert from "node:assert/strict";
import { describe, it } from "node:test";

import type { ClusterRuntime } from "../../../data-plane/runtime/runtime.ts";
import { prometheusText } from "../../../data-plane/telemetry/prometheus-text.ts";
import { resilienceFamilies } from "../../../data-plane/telemetry/resilience-metrics.ts";
import { RESILIENT } from "../../support/policies.ts";
import { clusterRuntime } from "../../support/route-builders.ts";

function textOf(clusters: readonly ClusterRuntime[]): string {
  const runtime = {
    revision: 1,
    listeners: new Map(),
    clusters: new Map(clusters.map((cluster) => [cluster.name, cluster])),
    rateLimits: [],
  };
  return prometheusText(resilienceFamilies(runtime, 0));
}

describe("the metrics of breakers, budgets and limits", () => {
  it("have a series for each service or cluster that has them, subsets of a service counted once", () => {
    const web: ClusterRuntime = { ...clusterRuntime("web"), policies: RESILIENT };
    const subset: ClusterRuntime = { ...web, name: "web/v1", version: "v1" };
    const text = textOf([web, subset, clusterRuntime("plain")]);
    assert.equal(text.match(/^heddle_circuit_breaker_state\{/gm)?.length, 1);
    assert.match(text, /^heddle_circuit_breaker_state\{service="web"\} 0$/m);
    assert.match(text, /^heddle_retry_budget_balance\{service="web"\} 30$/m);
    assert.match(text, /^heddle_concurrency_active\{cluster="web",limit="requests"\} 0$/m);
    assert.match(text, /^heddle_adaptive_limit\{service="web"\} 3$/m);
    assert.doesNotMatch(text, /plain/);
  });

  it("tell an open breaker, what it refused, why retries were not made, and what had no room", () => {
    const web: ClusterRuntime = { ...clusterRuntime("web"), policies: RESILIENT };
    const { breaker, retryRefusals } = web.state.service;
    for (let n = 0; n < 5; n += 1) {
      breaker.report(RESILIENT.breaker ?? assert.fail(), breaker.admit(0), { verdict: "local", nowMs: 0 }, 0.5);
    }
    breaker.admit(0);
    retryRefusals.count("retry-budget");
    web.state.requests.acquire(0);
    const text = textOf([web]);
    assert.match(text, /^heddle_circuit_breaker_state\{service="web"\} 2$/m);
    assert.match(text, /^heddle_circuit_breaker_opens_total\{service="web"\} 1$/m);
    assert.match(text, /^heddle_circuit_breaker_refused_total\{service="web"\} 1$/m);
    assert.match(text, /^heddle_retries_refused_total\{service="web",reason="retry-budget"\} 1$/m);
    assert.match(text, /^heddle_concurrency_overflows_total\{cluster="web",limit="requests"\} 1$/m);
  });

  it("tell what became of copies, of clusters that got any", () => {
    const shadow = clusterRuntime("shadow");
    Object.assign(shadow.state.mirrors, { answered: 3, failed: 1, dropped: 2 });
    const text = textOf([shadow, clusterRuntime("plain")]);
    for (const [result, count] of Object.entries({ answered: 3, failed: 1, dropped: 2 })) {
      assert.match(text, new RegExp(`^heddle_mirrored_total\\{cluster="shadow",result="${result}"\\} ${count}$`, "m"));
    }
    assert.doesNotMatch(text, /plain/);
  });
});
