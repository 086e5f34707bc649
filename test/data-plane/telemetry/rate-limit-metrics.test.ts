import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { compileRateLimit } from "../../../data-plane/router/route-limit.ts";
import { emptyRuntime } from "../../../data-plane/runtime/apply.ts";
import { RateLimits } from "../../../data-plane/runtime/rate-limits.ts";
import { prometheusText } from "../../../data-plane/telemetry/prometheus-text.ts";
import { rateLimitFamilies } from "../../../data-plane/telemetry/rate-limit-metrics.ts";
import type { RateLimitPolicy } from "../../../shared/model/rate-limit.ts";

const POLICY: RateLimitPolicy = {
  name: "reviews",
  requests: 1,
  perMs: 1_000,
  burst: 1,
  by: { kind: "client" },
  scope: "local",
  failOpen: true,
};

describe("the metrics of limits", () => {
  it("are one series for each limit, whoever its clients are", () => {
    const shared = { ...POLICY, name: "ratings", scope: "global" as const };
    const limits = [POLICY, { ...POLICY, by: { kind: "total" as const } }, shared].map((policy) =>
      compileRateLimit(policy, "", []),
    );
    const rateLimits = new RateLimits();
    rateLimits.reconcile({ ...emptyRuntime, rateLimits: limits });
    for (const limit of limits) {
      for (const client of ["a", "b", "b"]) rateLimits.of(limit).admit(client, limit.rate, 0);
    }
    const lines = prometheusText(rateLimitFamilies(rateLimits)).split("\n");
    for (const line of [
      'heddle_rate_limit_allowed_total{policy="reviews"} 4',
      'heddle_rate_limit_limited_total{policy="reviews"} 2',
      'heddle_rate_limit_allowed_total{policy="ratings"} 2',
      'heddle_rate_limit_owed{policy="ratings"} 2',
      'heddle_rate_limit_lease_failures_total{policy="ratings"} 0',
      'heddle_rate_limit_alone{policy="ratings"} 0',
    ]) {
      assert.ok(lines.includes(line), `${line} is not in ${lines.join("\n")}`);
    }
    assert.ok(!lines.some((line) => line.startsWith('heddle_rate_limit_held{policy="reviews"}')));
  });
});
