import assert from "node:assert/strict";
import { describe, it } from "node:test";

import type { RetryPolicy } from "../../../shared/model/route.ts";
import { retryPolicy } from "../../support/proxy-fixture.ts";
import { forward, onlyRoute } from "../../support/route-builders.ts";

function tryTime(timeoutMs: number | undefined, retry: RetryPolicy | undefined): number {
  const { action } = onlyRoute({ action: { ...forward("c"), timeoutMs, retry } });
  assert.equal(action.kind, "forward");
  return action.tryTimeoutMs;
}

describe("the time of one try", () => {
  it("is what the operator says, also for a request without a limit of its own", () => {
    assert.equal(tryTime(5_000, retryPolicy(2, { perTryTimeoutMs: 700 })), 700);
    assert.equal(tryTime(0, retryPolicy(2, { perTryTimeoutMs: 700 })), 700);
  });

  it("is that of the request when nobody said, and when it would be no shorter", () => {
    assert.equal(tryTime(5_000, undefined), 0);
    assert.equal(tryTime(5_000, retryPolicy(2)), 0);
    assert.equal(tryTime(500, retryPolicy(2, { perTryTimeoutMs: 500 })), 0);
  });
});
