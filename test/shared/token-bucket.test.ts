import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { seededRandom } from "../../shared/random.ts";
import { TokenBucket } from "../../shared/token-bucket.ts";

const TEN_A_SECOND = { tokensPerMs: 0.01, burst: 5 };

describe("a token bucket", () => {
  it("starts full and refuses when it is empty", () => {
    const bucket = new TokenBucket(TEN_A_SECOND, 0);
    assert.deepEqual(
      [1, 2, 3, 4, 5, 6].map(() => bucket.take(1, 0)),
      [true, true, true, true, true, false],
    );
  });

  it("gives the next token exactly when it said", () => {
    const bucket = new TokenBucket({ tokensPerMs: 3 / 1_000, burst: 3 }, 0);
    assert.ok(bucket.take(3, 0));
    const waitMs = bucket.waitMs(1, 0);
    assert.ok(Math.abs(waitMs - 1_000 / 3) < 1e-6, String(waitMs));
    assert.equal(bucket.take(1, waitMs - 1), false);
    assert.equal(bucket.take(1, waitMs), true);
  });

  it("says when more is asked than it ever holds", () => {
    assert.equal(new TokenBucket(TEN_A_SECOND, 0).waitMs(6, 0), Infinity);
  });

  it("gives a part of what is asked, in whole tokens", () => {
    const bucket = new TokenBucket(TEN_A_SECOND, 0);
    assert.equal(bucket.takeUpTo(3, 0), 3);
    assert.equal(bucket.takeUpTo(9, 50), 2);
    assert.equal(bucket.takeUpTo(9, 99), 0);
    assert.equal(bucket.takeUpTo(9, 100), 1);
  });

  it("keeps no more than its size of what is given back", () => {
    const bucket = new TokenBucket(TEN_A_SECOND, 0);
    assert.equal(bucket.takeUpTo(2, 0), 2);
    bucket.giveBack(9, 0);
    assert.equal(bucket.remaining(0), 5);
    assert.ok(bucket.isSpare(0));
  });

  it("follows a new rate, and loses what is above a smaller size", () => {
    const bucket = new TokenBucket(TEN_A_SECOND, 0);
    bucket.rate = { tokensPerMs: 0.001, burst: 2 };
    assert.equal(bucket.remaining(0), 2);
    assert.ok(bucket.take(2, 0));
    assert.equal(bucket.waitMs(1, 0), 1_000);
  });

  it("fills nothing while the clock stands or runs backwards", () => {
    const bucket = new TokenBucket(TEN_A_SECOND, 1_000);
    assert.ok(bucket.take(5, 1_000));
    assert.equal(bucket.take(1, 1_000), false);
    assert.equal(bucket.take(1, 0), false);
    assert.equal(bucket.take(1, 1_099), false);
    assert.equal(bucket.take(1, 1_100), true);
  });

  it("equals a bucket that is counted in fractions of a token, and never lets out more than burst + rate x t", () => {
    for (let seed = 0; seed < 2_000; seed += 1) {
      const random = seededRandom(seed);
      // Whole numbers: one token is `perTokenMs` units, so the naive bucket is exact.
      const perTokenMs = 1 + random.below(500);
      const burst = 1 + random.below(20);
      const bucket = new TokenBucket({ tokensPerMs: 1 / perTokenMs, burst }, 0);
      const taken: { atMs: number; count: number }[] = [];
      let units = burst * perTokenMs;
      let nowMs = 0;
      for (let step = 0; step < 60; step += 1) {
        const passedMs = random.below(3) === 0 ? random.below(perTokenMs * 4) : random.below(20);
        nowMs += passedMs;
        units = Math.min(burst * perTokenMs, units + passedMs);
        const count = 1 + random.below(3);
        const fits = units >= count * perTokenMs;
        if (fits) units -= count * perTokenMs;
        assert.equal(bucket.take(count, nowMs), fits, `seed ${seed}, step ${step}`);
        if (fits) taken.push({ atMs: nowMs, count });
        assert.equal(bucket.remaining(nowMs), Math.floor(units / perTokenMs), `seed ${seed}, step ${step}`);
      }
      for (const [from, first] of taken.entries()) {
        let sum = 0;
        for (const { atMs, count } of taken.slice(from)) {
          sum += count;
          const allowed = burst + (atMs - first.atMs) / perTokenMs;
          assert.ok(sum <= allowed + 1e-6, `seed ${seed}: ${sum} tokens where ${allowed} were due`);
        }
      }
    }
  });
});
