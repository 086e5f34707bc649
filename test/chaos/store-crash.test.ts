import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { runStoreCrash } from "./store-crash.ts";

describe("a control plane killed with kill -9 in a write storm", () => {
  it("loses no acknowledged write in 25 cycles, and keeps none in part", async () => {
    const seed = 20_261_121;
    const verdict = await runStoreCrash(25, seed);
    assert.deepEqual(verdict.failures, [], `seed ${seed}`);
    assert.ok(verdict.acknowledged >= 25, `only ${verdict.acknowledged} commits were acknowledged`);
  });
});
