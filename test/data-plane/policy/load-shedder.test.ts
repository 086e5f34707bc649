import assert from "node:assert/strict";
import { describe, it } from "node:test";

import fc from "fast-check";

import { LoadShedder } from "../../../data-plane/policy/load-shedder.ts";
import { seededRandom } from "../../../shared/random.ts";

const PERIOD_MS = 50;

/** Lets the loop be late by so much at each of so many turns. */
function turn(shedder: LoadShedder, from: { nowMs: number }, turns: number, lateMs: number): void {
  for (let count = 0; count < turns; count += 1) shedder.onTurn((from.nowMs += PERIOD_MS + lateMs));
}

/** Of a thousand requests that come while 32 others are under way. */
function refusedOf(shedder: LoadShedder, isInbound: boolean): number {
  const random = seededRandom(3);
  let refused = 0;
  while (shedder.inFlight < 32) shedder.admit(true, 0, 0);
  for (let count = 0; count < 1_000; count += 1) {
    if (shedder.admit(isInbound, random.unit(), 0)) shedder.release();
    else refused += 1;
  }
  return refused;
}

/** So many come in one turn after a pause, one every `everyMs`, and none is finished. */
function crowd(
  count: number,
  everyMs: number,
  pauseMs = 0,
): { readonly shedder: LoadShedder; readonly admitted: number } {
  const shedder = new LoadShedder(Infinity, PERIOD_MS);
  shedder.onTurn(0);
  let admitted = 0;
  for (let n = 1; n <= count; n += 1) if (shedder.admit(true, 0, pauseMs + n * everyMs)) admitted += 1;
  return { shedder, admitted };
}

describe("the load shedder", () => {
  it("lets no more than its bound be under way", () => {
    const shedder = new LoadShedder(2, PERIOD_MS);
    assert.deepEqual(
      [1, 2, 3].map(() => shedder.admit(true, 0, 0)),
      [true, true, false],
    );
    shedder.release();
    assert.equal(shedder.admit(true, 0, 0), true);
    assert.deepEqual([shedder.inFlight, shedder.refusedFull], [2, 1]);
  });

  it("refuses nothing while the loop is in time, nor for a pause: only when it is late again and again", () => {
    const shedder = new LoadShedder(Infinity, PERIOD_MS);
    const time = { nowMs: 0 };
    turn(shedder, time, 100, 200);
    assert.equal(refusedOf(shedder, true), 0);
    turn(shedder, time, 3, 2_000);
    assert.equal(refusedOf(shedder, true), 0);
    turn(shedder, time, 1, 300);
    assert.ok(refusedOf(shedder, true) > 100);
    turn(shedder, time, 2, 0);
    assert.equal(refusedOf(shedder, true), 0);
  });

  it("refuses nothing for lateness while few requests are under way: the loop is late for another reason", () => {
    const shedder = new LoadShedder(Infinity, PERIOD_MS);
    turn(shedder, { nowMs: 0 }, 1_000, 1_000);
    for (let count = 0; count < 32; count += 1) assert.equal(shedder.admit(true, 0, 0), true);
    assert.equal(shedder.admit(true, 0, 0), false);
    shedder.release();
    assert.equal(shedder.admit(true, 0, 0), true);
  });

  it("refuses what comes from outside before the app's own calls", () => {
    const shedder = new LoadShedder(Infinity, PERIOD_MS);
    turn(shedder, { nowMs: 0 }, 9, 300);
    assert.ok(refusedOf(shedder, true) > 900);
    assert.equal(refusedOf(shedder, false), 0);
  });

  it("always lets somebody in, and everybody a second after the loop is in time again", () => {
    const shedder = new LoadShedder(Infinity, PERIOD_MS);
    const time = { nowMs: 0 };
    turn(shedder, time, 1_000, 1_000);
    assert.ok(refusedOf(shedder, true) < 1_000 && refusedOf(shedder, false) < 1_000);
    turn(shedder, time, 20, 0);
    assert.deepEqual([refusedOf(shedder, true), refusedOf(shedder, false)], [0, 0]);
  });

  it("lets one in for one that has finished once more have come in one long turn than the system gives at once", () => {
    const { shedder, admitted } = crowd(2_000, 0.1);
    // 1,024 are what may come at once; by the next one 100 ms have passed since the first.
    assert.equal(admitted, 1_024);
    assert.deepEqual([shedder.isCrowded(200), shedder.refusedCrowd], [true, 2_000 - 1_024]);
    shedder.release();
    assert.deepEqual(
      [1, 2].map(() => shedder.admit(true, 0, 200)),
      [true, false],
    );
    assert.equal(shedder.admit(false, 0, 200), true);
  });

  it("sees no crowd in as many that come in short turns, in fewer that come in a long one, or after a pause", () => {
    assert.equal(crowd(2_000, 0.04).admitted, 2_000);
    assert.equal(crowd(1_024, 5).admitted, 1_024);
    assert.equal(crowd(2_000, 0.04, 5_000).admitted, 2_000);
    const shedder = new LoadShedder(Infinity, PERIOD_MS);
    for (let nowMs = 0; nowMs < 5_000; nowMs += 100) {
      shedder.onTurn(nowMs);
      for (let count = 0; count < 1_000; count += 1) assert.equal(shedder.admit(true, 0, nowMs + 99), true);
    }
  });

  it("has deadlines looked at while a crowd keeps the loop from its timers, once in a while", () => {
    const { shedder } = crowd(1_025, 0.1);
    assert.deepEqual(
      [101, 102, 150, 201, 202].map((nowMs) => shedder.isLookDue(nowMs)),
      [true, false, false, true, false],
    );
    shedder.onTurn(210);
    assert.equal(shedder.isLookDue(1_000), false);
  });

  it("tells the refused to stay away for longer while the crowd lasts, and lets everybody in a second after it has gone", () => {
    const { shedder } = crowd(2_000, 0.1);
    const seen: number[] = [];
    for (let nowMs = 0; nowMs <= 6_000; nowMs += 500) {
      for (let count = 0; count < 1_100; count += 1) shedder.admit(true, 0, nowMs + (count === 0 ? 50 : 200));
      seen.push(shedder.retryAfterSec(nowMs + 200));
      for (const turnMs of [250, 450]) shedder.onTurn(nowMs + turnMs);
    }
    assert.deepEqual(seen, [1, 1, 2, 2, 3, 3, 4, 4, 4, 4, 4, 4, 4]);
    assert.deepEqual([shedder.isCrowded(7_199), shedder.isCrowded(7_200)], [true, false]);
    assert.equal(shedder.retryAfterSec(7_200), 1);
    assert.equal(shedder.admit(true, 0, 7_200), true);
  });

  it("counts what is under way exactly, whatever happens", () => {
    const event = fc.oneof(
      fc.record({
        kind: fc.constant("admit" as const),
        isInbound: fc.boolean(),
        unit: fc.double({ min: 0, max: 0.999, noNaN: true }),
      }),
      fc.record({ kind: fc.constant("release" as const) }),
      fc.record({ kind: fc.constant("turn" as const), lateMs: fc.nat(300) }),
    );
    fc.assert(
      fc.property(fc.nat(5), fc.array(event, { maxLength: 200 }), (requestsMax, events) => {
        const shedder = new LoadShedder(requestsMax, PERIOD_MS);
        let [nowMs, open, refused] = [0, 0, 0];
        for (const one of events) {
          if (one.kind === "turn") shedder.onTurn((nowMs += PERIOD_MS + one.lateMs));
          else if (one.kind === "admit" && shedder.admit(one.isInbound, one.unit, nowMs)) open += 1;
          else if (one.kind === "admit") refused += 1;
          else if (open > 0) {
            open -= 1;
            shedder.release();
          }
          assert.equal(shedder.inFlight, open);
          assert.ok(open <= requestsMax);
          assert.equal(shedder.refusedFull + shedder.refusedLate + shedder.refusedCrowd, refused);
          assert.ok(shedder.severity >= 0 && shedder.severity <= 1);
        }
      }),
      { numRuns: 2_000 },
    );
  });
});
