import assert from "node:assert/strict";
import { describe, it } from "node:test";

import type { RetryPolicy } from "../../../shared/model/route.ts";
import { retryPolicy } from "../../support/proxy-fixture.ts";
import { forward, onlyRoute } from "../../support/route-builders.ts";

function tryTime(timeoutMs: number | undefined, retry: RetryPolicy | undefined): readonly [number, boolean] {
  const { action } = onlyRoute({ action: { ...forward("c"), timeoutMs, retry } });
  assert.equal(action.kind, "forward");
  return [action.tryTimeoutMs, action.bindsLastTry];
}

describe("the time of one try", () => {
  it("is the operator's, for every try", () => {
    assert.deepEqual(tryTime(5_000, retryPolicy(2, { perTryTimeoutMs: 700 })), [700, true]);
    assert.deepEqual(tryTime(0, retryPolicy(2, { perTryTimeoutMs: 700 })), [700, true]);
  });

  it("is by default a share of the whole for each, and the last has what is left", () => {
    assert.deepEqual(tryTime(5_000, retryPolicy(2)), [1_667, false]);
    assert.deepEqual(tryTime(undefined, retryPolicy(1)), [7_500, false]);
  });

  it("is that of the request without retries, without a timeout, and when it would be no shorter", () => {
    assert.deepEqual(tryTime(5_000, undefined), [0, false]);
    assert.deepEqual(tryTime(5_000, retryPolicy(0)), [0, false]);
    assert.deepEqual(tryTime(0, retryPolicy(2)), [0, false]);
    assert.equal(tryTime(500, retryPolicy(2, { perTryTimeoutMs: 500 }))[0], 0);
  });
});
