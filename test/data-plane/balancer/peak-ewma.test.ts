import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { PeakEwmaPicker, peakRttMs, recordRtt } from "../../../data-plane/balancer/peak-ewma.ts";
import type { EndpointState } from "../../../data-plane/runtime/endpoint-state.ts";
import type { Verdict } from "../../../data-plane/policy/verdict.ts";
import { seededRandom } from "../../../shared/random.ts";
import { countPicks, member, membersOf } from "../../support/member-builders.ts";

const OPTIONS = { decayMs: 10_000, defaultRttMs: 30 };

function near(actual: number, expected: number): void {
  assert.ok(Math.abs(actual - expected) < 1e-6 * Math.max(1, expected), `${actual} is not ${expected}`);
}

function record(state: EndpointState, verdict: Verdict, latencyMs: number, nowMs: number, askedMs?: number): void {
  recordRtt(state, { verdict, latencyMs, nowMs }, askedMs, OPTIONS);
}

describe("the peak of response times", () => {
  it("is the default before an answer, and the first answer after it", () => {
    const { state } = member(1);
    assert.equal(peakRttMs(state, 99_999, OPTIONS), 30);
    record(state, "success", 4, 1_000);
    assert.equal(peakRttMs(state, 1_000, OPTIONS), 4);
  });

  it("jumps to a slower answer, and comes down little by little with faster ones", () => {
    const { state } = member(1);
    record(state, "success", 10, 0);
    record(state, "success", 200, 1_000);
    assert.equal(peakRttMs(state, 1_000, OPTIONS), 200);
    record(state, "success", 10, 2_000);
    const kept = Math.exp(-0.1);
    near(peakRttMs(state, 2_000, OPTIONS), 200 * kept + 10 * (1 - kept));
  });

  it("decays without answers, to a third in the time constant", () => {
    const { state } = member(1);
    record(state, "success", 300, 0);
    near(peakRttMs(state, 10_000, OPTIONS), 300 / Math.E);
  });

  it("is 5 s after a failure or a 429, however soon it came", () => {
    for (const verdict of ["error", "gateway", "local", "rate-limited"] as const) {
      const { state } = member(1);
      record(state, verdict, 1, 0);
      assert.equal(peakRttMs(state, 0, OPTIONS), 5_000);
    }
  });

  it("is what a failing endpoint asks for, up to 300 s", () => {
    for (const [askedMs, peakMs] of [
      [60_000, 60_000],
      [1_000, 1_000],
      [900_000, 300_000],
    ] as const) {
      const { state } = member(1);
      record(state, "rate-limited", 1, 0, askedMs);
      assert.equal(peakRttMs(state, 0, OPTIONS), peakMs);
    }
  });

  it("hears of a request that was given up only when it took longer than expected", () => {
    const { state } = member(1);
    record(state, "none", 3, 0);
    assert.equal(peakRttMs(state, 0, OPTIONS), 30);
    record(state, "none", 700, 0);
    assert.equal(peakRttMs(state, 0, OPTIONS), 700);
    record(state, "none", 3, 10);
    near(peakRttMs(state, 10, OPTIONS), 700 * Math.exp(-0.001));
  });

  it("never leaves the range of what came, and never rises without a slower answer, in random lives", () => {
    for (let seed = 0; seed < 2_000; seed += 1) {
      const random = seededRandom(seed);
      const { state } = member(1);
      let nowMs = 0;
      let most = 0;
      for (let step = 0; step < 50; step += 1) {
        nowMs += random.below(5_000);
        const before = peakRttMs(state, nowMs, OPTIONS);
        const latencyMs = random.below(1_000);
        most = Math.max(most, latencyMs);
        record(state, "success", latencyMs, nowMs);
        const after = peakRttMs(state, nowMs, OPTIONS);
        assert.ok(after >= 0 && after <= most + 1e-9, `seed ${seed}, step ${step}: ${after} of at most ${most}`);
        assert.ok(latencyMs <= before || after === latencyMs, `seed ${seed}, step ${step}: no jump`);
      }
    }
  });
});

describe("the peak-ewma picker", () => {
  it("sends a slow endpoint of three nearly nothing, and nothing is lost when all are equal", () => {
    const members = membersOf([1, 1, 1]);
    const [a, b, c] = members.map(({ state }) => state);
    assert.ok(a !== undefined && b !== undefined && c !== undefined);
    for (const [state, latencyMs] of [
      [a, 10],
      [b, 400],
      [c, 10],
    ] as const) {
      record(state, "success", latencyMs, 0);
    }
    const picker = new PeakEwmaPicker(members, OPTIONS);
    const [toA = 0, toB, toC = 0] = countPicks(picker, members, 3_000, seededRandom(1));
    assert.equal(toB, 0);
    assert.ok(Math.abs(toA - toC) < 300, `${toA} ${toC}`);
  });

  it("weighs a wait in line against a slow answer", () => {
    const members = membersOf([1, 1]);
    const [fast, slow] = members.map(({ state }) => state);
    assert.ok(fast !== undefined && slow !== undefined);
    record(fast, "success", 10, 0);
    record(slow, "success", 35, 0);
    const picker = new PeakEwmaPicker(members, OPTIONS);
    const picks: string[] = [];
    for (let n = 0; n < 5; n += 1) {
      const picked = picker.pick(-1, seededRandom(n), 0);
      picked?.countActive(1);
      picks.push(picked === fast ? "fast" : "slow");
    }
    assert.deepEqual(picks, ["fast", "fast", "fast", "slow", "fast"]);
  });

  it("tries one that had failed again once that is long enough ago", () => {
    const members = membersOf([1, 1]);
    const [good, failed] = members.map(({ state }) => state);
    assert.ok(good !== undefined && failed !== undefined);
    const picker = new PeakEwmaPicker(members, OPTIONS);
    record(failed, "error", 1, 0);
    const picksAt = (nowMs: number): Set<EndpointState | undefined> => {
      record(good, "success", 10, nowMs);
      return new Set(Array.from({ length: 50 }, (_, n) => picker.pick(-1, seededRandom(n), nowMs)));
    };
    assert.deepEqual(picksAt(1_000), new Set([good]));
    assert.ok(picksAt(70_000).has(failed));
  });
});
