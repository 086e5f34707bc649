import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { retryAfterMs } from "../../../data-plane/request/retry-after.ts";

const NOW = Date.UTC(2026, 0, 2, 3, 4, 5);

describe("Retry-After", () => {
  it("is read as seconds or as a date", () => {
    assert.equal(retryAfterMs(["a", "1", "retry-after", "120"], NOW), 120_000);
    assert.equal(retryAfterMs(["retry-after", "Fri, 02 Jan 2026 03:04:15 GMT"], NOW), 10_000);
    assert.equal(retryAfterMs(["retry-after", "Fri, 02 Jan 2026 03:04:00 GMT"], NOW), 0);
  });

  it("is nothing when it is absent or makes no sense", () => {
    for (const value of ["soon", "-1", "1.5s", "", "9".repeat(30), "never GMT"]) {
      assert.equal(retryAfterMs(["retry-after", value], NOW), -1, value);
    }
    assert.equal(retryAfterMs(["a", "retry-after"], NOW), -1);
  });
});
