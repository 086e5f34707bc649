import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { OutlierDetector, type OutlierEvent, type Watched } from "../../../data-plane/policy/outlier-detector.ts";
import { isFailure, type Verdict } from "../../../data-plane/policy/verdict.ts";
import type { OutlierPolicy } from "../../../shared/model/cluster-policy.ts";
import { seededRandom, type Random } from "../../../shared/random.ts";
import { outlierPolicy } from "../../support/cluster-policies.ts";

/** Remembers everything and works each answer out from the beginning. */
class NaiveModel {
  readonly policy: OutlierPolicy;
  watched: readonly Watched[] = [];
  /** Results since the endpoint appeared, was ejected or came back. */
  readonly histories = new Map<string, Verdict[]>();
  readonly ejected = new Set<string>();

  constructor(policy: OutlierPolicy) {
    this.policy = policy;
  }

  follow(watched: readonly Watched[]): void {
    this.watched = watched;
    for (const key of [...this.histories.keys(), ...this.ejected]) {
      if (watched.some((one) => one.key === key)) continue;
      this.histories.delete(key);
      this.ejected.delete(key);
    }
  }

  told({ kind, key }: OutlierEvent): void {
    this.histories.delete(key);
    if (kind === "ejected") this.ejected.add(key);
    else this.ejected.delete(key);
  }

  expectsEjection(key: string, verdict: Verdict): boolean {
    if (!this.watched.some((one) => one.key === key)) return false;
    const history = this.histories.get(key) ?? [];
    history.push(verdict);
    this.histories.set(key, history);
    const said = history.filter((one) => one !== "none");
    const lastGood = said.findLastIndex((one) => !isFailure(one));
    const lastOther = said.findLastIndex((one) => !isFailure(one) || one === "error");
    const { consecutive5xx, consecutiveGateway } = this.policy;
    const isRow =
      (consecutive5xx > 0 && said.length - 1 - lastGood >= consecutive5xx) ||
      (consecutiveGateway > 0 && said.length - 1 - lastOther >= consecutiveGateway);
    return isFailure(verdict) && isRow && this.mayEject(key);
  }

  mayEject(key: string): boolean {
    if (this.ejected.has(key)) return false;
    const others = this.watched.filter((one) => one.isUsable && !this.ejected.has(one.key) && one.key !== key);
    return others.length > 0 && this.ejected.size + 1 <= this.most();
  }

  most(): number {
    const { maxEjectionPercent } = this.policy;
    const share = Math.floor((this.watched.length * maxEjectionPercent) / 100);
    return this.watched.length > 1 && maxEjectionPercent > 0 ? Math.max(1, share) : share;
  }
}

const VERDICTS: readonly Verdict[] = ["success", "error", "gateway", "local", "rate-limited", "none"];

function randomPolicy(random: Random): OutlierPolicy {
  return outlierPolicy({
    consecutive5xx: random.below(4),
    consecutiveGateway: random.below(4),
    intervalMs: 100 + random.below(10_000),
    baseEjectionMs: 100 + random.below(30_000),
    maxEjectionMs: 30_000 + random.below(100_000),
    maxEjectionPercent: random.below(101),
    successRateStdevFactor: random.unit() < 0.3 ? 500 + random.below(2_000) : 0,
    failurePercentage: random.unit() < 0.3 ? 1 + random.below(100) : 0,
    hostsMin: 1 + random.below(3),
    volumeMin: 1 + random.below(10),
  });
}

/** One life of a detector, checked at every step against the naive model and the invariants. */
function live(seed: number): void {
  const random = seededRandom(seed);
  const policy = randomPolicy(random);
  const detector = new OutlierDetector(policy);
  const model = new NaiveModel(policy);
  const keys = ["a", "b", "c", "d", "e", "f", "g"];
  const ends = new Map<string, number>();
  let nowMs = random.below(1_000);

  const hear = (events: readonly OutlierEvent[]): void => {
    for (const event of events) {
      model.told(event);
      ends.delete(event.key);
      if (event.kind === "returned") continue;
      const longestMs = 1.1 * Math.max(policy.baseEjectionMs, policy.maxEjectionMs);
      assert.ok(event.untilMs - nowMs >= 0.9 * policy.baseEjectionMs && event.untilMs - nowMs <= longestMs);
      ends.set(event.key, event.untilMs + policy.intervalMs);
    }
  };
  const tick = (untilMs: number): void => {
    for (let wakes = 0; detector.nextWakeMs <= untilMs; wakes += 1) {
      assert.ok(wakes < 100_000, "does not wake for ever");
      nowMs = Math.max(nowMs, detector.nextWakeMs);
      hear(detector.onTick(nowMs, random));
    }
    nowMs = untilMs;
  };
  const follow = (): void => {
    const watched = keys.filter(() => random.unit() < 0.7).map((key) => ({ key, isUsable: random.unit() < 0.8 }));
    model.follow(watched);
    hear(detector.follow(policy, watched, nowMs));
    for (const key of ends.keys()) if (!watched.some((one) => one.key === key)) ends.delete(key);
  };
  const check = (): void => {
    const ejected = model.watched.filter(({ key }) => detector.ejectionOf(key) !== undefined);
    assert.deepEqual(new Set(ejected.map(({ key }) => key)), model.ejected);
    assert.equal(detector.ejectedCount, ejected.length);
    assert.ok(ejected.length <= model.most(), `${ejected.length} of ${model.watched.length} ejected`);
    const isAnyLeft = model.watched.some(({ key, isUsable }) => isUsable && !model.ejected.has(key));
    assert.ok(isAnyLeft || !ejected.some(({ isUsable }) => isUsable), "the last available one is out");
    for (const endMs of ends.values()) assert.ok(nowMs <= endMs, "an ejection did not end");
  };

  follow();
  for (let step = 0; step < 120; step += 1) {
    const choice = random.unit();
    if (choice < 0.03) follow();
    else if (choice < 0.12) tick(nowMs + random.below(40_000));
    else if (choice < 0.14) {
      const event = detector.onCheckPassed(keys[random.below(keys.length)] ?? "");
      if (event !== undefined) hear([event]);
    } else {
      const key = keys[random.below(keys.length)] ?? "";
      const verdict = VERDICTS[random.below(VERDICTS.length)] ?? "none";
      const reason = detector.onResult(key, verdict);
      assert.equal(reason !== undefined, model.expectsEjection(key, verdict), `${key} ${verdict} at step ${step}`);
      const event = reason === undefined ? undefined : detector.eject(key, reason, nowMs, random.unit());
      if (event !== undefined) hear([event]);
    }
    check();
  }
  tick(nowMs + 1_000_000);
  assert.equal(detector.ejectedCount, 0, "all are back when nothing more fails");
}

describe("the detector, in thousands of random lives", () => {
  it("does as the naive model, keeps the share, spares the last, and ends every ejection", () => {
    for (let seed = 0; seed < 2_000; seed += 1) {
      try {
        live(seed);
      } catch (error) {
        throw new Error(`seed ${seed}`, { cause: error });
      }
    }
  });
});
