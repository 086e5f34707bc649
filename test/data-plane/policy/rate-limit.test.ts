import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { ADMITTED, LocalRateLimit } from "../../../data-plane/policy/rate-limit.ts";
import { seededRandom } from "../../../shared/random.ts";

const RATE = { tokensPerMs: 0.01, burst: 2 };

describe("a local rate limit", () => {
  it("limits the noisy client, and nobody else", () => {
    const limit = new LocalRateLimit();
    const noisy = [1, 2, 3, 4].map(() => limit.admit("noisy", RATE, 0));
    assert.deepEqual(noisy, [ADMITTED, ADMITTED, 100, 100]);
    assert.equal(limit.admit("quiet", RATE, 0), ADMITTED);
    assert.deepEqual([limit.allowed, limit.limited, limit.keys], [3, 2, 2]);
  });

  it("forgets nobody who has something to answer for, however many keys are made up", () => {
    const limit = new LocalRateLimit(100);
    for (let count = 0; count < 2; count += 1) assert.equal(limit.admit("noisy", RATE, 0), ADMITTED);
    let passed = 0;
    for (let count = 0; count < 10_000; count += 1)
      if (limit.admit(`made-up-${count}`, RATE, 1) === ADMITTED) passed += 1;
    assert.equal(limit.keys, 100);
    // 99 of them found room, and all others share one bucket.
    assert.equal(passed, 99 + RATE.burst);
    assert.notEqual(limit.admit("noisy", RATE, 1), ADMITTED);
    assert.equal(limit.admit("made-up-7", RATE, 1), ADMITTED, "one that is known has its own");
  });

  it("finds room again when the made-up keys have been quiet", () => {
    const limit = new LocalRateLimit(100);
    for (let count = 0; count < 200; count += 1) limit.admit(`made-up-${count}`, RATE, 0);
    for (let count = 0; count < 50; count += 1) {
      assert.equal(limit.admit(`late-${count}`, RATE, 1_000), ADMITTED);
      assert.equal(limit.admit(`late-${count}`, RATE, 1_000), ADMITTED);
    }
    assert.equal(limit.keys, 100);
  });

  it("gives each client what a bucket of its own would, and all together no more than there is room for", () => {
    for (let seed = 0; seed < 300; seed += 1) {
      const random = seededRandom(seed);
      const keysMax = 1 + random.below(8);
      const roomy = new LocalRateLimit(16);
      const bounded = new LocalRateLimit(keysMax);
      const naive = new Map<string, { tokens: number; atMs: number }>();
      let nowMs = 0;
      for (let step = 0; step < 300; step += 1) {
        nowMs += random.below(40);
        const key = `client-${random.below(16)}`;
        // In hundredths of a token, which is what one millisecond brings.
        const own = naive.get(key) ?? { tokens: RATE.burst * 100, atMs: nowMs };
        own.tokens = Math.min(RATE.burst * 100, own.tokens + (nowMs - own.atMs));
        own.atMs = nowMs;
        naive.set(key, own);
        const isDue = own.tokens >= 100;
        if (isDue) own.tokens -= 100;
        assert.equal(roomy.admit(key, RATE, nowMs) === ADMITTED, isDue, `seed ${seed}, step ${step}`);
        bounded.admit(key, RATE, nowMs);
        assert.ok(bounded.keys <= keysMax, `seed ${seed}`);
        const due = (keysMax + 1) * (RATE.burst + nowMs * RATE.tokensPerMs);
        assert.ok(bounded.allowed <= due + 1e-6, `seed ${seed}, step ${step}: ${bounded.allowed} of ${due}`);
      }
    }
  });
});
