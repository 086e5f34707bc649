import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { OutlierDetector, type OutlierEvent, type Watched } from "../../../data-plane/policy/outlier-detector.ts";
import type { Verdict } from "../../../data-plane/policy/verdict.ts";
import type { OutlierPolicy } from "../../../shared/model/cluster-policy.ts";
import { outlierPolicy } from "../../support/cluster-policies.ts";

function usable(...keys: readonly string[]): Watched[] {
  return keys.map((key) => ({ key, isUsable: true }));
}

/** A detector of a cluster and the shell around it, without jitter. */
class Bench {
  readonly policy: OutlierPolicy;
  readonly detector: OutlierDetector;
  nowMs = 1_000;

  constructor(keys: readonly string[], parts: Partial<OutlierPolicy> = {}) {
    this.policy = outlierPolicy(parts);
    this.detector = new OutlierDetector(this.policy);
    this.follow(usable(...keys));
  }

  follow(watched: readonly Watched[]): readonly OutlierEvent[] {
    return this.detector.follow(this.policy, watched, this.nowMs);
  }

  /** Feeds results; the last event that came of it. */
  results(key: string, verdict: Verdict, count = 1): OutlierEvent | undefined {
    let event: OutlierEvent | undefined;
    for (let n = 0; n < count; n += 1) {
      const reason = this.detector.onResult(key, verdict);
      if (reason !== undefined) event = this.detector.eject(key, reason, this.nowMs, 0.5);
    }
    return event;
  }

  /** Ticks whenever the detector wants to until `ms` have passed. */
  pass(ms: number): OutlierEvent[] {
    const endMs = this.nowMs + ms;
    const events: OutlierEvent[] = [];
    while (this.detector.nextWakeMs <= endMs) {
      this.nowMs = Math.max(this.nowMs, this.detector.nextWakeMs);
      events.push(...this.detector.onTick(this.nowMs, { unit: () => 0.5 }));
    }
    this.nowMs = endMs;
    return events;
  }

  ejectedFor(key: string): number {
    const ejection = this.detector.ejectionOf(key);
    assert.ok(ejection !== undefined, `${key} is ejected`);
    return ejection.untilMs - ejection.atMs;
  }
}

describe("an endpoint that fails in a row", () => {
  it("is ejected at the fifth 5xx or local failure, and not before", () => {
    const bench = new Bench(["a", "b", "c"]);
    assert.equal(bench.results("a", "error", 2), undefined);
    assert.equal(bench.results("a", "local", 2), undefined);
    const event = bench.results("a", "gateway");
    assert.deepEqual(event, { kind: "ejected", key: "a", reason: "consecutive-5xx", untilMs: 31_000 });
  });

  it("begins anew after an answer that is none, which 429 is", () => {
    for (const verdict of ["success", "rate-limited"] as const) {
      const bench = new Bench(["a", "b", "c"]);
      bench.results("a", "error", 4);
      bench.results("a", verdict);
      assert.equal(bench.results("a", "error", 4), undefined);
    }
  });

  it("is not judged by what says nothing of it", () => {
    const bench = new Bench(["a", "b", "c"]);
    bench.results("a", "error", 4);
    assert.equal(bench.results("a", "none", 20), undefined);
    assert.equal(bench.results("a", "error")?.kind, "ejected");
  });

  it("is counted apart for gateway failures, which an error of the service itself interrupts", () => {
    const bench = new Bench(["a", "b", "c"], { consecutive5xx: 0, consecutiveGateway: 3 });
    bench.results("a", "gateway", 2);
    assert.equal(bench.results("a", "error", 5), undefined);
    bench.results("a", "gateway", 2);
    const event = bench.results("a", "local");
    assert.equal(event?.kind === "ejected" && event.reason, "consecutive-gateway");
  });

  it("is never ejected with both detectors off", () => {
    const bench = new Bench(["a", "b", "c"], { consecutive5xx: 0 });
    assert.equal(bench.results("a", "error", 1_000), undefined);
  });
});

describe("an ejection", () => {
  it("ends at a sweep, and lasts longer each time in a row, up to the maximum", () => {
    const bench = new Bench(["a", "b", "c"], { maxEjectionMs: 80_000 });
    for (const [times, lastsMs] of [30_000, 60_000, 80_000, 80_000].entries()) {
      bench.results("a", "error", 5);
      assert.equal(bench.ejectedFor("a"), lastsMs, `ejection ${times}`);
      const events = bench.pass(Math.ceil(lastsMs / 10_000) * 10_000);
      assert.deepEqual(events, [{ kind: "returned", key: "a", reason: "time-served" }]);
    }
  });

  it("is forgiven by one for every interval without it", () => {
    const bench = new Bench(["a", "b", "c"]);
    for (let n = 0; n < 3; n += 1) {
      bench.results("a", "error", 5);
      bench.pass(bench.ejectedFor("a"));
    }
    bench.pass(20_000);
    bench.results("a", "error", 5);
    assert.equal(bench.ejectedFor("a"), 60_000);
  });

  it("leaves nothing to wake up for once all is forgiven", () => {
    const bench = new Bench(["a", "b", "c"]);
    assert.equal(bench.detector.nextWakeMs, Infinity);
    bench.results("a", "error", 5);
    assert.equal(bench.detector.nextWakeMs, 11_000);
    bench.pass(60_000);
    assert.equal(bench.detector.nextWakeMs, Infinity);
  });

  it("varies by a tenth either way", () => {
    for (const [unit, lastsMs] of [
      [0, 27_000],
      [0.5, 30_000],
      [1, 33_000],
    ] as const) {
      const { detector } = new Bench(["a", "b"]);
      const event = detector.eject("a", "consecutive-5xx", 0, unit);
      assert.equal(event?.kind === "ejected" && Math.round(event.untilMs), lastsMs);
    }
  });

  it("ends at once with a passed health check, which does not interrupt a row of failures", () => {
    const bench = new Bench(["a", "b", "c"]);
    bench.results("a", "error", 4);
    assert.equal(bench.detector.onCheckPassed("a"), undefined);
    bench.results("a", "error");
    assert.deepEqual(bench.detector.onCheckPassed("a"), { kind: "returned", key: "a", reason: "health-check" });
    assert.equal(bench.results("a", "error", 4), undefined, "the row begins anew");
  });

  it("does not count the answers that came while it lasted", () => {
    const bench = new Bench(["a", "b", "c"]);
    bench.results("a", "error", 5);
    bench.results("a", "error", 50);
    bench.pass(30_000);
    assert.equal(bench.results("a", "error", 4), undefined);
  });
});

describe("how many may be ejected", () => {
  it("is the share, and the next goes as soon as there is room", () => {
    const bench = new Bench(["a", "b", "c", "d"]);
    for (const key of ["a", "b", "c"]) bench.results(key, "error", 5);
    assert.equal(bench.detector.ejectedCount, 2);
    bench.detector.onCheckPassed("a");
    assert.equal(bench.results("c", "error")?.kind, "ejected");
  });

  it("is one of two or three, however small the share, and none of one", () => {
    for (const [keys, count] of [
      [["a"], 0],
      [["a", "b"], 1],
      [["a", "b", "c"], 1],
    ] as const) {
      const bench = new Bench(keys, { maxEjectionPercent: 10 });
      for (const key of keys) bench.results(key, "error", 5);
      assert.equal(bench.detector.ejectedCount, count);
    }
  });

  it("is none with a share of 0", () => {
    const bench = new Bench(["a", "b"], { maxEjectionPercent: 0 });
    assert.equal(bench.results("a", "error", 50), undefined);
  });

  it("never includes the last that is usable", () => {
    const bench = new Bench(["a"], { maxEjectionPercent: 100 });
    bench.follow([...usable("a"), { key: "b", isUsable: false }, { key: "c", isUsable: false }]);
    assert.equal(bench.results("a", "error", 50), undefined);
  });

  it("shrinks with the cluster: those whose time is over first come back", () => {
    const bench = new Bench(["a", "b", "c", "d"]);
    bench.results("b", "error", 5);
    bench.nowMs += 1;
    bench.results("a", "error", 5);
    assert.deepEqual(bench.follow(usable("a", "b", "c")), [
      { kind: "returned", key: "b", reason: "too-few-endpoints" },
    ]);
    const others = [{ key: "c", isUsable: false }];
    assert.deepEqual(bench.follow([...usable("a"), ...others]), [
      { kind: "returned", key: "a", reason: "too-few-endpoints" },
    ]);
  });
});

describe("endpoints that are compared at a sweep", () => {
  const keys = ["a", "b", "c", "d", "e"];

  function used(bench: Bench, failuresOf: Readonly<Record<string, number>>, volume = 100): void {
    for (const key of keys) {
      const failures = failuresOf[key] ?? 0;
      bench.results(key, "success", volume - failures);
      bench.results(key, "error", failures);
      bench.results(key, "none", 7);
    }
  }

  it("are ejected when their success rate lies far below the mean", () => {
    const bench = new Bench(keys, { consecutive5xx: 0, successRateStdevFactor: 1_900 });
    used(bench, { a: 30, b: 2 });
    assert.deepEqual(bench.pass(10_000), [
      { kind: "ejected", key: "a", reason: "success-rate", untilMs: bench.nowMs + 30_000 },
    ]);
  });

  it("are ejected when they fail at least the percentage", () => {
    const bench = new Bench(keys, { consecutive5xx: 0, failurePercentage: 85 });
    used(bench, { a: 85, b: 84 });
    const events = bench.pass(10_000);
    assert.deepEqual(
      events.map(({ key }) => key),
      ["a"],
    );
  });

  it("begin anew with every interval", () => {
    const bench = new Bench(keys, { consecutive5xx: 0, failurePercentage: 85 });
    used(bench, { a: 50 }, 60);
    assert.deepEqual(bench.pass(10_000), []);
    used(bench, { a: 40 }, 40);
    assert.deepEqual(bench.pass(10_000), []);
  });

  it("must be enough, and used enough", () => {
    for (const parts of [{ hostsMin: 6 }, { volumeMin: 101 }]) {
      const bench = new Bench(keys, {
        consecutive5xx: 0,
        failurePercentage: 85,
        successRateStdevFactor: 1_000,
        ...parts,
      });
      used(bench, { a: 100 });
      assert.deepEqual(bench.pass(10_000), []);
    }
  });

  it("go the worst first, as far as there is room", () => {
    const bench = new Bench(keys, { consecutive5xx: 0, failurePercentage: 50, maxEjectionPercent: 40 });
    used(bench, { a: 60, b: 70, c: 80 });
    assert.deepEqual(
      bench.pass(10_000).map(({ key }) => key),
      ["c", "b"],
    );
  });
});
