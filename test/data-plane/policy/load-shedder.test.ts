import assert from "node:assert/strict";
import { describe, it } from "node:test";

import fc from "fast-check";

import { OwnCount } from "../../../data-plane/policy/count.ts";
import { LoadShedder } from "../../../data-plane/policy/load-shedder.ts";
import { Place } from "../../../data-plane/policy/waiting-line.ts";

const PERIOD_MS = 50;
/** What a crowd leaves when nothing was under way before it. */
const ROOM = 64;
const LINE = 256;

/** Lets the loop be late by so much at each of so many turns. */
function turn(shedder: LoadShedder, from: { nowMs: number }, turns: number, lateMs: number): void {
  for (let count = 0; count < turns; count += 1) shedder.onTurn((from.nowMs += PERIOD_MS + lateMs), 0);
}

/** So many come in one turn after a pause, one every `everyMs`, and none is finished. */
function crowd(
  count: number,
  everyMs: number,
  pauseMs = 0,
): { readonly shedder: LoadShedder; readonly admitted: number } {
  const shedder = new LoadShedder(Infinity, PERIOD_MS);
  shedder.onTurn(0, 0);
  let admitted = 0;
  for (let n = 1; n <= count; n += 1) if (shedder.admit(false, 0, pauseMs + n * everyMs)) admitted += 1;
  return { shedder, admitted };
}

describe("the load shedder", () => {
  it("lets no more than its bound be under way", () => {
    const shedder = new LoadShedder(2, PERIOD_MS);
    assert.deepEqual(
      [1, 2, 3].map(() => shedder.admit(false, 0, 0)),
      [true, true, false],
    );
    shedder.release();
    assert.equal(shedder.admit(false, 0, 0), true);
    assert.deepEqual([shedder.inFlight, shedder.refusedFull], [2, 1]);
  });

  it("refuses nothing while the loop is in time, nor for a pause: only when it is late again and again", () => {
    const shedder = new LoadShedder(Infinity, PERIOD_MS);
    const time = { nowMs: 0 };
    turn(shedder, time, 100, 50);
    turn(shedder, time, 3, 2_000);
    assert.equal(shedder.isCrowded(time.nowMs), false);
    while (shedder.inFlight < 100) shedder.admit(false, 0, time.nowMs);
    turn(shedder, time, 3, 2_000);
    assert.equal(shedder.isCrowded(time.nowMs), false);
    turn(shedder, time, 1, 150);
    assert.equal(shedder.isCrowded(time.nowMs), true);
    assert.equal(shedder.admit(false, 0, time.nowMs), false);
    for (let count = 0; count < 100; count += 1) shedder.release();
    turn(shedder, time, 20, 0);
    assert.deepEqual([shedder.inFlight, shedder.isCrowded(time.nowMs)], [0, false]);
  });

  it("lets no more be under way than keep it busy once more have come in one long turn than the system gives at once", () => {
    const { shedder, admitted } = crowd(2_000, 0.1);
    // 1,024 are what may come at once; by the next one 100 ms have passed since the first.
    assert.equal(admitted, 1_025);
    assert.deepEqual([shedder.isCrowded(200), shedder.refusedCrowd], [true, 2_000 - 1_025]);
    for (let count = 0; count <= 1_025 - ROOM; count += 1) shedder.release();
    assert.deepEqual(
      [1, 2].map(() => shedder.admit(false, 0, 200)),
      [true, false],
    );
  });

  it("sees no crowd in as many that come in short turns, in fewer that come in a long one, or after a pause", () => {
    assert.equal(crowd(2_000, 0.04).admitted, 2_000);
    assert.equal(crowd(1_024, 5).admitted, 1_024);
    assert.equal(crowd(2_000, 0.04, 5_000).admitted, 2_000);
    const shedder = new LoadShedder(Infinity, PERIOD_MS);
    for (let nowMs = 0; nowMs < 5_000; nowMs += 100) {
      shedder.onTurn(nowMs, 0);
      for (let count = 0; count < 1_000; count += 1) assert.equal(shedder.admit(false, 0, nowMs + 99), true);
    }
  });

  it("has who comes next wait in line, lets in the first of them for each that finishes, and refuses beyond the line", () => {
    const { shedder } = crowd(2_000, 0.1);
    const told: number[] = [];
    const join = (id: number, hasRested = false): boolean =>
      shedder.joins(new Place({ onRoom: () => void told.push(id) }), hasRested, 200);
    for (let id = 0; id < LINE; id += 1) assert.equal(join(id), true);
    assert.deepEqual([join(LINE), join(LINE, true), shedder.waiting], [false, true, LINE + 1]);
    for (let count = 0; count < 1_025 - ROOM; count += 1) assert.equal(shedder.release(), false);
    assert.equal(shedder.release(), true);
    // Nobody is let in before who waits; but who was told to come is.
    assert.equal(shedder.admit(false, 0, 200), false);
    assert.equal(shedder.admit(true, 0, 200), true);
    assert.equal(shedder.admit(true, 0, 200), false);
    for (let count = 0; count < 2; count += 1) shedder.release();
    // The waiters of this test bring no request, so there stays room until the line is empty.
    shedder.letIn();
    assert.deepEqual(told, [...Array(LINE).keys(), LINE]);
    assert.equal(join(0), false);
  });

  it("lets in only as many who wait as there is room for, also when they come at once", () => {
    const { shedder } = crowd(2_000, 0.1);
    let served = 0;
    for (let id = 0; id < 100; id += 1) {
      const onRoom = (): void => void (served += Number(shedder.admit(true, 0, 200)));
      shedder.joins(new Place({ onRoom }), false, 200);
    }
    for (let count = 0; count < 1_025 - ROOM + 10; count += 1) shedder.release();
    shedder.letIn();
    assert.deepEqual([served, shedder.inFlight, shedder.waiting], [10, ROOM, 90]);
    for (let n = 1; n <= 30; n += 1) shedder.onTurn(200 + PERIOD_MS * n, PERIOD_MS * n);
    assert.deepEqual([served, shedder.waiting], [100, 0]);
  });

  it("still has a room after two turns in one moment", () => {
    const { shedder } = crowd(2_000, 0.1);
    while (shedder.inFlight > 40) shedder.release();
    for (let turns = 0; turns < 2; turns += 1) shedder.onTurn(250, 0);
    while (shedder.admit(false, 0, 250));
    assert.equal(shedder.inFlight, 51);
  });

  it("has a crowd as long as anybody waits, though nobody comes any more", () => {
    const { shedder } = crowd(2_000, 0.1);
    for (let id = 0; id < 10; id += 1) {
      shedder.joins(new Place({ onRoom: () => assert.fail("there is no room") }), false, 200);
    }
    for (let n = 1; n <= 30; n += 1) shedder.onTurn(200 + PERIOD_MS * n, 3 * n);
    assert.deepEqual([shedder.waiting, shedder.isCrowded(1_700)], [10, true]);
  });

  it("shares its bound with others, and neither counts nor keeps anybody waiting for what they have under way", () => {
    const ofAll = new OwnCount();
    const [one, other] = [new LoadShedder(3, PERIOD_MS, ofAll), new LoadShedder(3, PERIOD_MS, ofAll)];
    assert.deepEqual(
      [one, other, one, other].map((shedder) => shedder.admit(false, 0, 0)),
      [true, true, true, false],
    );
    assert.deepEqual([one.inFlight, other.inFlight, other.refusedFull, ofAll.total], [2, 1, 1, 3]);
    one.release();
    assert.deepEqual([other.admit(false, 0, 0), one.admit(false, 0, 0)], [true, false]);
  });

  it("counts what is under way exactly, whatever happens", () => {
    const event = fc.oneof(
      fc.record({
        kind: fc.constant("admit" as const),
        hasRested: fc.boolean(),
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
          if (one.kind === "turn") shedder.onTurn((nowMs += PERIOD_MS + one.lateMs), 0);
          else if (one.kind === "admit" && shedder.admit(one.hasRested, one.unit, nowMs)) open += 1;
          else if (one.kind === "admit") refused += 1;
          else if (open > 0) {
            open -= 1;
            shedder.release();
          }
          assert.equal(shedder.inFlight, open);
          assert.ok(open <= requestsMax);
          assert.equal(shedder.refusedFull + shedder.refusedCrowd, refused);
        }
      }),
      { numRuns: 2_000 },
    );
  });
});
