import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { SlowStart } from "../../../data-plane/policy/slow-start.ts";
import { seededRandom } from "../../../shared/random.ts";

const POLICY = { windowMs: 10_000, minWeightPercent: 10 };

function shares(starting: SlowStart, nowMs: number, keys: string): number[] {
  return [...keys].map((key) => starting.shareOf(key, nowMs));
}

describe("slow start", () => {
  it("leaves the first endpoints of a cluster alone", () => {
    const starting = new SlowStart();
    starting.follow(POLICY, new Set(), 0);
    starting.follow(POLICY, new Set("ab"), 100);
    assert.deepEqual([shares(starting, 100, "ab"), starting.nextWakeMs(100)], [[1, 1], Infinity]);
  });

  it("gives a newcomer a tenth, then what of the window has passed, then everything", () => {
    const starting = new SlowStart();
    starting.follow(POLICY, new Set("ab"), 0);
    starting.follow(POLICY, new Set("abc"), 5_000);
    assert.deepEqual(shares(starting, 5_000, "abc"), [1, 1, 0.1]);
    const seen: number[] = [];
    let nowMs = 5_000;
    for (nowMs = starting.nextWakeMs(nowMs); nowMs < Infinity; nowMs = starting.nextWakeMs(nowMs)) {
      starting.follow(POLICY, new Set("abc"), nowMs);
      seen.push(Math.round(100 * starting.shareOf("c", nowMs)));
    }
    assert.deepEqual(seen, [10, 20, 30, 40, 50, 60, 70, 80, 90, 100]);
    assert.equal(starting.startingCount, 0);
  });

  it("begins anew for one that was away", () => {
    const starting = new SlowStart();
    starting.follow(POLICY, new Set("abc"), 0);
    starting.follow(POLICY, new Set("ab"), 1_000);
    starting.follow(POLICY, new Set("abc"), 2_000);
    assert.deepEqual(shares(starting, 7_000, "abc"), [1, 1, 0.5]);
    starting.follow(POLICY, new Set("ab"), 7_000);
    starting.follow(POLICY, new Set("abc"), 8_000);
    assert.deepEqual(shares(starting, 8_000, "abc"), [1, 1, 0.1]);
  });

  it("ends for all when the policy goes, and does not begin with those that are there when it comes", () => {
    const starting = new SlowStart();
    starting.follow(POLICY, new Set("a"), 0);
    starting.follow(POLICY, new Set("ab"), 0);
    starting.follow(undefined, new Set("ab"), 10);
    assert.deepEqual([shares(starting, 10, "ab"), starting.nextWakeMs(10)], [[1, 1], Infinity]);
    starting.follow(POLICY, new Set("ab"), 20);
    assert.deepEqual(shares(starting, 20, "ab"), [1, 1]);
  });

  it("never falls while an endpoint stays, and is whole after the window, in random lives", () => {
    for (let seed = 0; seed < 2_000; seed += 1) {
      const random = seededRandom(seed);
      const policy = { windowMs: 1 + random.below(20_000), minWeightPercent: 1 + random.below(100) };
      const starting = new SlowStart();
      let usable = new Set<string>();
      const sinceMs = new Map<string, number>();
      let nowMs = 0;
      for (let step = 0; step < 40; step += 1) {
        nowMs = random.unit() < 0.5 ? nowMs + random.below(5_000) : Math.min(starting.nextWakeMs(nowMs), nowMs + 9_999);
        const next = random.unit() < 0.3 ? new Set([..."abcd"].filter(() => random.unit() < 0.7)) : usable;
        for (const key of next) if (!usable.has(key)) sinceMs.set(key, usable.size === 0 ? -Infinity : nowMs);
        usable = next;
        starting.follow(policy, usable, nowMs);
        for (const key of usable) {
          const passed = (nowMs - (sinceMs.get(key) ?? nowMs)) / policy.windowMs;
          const expected = Math.min(1, Math.max(policy.minWeightPercent / 100, passed));
          assert.equal(starting.shareOf(key, nowMs), expected, `seed ${seed}, step ${step}, ${key}`);
        }
        assert.ok(starting.nextWakeMs(nowMs) > nowMs, `seed ${seed}, step ${step}`);
      }
    }
  });
});
