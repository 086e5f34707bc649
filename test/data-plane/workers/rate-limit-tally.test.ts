import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { SharedRateLimit } from "../../../data-plane/policy/shared-rate-limit.ts";
import { compileRateLimit } from "../../../data-plane/router/route-limit.ts";
import { emptyRuntime } from "../../../data-plane/runtime/apply.ts";
import { RateLimits } from "../../../data-plane/runtime/rate-limits.ts";
import { rateLimitTallies, sumOfRateLimits } from "../../../data-plane/workers/rate-limit-tally.ts";
import type { RateLimitPolicy } from "../../../shared/model/rate-limit.ts";

const POLICY: RateLimitPolicy = {
  name: "reviews",
  requests: 1,
  perMs: 1_000,
  burst: 1,
  by: { kind: "client" },
  scope: "global",
  failOpen: true,
};

describe("the limits of several workers", () => {
  it("are one each, with the numbers of all, and alone when one of them is", () => {
    const limit = compileRateLimit(POLICY, "", []);
    const workers = [new RateLimits(2), new RateLimits(2)];
    for (const [index, rateLimits] of workers.entries()) {
      rateLimits.reconcile({ ...emptyRuntime, rateLimits: [limit] });
      const state = rateLimits.of(limit);
      for (const client of ["a", "a", "b"]) state.admit(client, limit.rate, 0);
      assert.ok(state instanceof SharedRateLimit);
      if (index === 1) state.onFailed(0);
    }
    assert.deepEqual(
      [[workers[0]], [workers[1]], workers].map((some) =>
        sumOfRateLimits(some.filter((one) => one !== undefined).map(rateLimitTallies)).map(
          ({ shared }) => shared?.coordinator,
        ),
      ),
      [["unknown"], ["gone"], ["gone"]],
    );
    const shared = { coordinator: "gone", proxies: 2, held: 0, owed: 4, leased: 0, failures: 1 };
    assert.deepEqual(sumOfRateLimits(workers.map(rateLimitTallies)), [
      { policy: POLICY, allowed: 4, limited: 2, keys: 2, shared },
    ]);
  });
});
