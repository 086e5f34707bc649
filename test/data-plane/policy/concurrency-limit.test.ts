import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { ConcurrencyLimit } from "../../../data-plane/policy/concurrency-limit.ts";
import { seededRandom } from "../../../shared/random.ts";

const SEEDS = 2_000;

describe("a concurrency limit", () => {
  it("never takes more than its bound, counts what had no room, and returns to 0", () => {
    for (let seed = 1; seed <= SEEDS; seed += 1) {
      const random = seededRandom(seed);
      const limit = new ConcurrencyLimit();
      let [active, overflows] = [0, 0];
      let max: number | undefined = random.below(6);
      for (let step = 0; step < 50; step += 1) {
        if (random.unit() < 0.05) max = random.unit() < 0.3 ? undefined : random.below(6);
        if (active > 0 && random.unit() < 0.45) {
          limit.release();
          active -= 1;
        } else {
          const hasRoom: boolean = max === undefined || active < max;
          assert.equal(limit.acquire(max), hasRoom, `seed ${seed}, step ${step}`);
          if (hasRoom) active += 1;
          else overflows += 1;
        }
        assert.deepEqual([limit.active, limit.overflows], [active, overflows], `seed ${seed}, step ${step}`);
      }
      for (; active > 0; active -= 1) limit.release();
      assert.equal(limit.active, 0);
    }
  });

  it("is told off for giving back what was not taken", () => {
    assert.throws(() => new ConcurrencyLimit().release());
  });
});
