import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { RetryBudget } from "../../../data-plane/policy/retry-budget.ts";
import type { RetryBudgetPolicy } from "../../../shared/model/cluster-policy.ts";
import { seededRandom, type Random } from "../../../shared/random.ts";

const SEEDS = 3_000;
const POLICY: RetryBudgetPolicy = { ratio: 0.2, minPerSec: 3, windowMs: 10_000 };

/** As many retries as it grants, up to `most`. */
function granted(budget: RetryBudget, most: number, nowMs: number, policy = POLICY): number {
  let count = 0;
  while (count < most && budget.withdraw(policy, nowMs)) count += 1;
  return count;
}

function deposit(budget: RetryBudget, count: number, nowMs: number, policy = POLICY): void {
  for (let n = 0; n < count; n += 1) budget.deposit(policy, nowMs);
}

describe("a retry budget", () => {
  it("grants its minimum to a service without traffic, and no more", () => {
    const budget = new RetryBudget();
    assert.equal(granted(budget, 100, 0), 30);
    assert.equal(budget.refusals, 1);
    assert.equal(granted(budget, 100, 9_000), 0);
    assert.equal(granted(budget, 100, 10_000), 30, "a window later");
  });

  it("grants one retry for five requests above that", () => {
    const budget = new RetryBudget();
    deposit(budget, 1_000, 0);
    assert.equal(granted(budget, 1_000, 0), 230);
    assert.ok(budget.balance(POLICY, 0) < 1);
  });

  it("grants nothing with a ratio and a minimum of 0", () => {
    const policy = { ...POLICY, ratio: 0, minPerSec: 0 };
    const budget = new RetryBudget();
    deposit(budget, 100, 0, policy);
    assert.equal(granted(budget, 1, 0, policy), 0);
  });

  it("saves nothing up: what a window earned is gone with it", () => {
    const budget = new RetryBudget();
    deposit(budget, 10_000, 0);
    assert.equal(granted(budget, 5_000, 10_000), 30);
  });
});

interface Told {
  readonly bucket: number;
  readonly isRetry: boolean;
}

/** The balance, counted anew from everything that was ever told. */
function naiveBalance(told: readonly Told[], { ratio, minPerSec, windowMs }: RetryBudgetPolicy, nowMs: number): number {
  const oldest = Math.floor(nowMs / (windowMs / 10)) - 9;
  const recent = told.filter(({ bucket }) => bucket >= oldest);
  const retries = recent.filter(({ isRetry }) => isRetry).length;
  return ratio * (recent.length - retries) + (minPerSec * windowMs) / 1_000 - retries;
}

function randomPolicy(random: Random): RetryBudgetPolicy {
  return { ratio: random.below(11) / 10, minPerSec: random.below(4), windowMs: 1_000 * (1 + random.below(10)) };
}

describe("a retry budget in random worlds", () => {
  it("has the balance of the naive one, and keeps the load below its share of any window", () => {
    for (let seed = 1; seed <= SEEDS; seed += 1) {
      const random = seededRandom(seed);
      const policy = randomPolicy(random);
      const bucketMs = policy.windowMs / 10;
      const budget = new RetryBudget();
      const told: Told[] = [];
      let nowMs = random.below(1_000_000);
      for (let step = 0; step < 60; step += 1) {
        nowMs += random.below(random.unit() < 0.05 ? 2 * policy.windowMs : policy.windowMs / 10);
        const bucket = Math.floor(nowMs / bucketMs);
        const isRetry = random.unit() < 0.5;
        const expected = naiveBalance(told, policy, nowMs);
        assert.ok(Math.abs(budget.balance(policy, nowMs) - expected) < 1e-6, `seed ${seed}, step ${step}`);
        if (!isRetry) budget.deposit(policy, nowMs);
        else if (!budget.withdraw(policy, nowMs)) continue;
        told.push({ bucket, isRetry });
        // Whatever came before: a retry was only granted while the window around it had earned it.
        if (isRetry) assert.ok(naiveBalance(told, policy, nowMs) >= -1e-6, `seed ${seed}, step ${step}: overdrawn`);
      }
    }
  });
});
