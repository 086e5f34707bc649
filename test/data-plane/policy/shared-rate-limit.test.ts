import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { TokenCoordinator } from "../../../shared/token-coordinator.ts";
import { SharedRateLimit } from "../../../data-plane/policy/shared-rate-limit.ts";
import { ADMITTED } from "../../../data-plane/policy/rate-limit.ts";
import {
  TOKEN_LEASE_CALL_MS,
  TOKEN_LEASE_MS,
  TOKEN_LEASE_RETRY_MS,
  TOKEN_LEASE_TICK_MS,
} from "../../../shared/defaults.ts";
import type { LeaseGrant, LeaseWish } from "../../../shared/model/token-lease.ts";
import { seededRandom, type Random } from "../../../shared/random.ts";
import type { TokenRate } from "../../../shared/token-bucket.ts";

const STEP_MS = 5;
const KEY = "web";

/** A proxy with its calls to the coordinator, which take their time. */
class SimulatedProxy {
  readonly limit = new SharedRateLimit();
  /** Tokens on the wire, in either direction. */
  travelling = 0;
  /** Requests per step. */
  demand = 0;
  readonly #world: World;
  #nextTickMs: number;
  #mayAskMs = 0;
  #isCalling = false;

  constructor(world: World, random: Random, proxies: number) {
    this.#world = world;
    this.limit.proxies = proxies;
    // A proxy that was never answered counts nothing.
    this.limit.failOpen = false;
    this.#nextTickMs = random.below(TOKEN_LEASE_TICK_MS);
  }

  step(nowMs: number): number {
    if (nowMs >= this.#nextTickMs) this.#tick(nowMs);
    let admitted = 0;
    const whole = Math.floor(this.demand) + (this.#world.random.unit() < this.demand % 1 ? 1 : 0);
    for (let count = 0; count < whole; count += 1) {
      const waitMs = this.limit.admit(KEY, this.#world.rate, nowMs);
      assert.ok(waitMs >= 0);
      if (waitMs === ADMITTED) admitted += 1;
    }
    return admitted;
  }

  #tick(nowMs: number): void {
    this.#nextTickMs += TOKEN_LEASE_TICK_MS;
    const wishes = this.limit.onTick(nowMs, !this.#isCalling && nowMs >= this.#mayAskMs);
    if (wishes.length === 0) return;
    this.#isCalling = true;
    const returned = wishes.reduce((sum, { tokens }) => sum + Math.max(0, -tokens), 0);
    this.travelling += returned;
    this.#world.later(() => {
      this.travelling -= returned;
      this.#call(wishes);
    });
  }

  #call(wishes: readonly LeaseWish[]): void {
    const { coordinator, nowMs, rate } = this.#world;
    if (coordinator === undefined) {
      const delayMs = this.#world.random.below(2) * TOKEN_LEASE_CALL_MS;
      return this.#world.at(nowMs + delayMs, () => {
        this.#isCalling = false;
        this.#mayAskMs = this.#world.nowMs + TOKEN_LEASE_RETRY_MS;
        this.limit.onFailed(this.#world.nowMs);
      });
    }
    const grants: LeaseGrant[] = wishes.map(({ key, tokens }) => {
      const kind = tokens < 0 ? "return" : "lease";
      return coordinator.decide("reviews", rate, { key, tokens: Math.abs(tokens), kind }, nowMs);
    });
    const granted = grants.reduce((sum, grant) => sum + grant.granted, 0);
    this.travelling += granted;
    this.#world.later(() => {
      this.travelling -= granted;
      this.#isCalling = false;
      this.limit.onGranted(wishes, grants, this.#world.nowMs);
    });
  }
}

class World {
  readonly random: Random;
  readonly rate: TokenRate;
  readonly proxies: readonly SimulatedProxy[];
  coordinator: TokenCoordinator | undefined = new TokenCoordinator();
  nowMs = 0;
  /** At each step: what was admitted until then, and what the proxies held. */
  readonly history: { nowMs: number; admitted: number; held: number }[] = [];
  #admitted = 0;
  #events: { atMs: number; run: () => void }[] = [];

  constructor(seed: number, proxies: number, rate: TokenRate) {
    this.random = seededRandom(seed);
    this.rate = rate;
    this.proxies = Array.from({ length: proxies }, () => new SimulatedProxy(this, this.random, proxies));
  }

  at(atMs: number, run: () => void): void {
    this.#events.push({ atMs, run });
  }

  later(run: () => void): void {
    this.at(this.nowMs + this.random.below(40), run);
  }

  get limited(): number {
    return this.proxies.reduce((sum, { limit }) => sum + limit.limited, 0);
  }

  run(forMs: number, beforeStep: (world: World) => void = () => {}): void {
    const endMs = this.nowMs + forMs;
    while (this.nowMs < endMs) {
      beforeStep(this);
      const due = this.#events.filter(({ atMs }) => atMs <= this.nowMs);
      this.#events = this.#events.filter(({ atMs }) => atMs > this.nowMs);
      for (const { run } of due.toSorted((a, b) => a.atMs - b.atMs)) run();
      for (const proxy of this.proxies) this.#admitted += proxy.step(this.nowMs);
      const held = this.proxies.reduce((sum, { limit, travelling }) => sum + limit.held + travelling, 0);
      this.history.push({ nowMs: this.nowMs, admitted: this.#admitted, held });
      this.nowMs += STEP_MS;
    }
  }

  /** Demand that comes and goes, in the mean `times` the limit. */
  shuffleDemand(times: number): void {
    if (this.random.below(40) !== 0) return;
    const mean = (this.rate.tokensPerMs * STEP_MS * times) / this.proxies.length;
    for (const proxy of this.proxies) proxy.demand = this.random.below(3) === 0 ? 0 : mean * this.random.unit() * 3;
  }

  /** The most that may be owed, or lie in the shares: at most one of both for each proxy. */
  get perProxySlack(): number {
    return this.proxies.length * Math.max(1, this.rate.burst / this.proxies.length);
  }

  check(seed: number, slack: number): void {
    const { tokensPerMs, burst } = this.rate;
    for (let from = 0; from < this.history.length; from += 37) {
      const first = this.history[from] ?? assert.fail();
      for (let to = from; to < this.history.length; to += 23) {
        const last = this.history[to] ?? assert.fail();
        const due = burst + tokensPerMs * (last.nowMs - first.nowMs) + first.held + slack;
        const admitted = last.admitted - first.admitted;
        assert.ok(admitted <= due + 1e-6, `seed ${seed}: ${admitted} of ${due} in ${first.nowMs}-${last.nowMs} ms`);
      }
    }
  }
}

function randomWorld(seed: number): World {
  const random = seededRandom(seed * 7 + 1);
  const perSecond = 5 + random.below(300);
  return new World(seed, 1 + random.below(6), { tokensPerMs: perSecond / 1_000, burst: 1 + random.below(perSecond) });
}

describe("a limit that many proxies share", () => {
  it("admits no more than the limit, what was held before, and what is owed", () => {
    for (let seed = 0; seed < 150; seed += 1) {
      const world = randomWorld(seed);
      world.run(6_000, () => world.shuffleDemand(3));
      world.check(seed, world.perProxySlack);
    }
  });

  it("does so when the coordinator dies", () => {
    for (let seed = 0; seed < 150; seed += 1) {
      const world = randomWorld(seed);
      world.run(2_000 + world.random.below(1_000), () => world.shuffleDemand(3));
      world.coordinator = undefined;
      world.run(4_000, () => world.shuffleDemand(3));
      world.check(seed, 2 * world.perProxySlack);
    }
  });

  it("is used up when more is wanted, with the coordinator and without", () => {
    for (let seed = 0; seed < 20; seed += 1) {
      const world = new World(seed, 4, { tokensPerMs: 0.1, burst: 20 });
      for (const proxy of world.proxies) proxy.demand = 0.5;
      world.run(10_000);
      const withIt = world.history.at(-1)?.admitted ?? 0;
      assert.ok(withIt >= 0.95 * 1_000, `seed ${seed}: ${withIt} of 1000`);
      world.coordinator = undefined;
      world.run(10_000);
      const without = (world.history.at(-1)?.admitted ?? 0) - withIt;
      assert.ok(without >= 0.9 * 1_000, `seed ${seed}: ${without} of 1000 without a coordinator`);
    }
  });

  it("refuses nobody who stays below it, wherever the requests come", () => {
    for (let seed = 0; seed < 50; seed += 1) {
      const world = new World(seed, 4, { tokensPerMs: 0.2, burst: 100 });
      world.run(6_000, ({ random, proxies }) => {
        if (random.below(100) !== 0) return;
        // All of it at one proxy, then at another.
        const busy = random.below(proxies.length);
        for (const [index, proxy] of proxies.entries()) proxy.demand = index === busy ? 0.7 : 0;
      });
      assert.equal(world.limited, 0, `seed ${seed}`);
    }
  });

  it("gets back what a proxy holds and does not use", () => {
    const world = new World(1, 2, { tokensPerMs: 0.01, burst: 50 });
    const [one, two] = world.proxies;
    assert.ok(one !== undefined && two !== undefined);
    one.demand = 0.5;
    world.run(300);
    one.demand = 0;
    world.run(1);
    assert.ok(one.limit.held + one.travelling > 0);
    // Time in which what was used comes back by itself, and no more.
    world.run(4 * TOKEN_LEASE_MS);
    assert.equal(one.limit.held + one.travelling + one.limit.owed, 0);
    const demand = { key: KEY, tokens: 100, kind: "lease" } as const;
    assert.equal(world.coordinator?.decide("reviews", world.rate, demand, world.nowMs).granted, 50);
  });
});

describe("a lease that was refused", () => {
  it("is asked for again before its token is due: another proxy may have given back", () => {
    const rate = { tokensPerMs: 1 / 3_600_000, burst: 5 };
    const limit = new SharedRateLimit();
    limit.admit(KEY, rate, 0);
    const wishes = limit.onTick(50, true);
    const waitMs = 3_600_000;
    limit.onGranted(
      wishes,
      wishes.map(() => ({ granted: 0, waitMs })),
      60,
    );
    assert.equal(limit.admit(KEY, rate, 60), waitMs, "what a caller is told");
    assert.deepEqual(limit.onTick(60 + TOKEN_LEASE_RETRY_MS - 1, true), []);
    assert.equal(limit.onTick(60 + TOKEN_LEASE_RETRY_MS, true).length, 1);
  });
});

describe("credit", () => {
  const rate = { tokensPerMs: 0.01, burst: 10 };

  it("ends when the coordinator says that the limit is reached, and is paid for before anything passes again", () => {
    const limit = new SharedRateLimit();
    limit.proxies = 2;
    const passed = (count: number, nowMs: number): number =>
      Array.from({ length: count }, () => limit.admit(KEY, rate, nowMs)).filter((wait) => wait === ADMITTED).length;
    assert.equal(passed(8, 0), 5, "half of the burst");
    const [wish] = limit.onTick(50, true);
    assert.equal(wish?.tokens, 15, "what is owed, and what is needed ahead");
    limit.onGranted([{ key: KEY, tokens: 15 }], [{ granted: 3, waitMs: 100 }], 60);
    assert.equal(limit.owed, 2);
    assert.equal(passed(8, 60), 0);
    assert.equal(limit.admit(KEY, rate, 60), 100);
    assert.deepEqual(limit.onTick(100, true), [], "there is nothing to be had yet");
    const [later] = limit.onTick(160, true);
    assert.ok(later !== undefined);
    limit.onGranted([later], [{ granted: 4, waitMs: 0 }], 170);
    assert.equal(passed(8, 170), 2);
  });
});

describe("a shared limit without a coordinator", () => {
  const rate = { tokensPerMs: 0.01, burst: 4 };
  const admitted = (limit: SharedRateLimit, count: number, nowMs: number): number =>
    Array.from({ length: count }, () => limit.admit(KEY, rate, nowMs)).filter((wait) => wait === ADMITTED).length;

  it("that never answered lets everything pass, if so configured", () => {
    const limit = new SharedRateLimit();
    limit.onFailed(0);
    assert.equal(admitted(limit, 100, 1), 100);
  });

  it("that never answered lets nothing pass, if so configured", () => {
    const limit = new SharedRateLimit();
    limit.failOpen = false;
    limit.onFailed(0);
    assert.equal(admitted(limit, 100, 1), 0);
    assert.equal(limit.admit(KEY, rate, 1), TOKEN_LEASE_RETRY_MS);
  });

  it("that has answered before divides the limit by the proxies, from nothing", () => {
    const limit = new SharedRateLimit();
    limit.proxies = 2;
    limit.onGranted([], [], 0);
    limit.onFailed(0);
    assert.equal(admitted(limit, 10, 0), 0);
    assert.equal(limit.admit(KEY, rate, 0), 200);
    assert.equal(admitted(limit, 10, 400), 2);
    assert.equal(admitted(limit, 10, 100_000), 2, "a share of the burst");
  });

  it("asks again for whoever sends requests, and follows the answer", () => {
    const limit = new SharedRateLimit();
    limit.onFailed(0);
    admitted(limit, 3, 1);
    const wishes = limit.onTick(60, true);
    assert.equal(wishes.length, 1);
    limit.onGranted(wishes, [{ granted: wishes[0]?.tokens ?? 0, waitMs: 0 }], 70);
    assert.equal(limit.coordinator, "present");
    assert.ok(limit.held > 0);
  });
});

describe("a proxy's call for tokens", () => {
  it("brings up to 256 wishes, and the rest with the next", () => {
    const limit = new SharedRateLimit();
    for (let client = 0; client < 400; client += 1) limit.admit(`client-${client}`, { tokensPerMs: 1, burst: 10 }, 0);
    const first = limit.onTick(50, true);
    assert.ok(first.length <= 256 && first.length > 200, String(first.length));
    limit.onGranted(
      first,
      first.map(({ tokens }) => ({ granted: tokens, waitMs: 0 })),
      60,
    );
    const keys = new Set(limit.onTick(100, true).map(({ key }) => key));
    for (const { key } of first) assert.ok(!keys.has(key), `${key} has been served`);
    assert.ok(keys.size >= 400 - first.length);
  });

  it("is made for all together that there was no room for", () => {
    const rate = { tokensPerMs: 0.001, burst: 3 };
    const limit = new SharedRateLimit(2);
    const passed = ["a", "b", "c", "d", "e", "f"].filter((client) => limit.admit(client, rate, 0) === ADMITTED);
    assert.deepEqual(passed, ["a", "b", "c", "d", "e"], "three of the last four, which share one lease");
    const wishes = limit.onTick(50, true);
    assert.deepEqual(wishes.map(({ key }) => key).toSorted(), ["*", "a", "b"]);
    limit.onGranted(
      wishes,
      wishes.map(({ key, tokens }) => ({ granted: key === "*" ? tokens : 0, waitMs: 1_000 })),
      60,
    );
    assert.equal(limit.admit("z", rate, 60), ADMITTED);
    assert.equal(limit.keys, 2);
  });

  it("is about nothing once everybody is quiet", () => {
    const world = new World(3, 1, { tokensPerMs: 0.1, burst: 10 });
    const [proxy] = world.proxies;
    assert.ok(proxy !== undefined);
    proxy.demand = 0.5;
    world.run(500);
    proxy.demand = 0;
    world.run(3_000);
    for (let nowMs = world.nowMs; nowMs < world.nowMs + 2_000; nowMs += 50) {
      assert.deepEqual(proxy.limit.onTick(nowMs, true), []);
    }
  });
});
