import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { AdaptiveLimit } from "../../../data-plane/policy/adaptive-limit.ts";
import { ADAPTIVE_MEASURE_MS, ADAPTIVE_MEASURE_SAMPLES } from "../../../shared/defaults.ts";
import type { AdaptivePolicy } from "../../../shared/model/cluster-policy.ts";
import { seededRandom } from "../../../shared/random.ts";

const SEEDS = 2_000;
const POLICY: AdaptivePolicy = { concurrencyMin: 3, concurrencyMax: 500 };

interface Flying {
  readonly startMs: number;
  readonly endMs: number;
}

/** A service that works on `width` requests at a time, `serviceMs` each; the others wait their turn. */
class World {
  readonly limit = new AdaptiveLimit();
  nowMs = 1_000;
  width = 40;
  serviceMs = 20;
  #flying: Flying[] = [];
  done = 0;

  /** Offers `perMs` requests in each of so many milliseconds. */
  run(ms: number, perMs: number): this {
    for (const endMs = this.nowMs + ms; this.nowMs < endMs; this.nowMs += 1) {
      this.#finish();
      for (let n = 0; n < perMs; n += 1) this.#offer();
    }
    return this;
  }

  get now(): number {
    return this.limit.limit(POLICY);
  }

  #offer(): void {
    if (!this.limit.acquire(POLICY)) return;
    assert.ok(this.limit.active <= this.now);
    const queue = Math.max(1, this.limit.active / this.width);
    this.#flying.push({ startMs: this.nowMs, endMs: this.nowMs + this.serviceMs * queue });
  }

  #finish(): void {
    const ended = this.#flying.filter(({ endMs }) => endMs <= this.nowMs);
    this.#flying = this.#flying.filter(({ endMs }) => endMs > this.nowMs);
    for (const { startMs } of ended) {
      this.limit.release();
      this.limit.onSample(POLICY, { latencyMs: this.nowMs - startMs, nowMs: this.nowMs }, 0.5);
      this.done += 1;
    }
  }
}

describe("an adaptive limit", () => {
  it("begins with few at once, and measures what the service takes when it has little to do", () => {
    const world = new World();
    assert.equal(world.now, POLICY.concurrencyMin);
    world.run(1_000, 4);
    assert.ok(Math.abs(world.limit.leastMs - world.serviceMs) <= 1, `${world.limit.leastMs}`);
  });

  it("finds what the service can do at once under any load, and keeps its latency low", () => {
    const world = new World().run(5_000, 20);
    assert.ok(world.now >= world.width, `${world.now}: less than the service could do`);
    assert.ok(world.now <= world.width * 2, `${world.now}: a queue as long as the work`);
    const before = world.done;
    world.run(1_000, 20);
    assert.ok(
      world.done - before > 0.9 * (1_000 / world.serviceMs) * world.width,
      `${world.done - before} in a second`,
    );
  });

  it("follows a service that becomes slower, and one that recovers", () => {
    const world = new World().run(5_000, 20);
    world.width = 10;
    world.run(3_000, 20);
    assert.ok(world.now <= 25, `${world.now} after the service shrank`);
    world.width = 40;
    world.run(3_000, 20);
    assert.ok(world.now >= 35, `${world.now} after it recovered`);
  });

  it("does not drift upwards under a load that never ends", () => {
    const world = new World().run(5_000, 20);
    const before = world.limit.leastMs;
    world.run(5 * ADAPTIVE_MEASURE_MS, 10);
    assert.ok(world.limit.leastMs < before * 1.2, `${before} ms became ${world.limit.leastMs} ms`);
    assert.ok(world.now <= world.width * 2 || world.now === POLICY.concurrencyMin);
  });

  it("learns nothing from failures at once, and from slow ones that the service is slow", () => {
    const world = new World();
    const fail = (latencyMs: number): void => {
      for (let n = 0; n < 2 * ADAPTIVE_MEASURE_SAMPLES; n += 1) {
        world.nowMs += 10;
        world.limit.onFailure(POLICY, { latencyMs, nowMs: world.nowMs }, 0.5);
      }
    };
    fail(0);
    assert.equal(world.limit.leastMs, 0);
    world.run(2_000, 3);
    const { leastMs } = world.limit;
    assert.equal(leastMs, world.serviceMs);
    const before = world.now;
    fail(0);
    assert.equal(world.now, before);
    fail(10 * leastMs);
    assert.ok(world.now < before / 2, `${world.now} is not well below ${before}`);
  });

  it("does not grow while nobody comes near it", () => {
    const limit = new AdaptiveLimit();
    let nowMs = 1_000;
    for (let n = 0; n < ADAPTIVE_MEASURE_SAMPLES + 2_000; n += 1) {
      assert.ok(limit.acquire(POLICY));
      nowMs += 10;
      limit.release();
      limit.onSample(POLICY, { latencyMs: 10, nowMs }, 0.5);
    }
    assert.ok(limit.limit(POLICY) <= 2 * POLICY.concurrencyMin, `${limit.limit(POLICY)}`);
  });

  it("stays within its bounds whatever it is told, and returns to 0", () => {
    for (let seed = 1; seed <= SEEDS; seed += 1) {
      const random = seededRandom(seed);
      const policy = { concurrencyMin: 1 + random.below(5), concurrencyMax: 5 + random.below(100) };
      const limit = new AdaptiveLimit();
      let [nowMs, active] = [random.below(1_000_000), 0];
      for (let step = 0; step < 200; step += 1) {
        nowMs += random.below(random.unit() < 0.02 ? 100_000 : 40);
        const bound = limit.limit(policy);
        assert.ok(bound >= policy.concurrencyMin && bound <= policy.concurrencyMax, `seed ${seed}, step ${step}`);
        if (active > 0 && random.unit() < 0.5) {
          limit.release();
          active -= 1;
          limit.onSample(policy, { latencyMs: random.unit() < 0.1 ? 0 : random.below(2_000), nowMs }, random.unit());
        } else if (limit.acquire(policy)) {
          active += 1;
          assert.ok(active <= bound, `seed ${seed}, step ${step}: beyond the limit`);
        } else {
          assert.ok(active >= bound, `seed ${seed}, step ${step}: refused below the limit`);
        }
        assert.equal(limit.active, active);
      }
    }
  });
});
