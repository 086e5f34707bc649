import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { drain, type Drained } from "../../data-plane/drain.ts";
import { UPSTREAM_IDLE_MS } from "../../shared/defaults.ts";
import type { Timers } from "../../shared/timers.ts";
import { ManualClock } from "../support/manual-clock.ts";
import { silentLog } from "../support/stores.ts";

/** A drain in a world where time passes only by `pass`: how long it took until it settled. */
class Drain {
  readonly clock = new ManualClock();
  readonly draining: string[] = [];
  inFlight = 0;
  connections = 0;
  tookMs: number | undefined = undefined;
  #task: () => void = () => {};

  start(isKnownToAll: boolean): void {
    const startMs = this.clock.nowMs();
    const listeners: Drained = {
      drain: (side) => void this.draining.push(side ?? "both"),
      inFlight: () => this.inFlight,
      connections: () => this.connections,
    };
    const timers: Timers = {
      after: () => assert.fail("a drain only polls"),
      every: (_periodMs, task) => {
        this.#task = task;
        return { cancel: () => (this.#task = () => {}) };
      },
    };
    const announce = (): Promise<{ isKnownToAll: boolean; words: string }> =>
      Promise.resolve({ isKnownToAll, words: "" });
    const options = { listeners, announce, clock: this.clock, timers, log: silentLog, keepOutbound: true };
    drain(options).then(
      () => (this.tookMs = this.clock.nowMs() - startMs),
      (error: unknown) => assert.fail(String(error)),
    );
  }

  async pass(ms: number): Promise<void> {
    for (let passed = 0; passed < ms; passed += 20) {
      await new Promise(setImmediate);
      this.clock.now += 20;
      this.#task();
    }
    await new Promise(setImmediate);
  }
}

describe("a drain", () => {
  it("is over soon when every peer knows and no request is on its way", async () => {
    const world = new Drain();
    world.connections = 3;
    world.start(true);
    await world.pass(1_000);
    assert.ok((world.tookMs ?? Infinity) <= 300, `took ${world.tookMs} ms`);
  });

  it("keeps idle connections for as long as untold peers may still use them: a POST on one is not lost", async () => {
    const world = new Drain();
    world.connections = 3;
    world.start(false);
    await world.pass(UPSTREAM_IDLE_MS);
    assert.equal(world.tookMs, undefined);
    await world.pass(1_000);
    assert.notEqual(world.tookMs, undefined);
  });

  it("is over at once when the last connection has closed", async () => {
    const world = new Drain();
    world.start(false);
    await world.pass(40);
    assert.ok((world.tookMs ?? Infinity) <= 40);
    assert.deepEqual(world.draining, ["inbound"]);
  });

  it("waits for requests in flight, but not for ever", async () => {
    const world = new Drain();
    world.inFlight = 1;
    world.connections = 1;
    world.start(true);
    await world.pass(29_000);
    assert.equal(world.tookMs, undefined);
    await world.pass(2_000);
    assert.ok((world.tookMs ?? 0) >= 30_000);
  });
});
