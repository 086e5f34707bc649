import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { CircuitBreaker, REFUSED, type PlacedVerdict } from "../../../data-plane/policy/circuit-breaker.ts";
import { isFailure, type Verdict } from "../../../data-plane/policy/verdict.ts";
import { BREAKER_JITTER_RATIO } from "../../../shared/defaults.ts";
import type { BreakerPolicy } from "../../../shared/model/cluster-policy.ts";
import { seededRandom, type Random } from "../../../shared/random.ts";
import { BREAKER } from "../../support/policies.ts";

const SEEDS = 5_000;
/** The middle of the jitter: waits are exactly as long as the policy says. */
const MIDDLE = 0.5;

/** One attempt after the other, at one time. Returns the permits. */
function attempts(breaker: CircuitBreaker, verdicts: readonly Verdict[], nowMs: number, policy = BREAKER): number[] {
  return verdicts.map((verdict) => {
    const permit = breaker.admit(nowMs);
    if (permit !== REFUSED) breaker.report(policy, permit, { verdict, nowMs: nowMs }, MIDDLE);
    return permit;
  });
}

function times<T>(count: number, value: T): T[] {
  return Array.from({ length: count }, () => value);
}

describe("a circuit breaker", () => {
  it("opens on the 5th failure in a row, so that the 6th attempt is refused (C2, F0.5)", () => {
    const breaker = new CircuitBreaker();
    attempts(breaker, times(4, "gateway"), 0);
    assert.equal(breaker.state, "closed");
    const permits = attempts(breaker, ["local", "success"], 0);
    assert.equal(permits[1], REFUSED);
    assert.equal(breaker.state, "open");
    assert.equal(breaker.opens, 1);
    assert.equal(breaker.refusals, 1);
  });

  it("opens above the threshold of its window, not at it, and not before it holds enough results (C1, C2)", () => {
    const policy = { ...BREAKER, consecutiveFailures: 0 };
    const few = new CircuitBreaker();
    attempts(few, times(9, "error"), 0, policy);
    assert.equal(few.state, "closed", "9 samples decide nothing");
    attempts(few, ["error"], 0, policy);
    assert.equal(few.state, "open");

    const half = new CircuitBreaker();
    attempts(half, [...times<Verdict>(10, "success"), ...times<Verdict>(10, "error")], 0, policy);
    assert.equal(half.state, "closed", "exactly half");
    attempts(half, ["error"], 0, policy);
    assert.equal(half.state, "open");
  });

  it("does not take one endpoint that fails for the service, however often in a row", () => {
    const breaker = new CircuitBreaker();
    const policy = BREAKER;
    const fail = (endpoint: string): void => {
      breaker.report(policy, breaker.admit(0), { verdict: "local", nowMs: 0, endpoint, endpoints: 3 }, MIDDLE);
    };
    for (let n = 0; n < 20; n += 1) fail("a");
    fail("b");
    assert.equal(breaker.state, "closed", "the third may be well");
    fail("c");
    assert.equal(breaker.state, "open");
  });

  it("forgets what is older than its window", () => {
    const policy = { ...BREAKER, consecutiveFailures: 0 };
    const breaker = new CircuitBreaker();
    attempts(breaker, times(9, "error"), 0, policy);
    attempts(breaker, times(9, "error"), 30_000, policy);
    assert.equal(breaker.state, "closed");
    assert.deepEqual(breaker.counts(policy, 30_000), { results: 9, failures: 9 });
  });

  it("admits one probe at a time after its time, and closes after two (C1, C3)", () => {
    const breaker = new CircuitBreaker();
    attempts(breaker, times(5, "local"), 0);
    assert.equal(breaker.admit(29_999), REFUSED);
    const probe = breaker.admit(30_000);
    assert.notEqual(probe, REFUSED);
    assert.equal(breaker.state, "half-open");
    assert.equal(breaker.admit(30_001), REFUSED, "a second probe beside the first");
    breaker.report(BREAKER, probe, { verdict: "success", nowMs: 30_100 }, MIDDLE);
    assert.equal(breaker.state, "half-open");
    attempts(breaker, ["success"], 30_200);
    assert.equal(breaker.state, "closed");
    assert.deepEqual(breaker.counts(BREAKER, 30_200), { results: 0, failures: 0 });
    attempts(breaker, times(4, "local"), 30_300);
    assert.equal(breaker.state, "closed", "the row of failures begins anew");
  });

  it("waits twice as long after each failed probe, up to its maximum, and the first time again after it has closed", () => {
    const breaker = new CircuitBreaker();
    attempts(breaker, times(5, "local"), 0);
    let nowMs = 0;
    for (const waitMs of [30_000, 60_000, 120_000, 120_000]) {
      assert.equal(breaker.admit(nowMs + waitMs - 1), REFUSED, `${waitMs}`);
      nowMs += waitMs;
      attempts(breaker, ["error"], nowMs);
      assert.equal(breaker.state, "open");
    }
    attempts(breaker, ["success", "success"], nowMs + 120_000);
    assert.equal(breaker.state, "closed");
    attempts(breaker, times(5, "local"), nowMs + 120_000);
    assert.equal(breaker.probeAtMs, nowMs + 150_000);
  });

  it("lets no late result of an attempt that it admitted earlier close or re-open anything", () => {
    const breaker = new CircuitBreaker();
    const late = times(3, 0).map(() => breaker.admit(0));
    attempts(breaker, times(5, "local"), 0);
    breaker.report(BREAKER, late[0] ?? 0, { verdict: "success", nowMs: 10 }, MIDDLE);
    assert.equal(breaker.state, "open");
    const probe = breaker.admit(30_000);
    breaker.report(BREAKER, late[1] ?? 0, { verdict: "error", nowMs: 30_001 }, MIDDLE);
    assert.equal(breaker.state, "half-open");
    assert.equal(breaker.admit(30_002), REFUSED, "the late result frees no probe");
    breaker.report(BREAKER, probe, { verdict: "success", nowMs: 30_003 }, MIDDLE);
    breaker.report(BREAKER, late[2] ?? 0, { verdict: "success", nowMs: 30_004 }, MIDDLE);
    assert.equal(breaker.state, "half-open", "nor does it count as a success");
  });

  it("makes room for another probe when one comes back without a verdict", () => {
    for (const verdict of ["none", "rate-limited"] as const) {
      const breaker = new CircuitBreaker();
      attempts(breaker, times(5, "local"), 0);
      attempts(breaker, [verdict], 30_000);
      assert.equal(breaker.state, "half-open", verdict);
      attempts(breaker, ["success", "success"], 30_001);
      assert.equal(breaker.state, "closed", verdict);
    }
  });

  it("counts a 429 neither for nor against: it does not end a row of failures", () => {
    const breaker = new CircuitBreaker();
    attempts(breaker, ["error", "error", "rate-limited", "error", "error", "rate-limited"], 0);
    assert.equal(breaker.state, "closed");
    assert.deepEqual(breaker.counts(BREAKER, 0), { results: 4, failures: 4 });
    attempts(breaker, ["error"], 0);
    assert.equal(breaker.state, "open");
  });

  it("draws its time about the mean, so that a fleet does not probe together", () => {
    for (const [unit, share] of [
      [0, 1 - BREAKER_JITTER_RATIO],
      [0.999_999, 1 + BREAKER_JITTER_RATIO],
    ] as const) {
      const breaker = new CircuitBreaker();
      for (let n = 0; n < 5; n += 1) breaker.report(BREAKER, breaker.admit(0), { verdict: "error", nowMs: 0 }, unit);
      assert.ok(Math.abs(breaker.probeAtMs - 30_000 * share) < 1, `${breaker.probeAtMs}`);
    }
  });
});

/** The breaker as one would tell it, with every result it ever heard. */
class NaiveBreaker {
  state: "closed" | "open" | "half-open" = "closed";
  /** The attempts that still count, by their numbers. */
  admitted = new Set<number>();
  results: { readonly bucket: number; readonly failed: boolean }[] = [];
  /** Where the failures since the last success were. */
  row: string[] = [];
  goodProbes = 0;
  openForMs = 0;
  openedMs = 0;

  admits(nowMs: number): boolean {
    if (this.state === "closed") return true;
    if (this.state === "open") return nowMs >= this.openedMs + this.openForMs;
    return this.admitted.size === 0;
  }

  onAdmitted(attempt: number): void {
    if (this.state === "open") this.#enter("half-open");
    this.admitted.add(attempt);
  }

  onResult(policy: BreakerPolicy, attempt: number, result: Required<PlacedVerdict>): void {
    const { verdict, nowMs, endpoint, endpoints } = result;
    if (!this.admitted.delete(attempt) || verdict === "none" || verdict === "rate-limited") return;
    const failed = isFailure(verdict);
    if (this.state === "half-open") return this.#onProbe(policy, failed, nowMs);
    const bucketNow = Math.floor(nowMs / (policy.windowMs / 10));
    this.results.push({ bucket: bucketNow, failed });
    this.row = failed ? [...this.row, endpoint] : [];
    const recent = this.results.filter(({ bucket }) => bucket > bucketNow - 10);
    const failures = recent.filter((one) => one.failed).length;
    const { consecutiveFailures: long } = policy;
    const isWide = new Set(this.row).size >= Math.min(endpoints, long);
    const isRow = long > 0 && this.row.length >= long && isWide;
    const isEnough = recent.length >= policy.samplesMin && (failures < recent.length || isWide);
    const isShare = isEnough && (failures / recent.length) * 100 > policy.thresholdPercent;
    if (failed && (isRow || isShare)) this.#open(policy.recoveryMs, nowMs);
  }

  #onProbe(policy: BreakerPolicy, failed: boolean, nowMs: number): void {
    if (failed) return this.#open(Math.min(policy.recoveryMaxMs, this.openForMs * 2), nowMs);
    this.goodProbes += 1;
    if (this.goodProbes >= policy.successes) this.#enter("closed");
  }

  #open(openForMs: number, nowMs: number): void {
    this.#enter("open");
    this.openForMs = openForMs;
    this.openedMs = nowMs;
  }

  #enter(state: "closed" | "open" | "half-open"): void {
    this.state = state;
    this.admitted.clear();
    this.results = [];
    this.row = [];
    this.goodProbes = 0;
  }
}

const VERDICTS: readonly Verdict[] = ["success", "error", "gateway", "local", "rate-limited", "none"];

function randomPolicy(random: Random): BreakerPolicy {
  return {
    thresholdPercent: random.below(101),
    windowMs: 100 * (1 + random.below(50)),
    samplesMin: 1 + random.below(12),
    consecutiveFailures: random.below(6),
    recoveryMs: 1 + random.below(2_000),
    recoveryMaxMs: 2_000 + random.below(6_000),
    successes: 1 + random.below(3),
  };
}

function verdictBy(random: Random, badShare: number): Verdict {
  const other = VERDICTS[4 + random.below(2)];
  if (random.unit() < 0.15 && other !== undefined) return other;
  return random.unit() < badShare ? (VERDICTS[1 + random.below(3)] ?? "error") : "success";
}

describe("a circuit breaker in random worlds", () => {
  it("does what the naive one does, with attempts that overlap and end in any order", () => {
    const seen = new Set<string>();
    for (let seed = 1; seed <= SEEDS; seed += 1) {
      const random = seededRandom(seed);
      const policy = randomPolicy(random);
      const badShare = random.unit();
      const endpoints = 1 + random.below(4);
      const [breaker, naive] = [new CircuitBreaker(), new NaiveBreaker()];
      const flying: { readonly attempt: number; readonly permit: number }[] = [];
      let nowMs = random.below(100_000);
      for (let step = 0; step < 60; step += 1) {
        const where = `seed ${seed}, step ${step}`;
        nowMs += random.below(random.unit() < 0.1 ? 4_000 : 60);
        if (flying.length > 0 && random.unit() < 0.5) {
          const [ended] = flying.splice(random.below(flying.length), 1);
          assert.ok(ended !== undefined);
          const verdict = verdictBy(random, badShare);
          const result = { verdict, nowMs, endpoint: `e${random.below(endpoints)}`, endpoints };
          breaker.report(policy, ended.permit, result, MIDDLE);
          naive.onResult(policy, ended.attempt, result);
        } else {
          assert.equal(breaker.isRefusing(nowMs), !naive.admits(nowMs), where);
          const permit = breaker.admit(nowMs);
          assert.equal(permit !== REFUSED, naive.admits(nowMs), where);
          if (permit !== REFUSED) {
            naive.onAdmitted(step);
            flying.push({ attempt: step, permit });
          }
        }
        assert.equal(breaker.state, naive.state, where);
        seen.add(breaker.state);
        if (naive.state === "half-open") assert.ok(naive.admitted.size <= 1, `${where}: two probes`);
      }
    }
    assert.equal(seen.size, 3, "the worlds reach every state");
  });
});
