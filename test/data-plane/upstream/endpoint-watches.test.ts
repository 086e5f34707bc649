import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { RuntimeHolder, applyRuntime } from "../../../data-plane/runtime/apply.ts";
import { RateLimits } from "../../../data-plane/runtime/rate-limits.ts";
import { EndpointWatches } from "../../../data-plane/upstream/endpoint-watches.ts";
import { HealthChecker } from "../../../data-plane/upstream/health-checker.ts";
import type { LbPolicy, LoadAssignment } from "../../../shared/model/cluster.ts";
import { NO_POLICIES, type ClusterPolicies } from "../../../shared/model/cluster-policy.ts";
import { seededRandom } from "../../../shared/random.ts";
import { TimerWheel } from "../../../shared/timer-wheel.ts";
import { outlierPolicy } from "../../support/cluster-policies.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import {
  clusterOf,
  compileContext,
  compiled,
  edsCluster,
  endpoint,
  snapshotOf,
} from "../../support/snapshot-builders.ts";

const A = "10.0.0.1:80";
const B = "10.0.0.2:80";
const C = "10.0.0.3:80";
const D = "10.0.0.4:80";

/** A proxy that takes snapshot after snapshot of one service, `web`. */
class Swaps {
  readonly clock = new ManualClock();
  readonly wheel = new TimerWheel(this.clock);
  readonly holder = new RuntimeHolder();
  readonly context = { ...compileContext(), rateLimits: new RateLimits() };
  readonly watches: EndpointWatches;
  policies: Partial<ClusterPolicies> = { outlier: outlierPolicy() };
  lb: LbPolicy = { kind: "round-robin" };

  constructor() {
    const random = seededRandom(1);
    this.watches = new EndpointWatches({
      wheel: this.wheel,
      checker: new HealthChecker(this.wheel, random),
      clock: this.clock,
      random,
      log: { info: () => {}, warn: () => {} },
      news: undefined,
    });
  }

  take(...addresses: readonly string[]): void {
    const assignment: LoadAssignment = { name: "web", endpoints: addresses.map((address) => endpoint(address)) };
    const cluster = edsCluster("web", { lb: this.lb, policies: { ...NO_POLICIES, ...this.policies } });
    const { runtime } = compiled(snapshotOf({ clusters: [cluster], assignments: [assignment] }), this.context);
    applyRuntime(this.holder, runtime, this.context);
    this.watches.follow(runtime);
  }

  pass(ms: number): void {
    const endMs = this.clock.now + ms;
    while (this.clock.now < endMs) {
      this.clock.now = Math.min(endMs, this.clock.now + 10);
      this.wheel.advance();
    }
  }

  /** Five answers 500 from there, and the wheel turns. */
  fail(key: string): void {
    const { state } = clusterOf(this.holder.current, "web");
    const found = this.context.endpoints.get(key);
    assert.ok(found !== undefined && state.results !== undefined);
    for (let n = 0; n < 5; n += 1) state.results.onResult(found, "error");
    this.pass(10);
  }

  get eligible(): readonly string[] {
    return clusterOf(this.holder.current, "web").choice.eligible.map(({ key }) => key);
  }

  picks(count: number): ReadonlyMap<string, number> {
    const random = seededRandom(5);
    const counts = new Map<string, number>();
    for (let n = 0; n < count; n += 1) {
      const { key } = clusterOf(this.holder.current, "web").choice.picker.pick(-1, random, this.clock.now) ?? {
        key: "",
      };
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
    return counts;
  }
}

describe("an ejection", () => {
  it("outlives a change of the cluster's endpoints, and of its policies", () => {
    const swaps = new Swaps();
    swaps.take(A, B, C);
    swaps.fail(B);
    assert.deepEqual(swaps.eligible, [A, C]);
    swaps.take(A, B, C, D);
    assert.deepEqual(swaps.eligible, [A, C, D]);
    swaps.policies = { outlier: outlierPolicy({ consecutive5xx: 7 }) };
    swaps.take(A, B, C, D);
    assert.deepEqual(swaps.eligible, [A, C, D]);
    swaps.pass(45_000);
    assert.deepEqual(swaps.eligible, [A, B, C, D]);
  });

  it("ends when the policy goes, and is forgotten with its endpoint", () => {
    const swaps = new Swaps();
    swaps.take(A, B, C);
    swaps.fail(B);
    swaps.policies = {};
    swaps.take(A, B, C);
    assert.deepEqual(swaps.eligible, [A, B, C]);
    swaps.policies = { outlier: outlierPolicy() };
    swaps.take(A, B, C);
    swaps.fail(B);
    swaps.take(A, C);
    swaps.take(A, B, C);
    assert.deepEqual(swaps.eligible, [A, B, C]);
  });

  it("ends when the others go: the last one is used", () => {
    const swaps = new Swaps();
    swaps.take(A, B, C);
    swaps.fail(B);
    swaps.take(B);
    assert.deepEqual(swaps.eligible, [B]);
  });

  it("moves only the keys of its endpoint where equal keys go to equal endpoints", () => {
    for (const lb of [
      { kind: "ring-hash", ringSizeMin: 1_024, ringSizeMax: 65_536 },
      { kind: "maglev", tableSize: 65_537 },
    ] as const) {
      const swaps = new Swaps();
      swaps.lb = lb;
      swaps.take(A, B, C);
      const random = seededRandom(1);
      const placed = (): (string | undefined)[] =>
        Array.from(
          { length: 1_000 },
          (_, n) => clusterOf(swaps.holder.current, "web").choice.picker.pick(n * 2_654_435, random, 0)?.key,
        );
      const before = placed();
      swaps.fail(B);
      const during = placed();
      const moved = before.filter((key, index) => key !== B && key !== during[index]).length;
      assert.ok(moved < 50, `${lb.kind}: ${moved} keys of others moved`);
      assert.ok(!during.includes(B));
      swaps.pass(45_000);
      assert.deepEqual(placed(), before);
    }
  });
});

describe("a large cluster", () => {
  it("makes few choices, however many of its endpoints fail one after the other", () => {
    const swaps = new Swaps();
    const addresses = Array.from({ length: 2_000 }, (_, n) => `10.1.${n >> 8}.${n & 255}:80`);
    swaps.take(...addresses);
    const choices = new Set<unknown>();
    for (const address of addresses.slice(0, 200)) {
      swaps.fail(address);
      choices.add(clusterOf(swaps.holder.current, "web").choice);
    }
    assert.ok(choices.size > 50 && choices.size <= 102, `${choices.size} choices in 2 s`);
    swaps.pass(30);
    assert.equal(swaps.eligible.length, 1_800);
  });
});

describe("an endpoint that appears", () => {
  it("starts slowly, but not those of the first snapshot", () => {
    for (const lb of [{ kind: "round-robin" }, { kind: "least-request", choices: 2 }] as const) {
      const swaps = new Swaps();
      swaps.lb = lb;
      swaps.policies = { slowStart: { windowMs: 10_000, minWeightPercent: 10 } };
      swaps.take(A, B);
      assert.equal(
        [...swaps.picks(100).values()].every((picks) => picks > 30),
        true,
      );
      swaps.take(A, B, C);
      const first = swaps.picks(2_100).get(C) ?? 0;
      assert.ok(first > 60 && first < 145, `${lb.kind}: ${first} of 2,100 at a tenth of its weight`);
      swaps.pass(5_010);
      const half = swaps.picks(2_500).get(C) ?? 0;
      assert.ok(half > 420 && half < 580, `${lb.kind}: ${half} of 2,500 at half of its weight`);
      swaps.pass(5_010);
      const whole = swaps.picks(3_000).get(C) ?? 0;
      assert.ok(whole > 880 && whole < 1_120, `${lb.kind}: ${whole} of 3,000`);
      assert.equal(swaps.wheel.size, 0, "nothing wakes up any more");
    }
  });
});

describe("a cluster that goes", () => {
  it("leaves no watch and no deadline behind", () => {
    const swaps = new Swaps();
    swaps.take(A, B, C);
    swaps.fail(B);
    const { state } = clusterOf(swaps.holder.current, "web");
    const { runtime } = compiled(snapshotOf({}), swaps.context);
    applyRuntime(swaps.holder, runtime, swaps.context);
    swaps.watches.follow(runtime);
    assert.deepEqual([swaps.wheel.size, swaps.watches.of(state), state.results], [0, undefined, undefined]);
  });
});
