import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { seededRandom } from "../../shared/random.ts";
import { Deadline, TimerWheel, turnWheel, type DeadlineOwner } from "../../shared/timer-wheel.ts";
import type { Timer } from "../../shared/timers.ts";
import { ManualClock } from "../support/manual-clock.ts";

const TICK_MS = 10;

function wheelWithLog(): {
  clock: ManualClock;
  wheel: TimerWheel;
  passed: Deadline[];
  owner: DeadlineOwner;
} {
  const clock = new ManualClock();
  const passed: Deadline[] = [];
  return { clock, wheel: new TimerWheel(clock, TICK_MS), passed, owner: { onDeadline: (d) => passed.push(d) } };
}

describe("a timer wheel", () => {
  it("tells a deadline once, not before its time and at most one tick late", () => {
    for (const delayMs of [0, 1, 9, 10, 11, 5_119, 5_120, 5_121, 60_000, 3_600_000]) {
      const { clock, wheel, passed, owner } = wheelWithLog();
      const deadline = new Deadline(owner);
      const dueMs = clock.now + delayMs;
      wheel.arm(deadline, delayMs);
      while (passed.length === 0) {
        assert.ok(clock.now < dueMs + 2 * TICK_MS, `a deadline of ${delayMs} ms never passed`);
        clock.now += TICK_MS;
        wheel.advance();
      }
      assert.ok(clock.now >= dueMs, `a deadline of ${delayMs} ms passed ${dueMs - clock.now} ms early`);
      assert.equal(wheel.size, 0);
      clock.now += 10_000;
      wheel.advance();
      assert.equal(passed.length, 1);
    }
  });

  it("lets an owner arm and cancel while it is told", () => {
    const clock = new ManualClock();
    const wheel = new TimerWheel(clock, TICK_MS);
    const told: string[] = [];
    const victim = new Deadline({ onDeadline: () => told.push("victim") });
    const again: Deadline = new Deadline({
      onDeadline: () => {
        told.push("again");
        wheel.cancel(victim);
        if (told.length < 3) wheel.arm(again, 20);
      },
    });
    wheel.arm(again, 20);
    wheel.arm(victim, 20);
    for (let step = 0; step < 20; step += 1) {
      clock.now += TICK_MS;
      wheel.advance();
    }
    assert.deepEqual(told, ["again", "again", "again"]);
    assert.equal(wheel.size, 0);
  });

  it("does not pass early after the process slept", () => {
    const { clock, wheel, passed, owner } = wheelWithLog();
    clock.now += 60_000;
    const deadline = new Deadline(owner);
    wheel.arm(deadline, 100);
    wheel.advance();
    assert.equal(passed.length, 0);
    clock.now += 110;
    wheel.advance();
    assert.equal(passed.length, 1);
  });

  it("behaves as a plain list of times, whatever is armed, moved and cancelled", () => {
    const seed = Number(process.env["HEDDLE_SEED"] ?? Math.floor(Math.random() * 2 ** 31));
    const random = seededRandom(seed);
    const clock = new ManualClock();
    const wheel = new TimerWheel(clock, TICK_MS);
    const model = new Map<Deadline, number>();
    const owner: DeadlineOwner = {
      onDeadline(deadline) {
        const dueMs = model.get(deadline);
        assert.ok(dueMs !== undefined, `an unarmed deadline passed (seed ${seed})`);
        assert.ok(dueMs <= clock.now, `a deadline passed early (seed ${seed})`);
        model.delete(deadline);
      },
    };
    const deadlines = Array.from({ length: 50 }, () => new Deadline(owner));
    for (let step = 0; step < 20_000; step += 1) {
      const deadline = deadlines[random.below(deadlines.length)];
      assert.ok(deadline !== undefined);
      const what = random.unit();
      if (what < 0.5) {
        const delayMs = random.unit() < 0.1 ? random.below(20_000) : random.below(300);
        wheel.arm(deadline, delayMs);
        model.set(deadline, clock.now + delayMs);
      } else if (what < 0.7) {
        wheel.cancel(deadline);
        model.delete(deadline);
      } else {
        clock.now += random.unit() < 0.01 ? random.below(15_000) : random.unit() * TICK_MS;
        wheel.advance();
        for (const dueMs of model.values())
          assert.ok(dueMs > clock.now - TICK_MS, `a deadline is late at step ${step} (seed ${seed})`);
      }
      assert.equal(wheel.size, model.size, `sizes differ at step ${step} (seed ${seed})`);
      assert.equal(deadline.isArmed, model.has(deadline));
    }
  });

  it("waits after a pause until what came meanwhile was read, and no longer", () => {
    const { clock, wheel, passed, owner } = wheelWithLog();
    let turn = (): void => {};
    const reads: (() => void)[] = [];
    const every = (_periodMs: number, run: () => void): Timer => ((turn = run), { cancel: () => {} });
    turnWheel(wheel, { every }, TICK_MS, (task) => reads.push(task));
    const deadline = new Deadline(owner);
    const answered = new Deadline(owner);
    for (const one of [deadline, answered]) wheel.arm(one, 50 * TICK_MS);
    clock.now += 100 * TICK_MS;
    // Other timers took long: it is due again before a socket was read.
    for (let count = 0; count < 2; count += 1) turn();
    assert.deepEqual([passed, reads.length], [[], 1]);
    wheel.cancel(answered);
    // What begins while sockets are read is looked at later, however long that takes.
    const begun = new Deadline(owner);
    wheel.arm(begun, 50 * TICK_MS);
    clock.now += 100 * TICK_MS;
    reads.shift()?.();
    assert.deepEqual(passed, [deadline]);
    turn();
    wheel.cancel(begun);
    reads.shift()?.();
    assert.deepEqual(passed, [deadline]);
    // In time again, and late again.
    wheel.arm(deadline, TICK_MS);
    clock.now += 2 * TICK_MS;
    turn();
    assert.deepEqual([passed, reads.length], [[deadline, deadline], 0]);
    wheel.arm(deadline, TICK_MS);
    clock.now += 100 * TICK_MS;
    turn();
    assert.deepEqual([passed.length, reads.length], [2, 1]);
    reads.shift()?.();
    assert.equal(passed.length, 3);
  });
});
