import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { policyGaps } from "../../../control-plane/catalog/policy-gaps.ts";
import { policy } from "../../support/catalog-rows.ts";

function gaps(columns: Readonly<Record<string, unknown>>): readonly string[] {
  return policyGaps(policy("a", columns)).map(({ text, mend }) => `${text} -> ${mend}`);
}

describe("a policy that turns off what protects", () => {
  it("is not one of defaults", () => {
    assert.deepEqual(gaps({}), []);
  });

  it("has a budget that bounds nothing, unless there is nothing to bound", () => {
    assert.deepEqual(gaps({ retry_budget_percent: 100 }), [
      "retry_budget_percent 100 bounds nothing: 3 tries at each of 3 hops may become 27 requests for one -> heddle policy set a --unset retry_budget_percent",
    ]);
    assert.deepEqual(gaps({ retry_budget_percent: 99 }), []);
    assert.deepEqual(gaps({ retry_budget_percent: 100, retry_attempts: 1 }), []);
  });

  it("has tries that are never made", () => {
    assert.match(
      gaps({ retry_budget_percent: 0, retry_budget_min_per_sec: 0 }).join(),
      /^no retry is ever made of the 3/,
    );
    assert.match(gaps({ max_retries: 0 }).join(), /max_retries is 0 -> heddle policy set a --unset max_retries$/);
    assert.deepEqual(gaps({ retry_budget_percent: 0 }), []);
    assert.deepEqual(gaps({ retry_budget_percent: 0, retry_budget_min_per_sec: 0, retry_attempts: 1 }), []);
  });

  it("has a breaker that never opens, in either dimension", () => {
    assert.match(gaps({ cb_threshold: 100, cb_consecutive_failures: 0 }).join(), /^its circuit breaker never opens/);
    assert.deepEqual(gaps({ cb_threshold: 100 }), []);
    assert.deepEqual(gaps({ cb_consecutive_failures: 0 }), []);
  });

  it("takes out no endpoint that fails, or all but one", () => {
    assert.match(gaps({ outlier_consecutive_5xx: 0 }).join(), /^nothing takes out an endpoint that fails/);
    assert.match(gaps({ outlier_max_ejection_percent: 0 }).join(), /^nothing takes out an endpoint that fails/);
    assert.deepEqual(gaps({ outlier_consecutive_5xx: 0, health_check: "proxy" }), []);
    assert.deepEqual(gaps({ outlier_consecutive_5xx: 0, outlier_failure_percentage: 85 }), []);
    assert.match(gaps({ outlier_max_ejection_percent: 100 }).join(), /leaves all of the load to one endpoint/);
    assert.deepEqual(gaps({ outlier_max_ejection_percent: 99 }), []);
  });

  it("has a burst that is no limit", () => {
    const limit = { rate_limit_requests: 5, rate_limit_unit: "minute" };
    assert.deepEqual(gaps({ ...limit, rate_limit_burst: 51 }), [
      "rate_limit_burst 51 lets through at once what rate_limit_requests 5 gives in 10 minutes -> heddle policy set a --unset rate_limit_burst",
    ]);
    assert.deepEqual(gaps({ ...limit, rate_limit_burst: 50 }), []);
    assert.deepEqual(gaps(limit), []);
  });
});
