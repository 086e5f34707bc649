import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { CircuitBreaker, REFUSED, type BreakerView } from "../../../data-plane/policy/circuit-breaker.ts";
import type { Verdict } from "../../../data-plane/policy/verdict.ts";
import { clearWorker, SharedCount, sharedCountMemory } from "../../../data-plane/workers/shared-count.ts";
import type { BreakerPolicy } from "../../../shared/model/cluster-policy.ts";
import { seededRandom } from "../../../shared/random.ts";

const POLICY: BreakerPolicy = {
  thresholdPercent: 50,
  windowMs: 10_000,
  samplesMin: 10,
  consecutiveFailures: 5,
  recoveryMs: 1_000,
  recoveryMaxMs: 8_000,
  successes: 2,
};
const WORKERS = 3;

type Message = { readonly verdict: Verdict } | { readonly view: BreakerView };

/** Breakers of one service in several workers, with news that take their time but keep their order. */
class World {
  nowMs = 0;
  readonly breakers: readonly CircuitBreaker[];
  /** From each worker to each other. */
  readonly #ways = new Map<string, Message[]>();

  constructor(memory: SharedArrayBuffer) {
    this.breakers = Array.from(
      { length: WORKERS },
      (_, worker) => new CircuitBreaker(new SharedCount(memory, worker, 1)),
    );
  }

  get states(): readonly string[] {
    return this.breakers.map(({ state }) => state);
  }

  report(worker: number, permit: number, verdict: Verdict): void {
    const breaker = this.breakers[worker];
    assert.ok(breaker !== undefined);
    const before = breaker.state;
    breaker.report(POLICY, permit, { verdict, nowMs: this.nowMs }, 0.5);
    this.#tell(worker, { verdict });
    if (before !== "closed" || breaker.state !== "closed") this.#tell(worker, { view: breaker.view(this.nowMs) });
  }

  deliver(from: number, to: number): void {
    const breaker = this.breakers[to];
    for (const message of this.#ways.get(`${from} ${to}`)?.splice(0) ?? []) {
      if ("view" in message) breaker?.adopt(message.view, this.nowMs);
      else breaker?.hear(POLICY, { verdict: message.verdict, nowMs: this.nowMs });
    }
  }

  deliverAll(): void {
    for (let from = 0; from < WORKERS; from += 1) for (let to = 0; to < WORKERS; to += 1) this.deliver(from, to);
  }

  #tell(from: number, message: Message): void {
    for (let to = 0; to < WORKERS; to += 1) {
      if (to === from) continue;
      const way = this.#ways.get(`${from} ${to}`) ?? [];
      way.push(message);
      this.#ways.set(`${from} ${to}`, way);
    }
  }
}

function world(): World {
  return new World(sharedCountMemory(WORKERS));
}

function fail(one: World, worker: number): void {
  one.report(worker, one.breakers[worker]?.admit(one.nowMs) ?? REFUSED, "error");
  one.deliverAll();
}

describe("the breaker of a service in several workers", () => {
  it("opens everywhere by failures that no worker met alone, and counts as one opening", () => {
    const one = world();
    for (const worker of [0, 1, 2, 0]) fail(one, worker);
    assert.deepEqual(one.states, ["closed", "closed", "closed"]);
    fail(one, 1);
    assert.deepEqual(one.states, ["open", "open", "open"]);
    assert.deepEqual(
      one.breakers.map(({ opens }) => opens),
      [0, 1, 0],
    );
    assert.deepEqual(new Set(one.breakers.map(({ probeAtMs }) => probeAtMs)).size, 1);
  });

  it("lets one worker probe at a time, whichever is asked, and closes everywhere when enough have succeeded", () => {
    const one = world();
    for (const worker of [0, 1, 2, 0, 1]) fail(one, worker);
    one.nowMs = 1_000;
    const first = one.breakers[2]?.admit(one.nowMs) ?? REFUSED;
    assert.notEqual(first, REFUSED);
    assert.equal(one.breakers[0]?.admit(one.nowMs), REFUSED);
    one.report(2, first, "success");
    one.deliverAll();
    assert.deepEqual(one.states, ["half-open", "half-open", "half-open"]);
    one.report(0, one.breakers[0]?.admit(one.nowMs) ?? REFUSED, "success");
    one.deliverAll();
    assert.deepEqual(one.states, ["closed", "closed", "closed"]);
  });

  it("is free for another probe when the worker that probed dies", () => {
    const memory = sharedCountMemory(WORKERS);
    const one = new World(memory);
    for (const worker of [0, 1, 2, 0, 1]) fail(one, worker);
    one.nowMs = 1_000;
    assert.notEqual(one.breakers[2]?.admit(one.nowMs), REFUSED);
    assert.equal(one.breakers[1]?.admit(one.nowMs), REFUSED);
    clearWorker(memory, 2);
    assert.notEqual(one.breakers[1]?.admit(one.nowMs), REFUSED);
  });

  it("never has two probes in flight, and stands alike once all is told (1,000 worlds)", () => {
    const memory = sharedCountMemory(WORKERS);
    for (let seed = 0; seed < 1_000; seed += 1) {
      const random = seededRandom(seed);
      for (let worker = 0; worker < WORKERS; worker += 1) clearWorker(memory, worker);
      const one = new World(memory);
      const flying: { readonly worker: number; readonly permit: number }[] = [];
      const badShare = random.unit();
      for (let step = 0; step < 120; step += 1) {
        one.nowMs += random.below(random.unit() < 0.1 ? 1_500 : 20);
        const worker = random.below(WORKERS);
        const chance = random.unit();
        if (chance < 0.3) one.deliver(worker, random.below(WORKERS));
        else if (chance < 0.6 && flying.length > 0) {
          const [ended] = flying.splice(random.below(flying.length), 1);
          if (ended !== undefined) {
            const verdict = random.unit() < 0.1 ? "none" : random.unit() < badShare ? "error" : "success";
            one.report(ended.worker, ended.permit, verdict);
          }
        } else {
          const permit = one.breakers[worker]?.admit(one.nowMs) ?? REFUSED;
          if (permit !== REFUSED) flying.push({ worker, permit });
        }
        const probes = new SharedCount(memory, 0, 1).total;
        assert.ok(probes === 0 || probes === 1, `seed ${seed}: ${probes} probes in flight`);
      }
      for (const { worker, permit } of flying) one.breakers[worker]?.giveBack(permit);
      one.deliverAll();
      assert.equal(new SharedCount(memory, 0, 1).total, 0, `seed ${seed}: a probe was not given back`);
      one.nowMs += 60_000;
      for (let tries = 0; tries < 4 * WORKERS; tries += 1) {
        const worker = tries % WORKERS;
        const permit = one.breakers[worker]?.admit(one.nowMs) ?? REFUSED;
        if (permit !== REFUSED) one.report(worker, permit, "success");
        one.deliverAll();
      }
      assert.deepEqual(one.states, ["closed", "closed", "closed"], `seed ${seed}: a service that is well stays shut`);
    }
  });
});
