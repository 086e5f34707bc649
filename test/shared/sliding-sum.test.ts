import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { seededRandom } from "../../shared/random.ts";
import { SlidingSum } from "../../shared/sliding-sum.ts";

const SEEDS = 3_000;

/** Everything that was ever added, counted anew at each question. */
class NaiveSum {
  #added: { readonly bucket: number; readonly amount: number }[] = [];

  add(amount: number, windowMs: number, nowMs: number): void {
    this.#added.push({ bucket: Math.floor(nowMs / (windowMs / 10)), amount });
  }

  sum(windowMs: number, nowMs: number): number {
    const now = Math.floor(nowMs / (windowMs / 10));
    return this.#added.filter(({ bucket }) => bucket > now - 10).reduce((sum, { amount }) => sum + amount, 0);
  }
}

describe("a sum over a trailing window", () => {
  it("is that of everything in its ten buckets, at any pace", () => {
    for (let seed = 1; seed <= SEEDS; seed += 1) {
      const random = seededRandom(seed);
      const windowMs = 10 * (1 + random.below(3_000));
      const [sum, naive] = [new SlidingSum(), new NaiveSum()];
      let nowMs = random.below(1_000_000);
      for (let step = 0; step < 40; step += 1) {
        nowMs += random.unit() < 0.1 ? random.below(3 * windowMs) : random.below(windowMs / 5);
        const amount = 1 + random.below(9);
        if (random.unit() < 0.7) {
          sum.add(amount, windowMs, nowMs);
          naive.add(amount, windowMs, nowMs);
        }
        assert.equal(sum.sum(windowMs, nowMs), naive.sum(windowMs, nowMs), `seed ${seed}, step ${step}`);
      }
    }
  });

  it("forgets everything when the window gets another length, and when it is cleared", () => {
    const sum = new SlidingSum();
    sum.add(3, 1_000, 50);
    assert.equal(sum.sum(1_000, 60), 3);
    assert.equal(sum.sum(2_000, 60), 0);
    sum.add(2, 2_000, 70);
    sum.clear();
    assert.equal(sum.sum(2_000, 70), 0);
  });
});
