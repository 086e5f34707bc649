import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { Rest, type RestHome } from "../../../data-plane/listener/rest.ts";
import { LoadShedder } from "../../../data-plane/policy/load-shedder.ts";
import { Place } from "../../../data-plane/policy/waiting-line.ts";
import { TimerWheel } from "../../../shared/timer-wheel.ts";
import { ManualClock } from "../../support/manual-clock.ts";

const REQUEST = Buffer.from("GET / HTTP/1.1");
/** What a crowd leaves after its first turn. */
const ROOM = 57;
const LINE = 256;

/** A listener with a crowd before it; `full` or not. */
function resting(full: boolean) {
  const clock = new ManualClock();
  clock.now = 10_000;
  const wheel = new TimerWheel(clock);
  const shedder = new LoadShedder(Infinity, 50);
  for (let count = 0; count <= 1_025; count += 1) shedder.admit(false, 0, clock.now - (count === 0 ? 200 : 0));
  shedder.onTurn(clock.now, 0);
  while (shedder.inFlight > (full ? ROOM : 0)) shedder.release();
  const home: RestHome = { inFlight: 0, services: { shedder, clock, wheel } };
  const kept: string[] = [];
  let over = 0;
  const owner = { onRestOver: () => void (over += 1) };
  const rest = new Rest(owner, home, { keep: (bytes) => void kept.push(bytes.toString()) });
  const pass = (ms: number): void => {
    clock.now += ms;
    wheel.advance();
  };
  return { rest, home, shedder, wheel, kept, pass, over: () => over };
}

describe("a rest", () => {
  it("is none while there is room", () => {
    const { rest, home, kept } = resting(false);
    assert.equal(rest.takes(REQUEST), false);
    assert.deepEqual([kept, home.inFlight, rest.isResting, rest.restedMs], [[], 0, false, 0]);
  });

  it("counts as a request that has begun, and ends when there is room, once", () => {
    const { rest, home, shedder, wheel, kept, pass, over } = resting(true);
    assert.equal(rest.takes(REQUEST), true);
    assert.deepEqual([kept, home.inFlight, rest.isResting, over()], [[REQUEST.toString()], 1, true, 0]);
    shedder.release();
    shedder.letIn();
    assert.deepEqual([home.inFlight, rest.isResting, rest.restedMs, over(), wheel.size], [0, false, 1, 1, 0]);
    pass(10_000);
    assert.equal(over(), 1);
  });

  it("ends after ten seconds in line", () => {
    const { rest, home, shedder, pass, over } = resting(true);
    rest.takes(REQUEST);
    pass(9_990);
    assert.equal(over(), 0);
    pass(20.5);
    assert.deepEqual([over(), home.inFlight, rest.restedMs, shedder.waiting], [1, 0, 10_011, 0]);
  });

  it("keeps away who was told to, and then finds a place in line, however long it is", () => {
    const { rest, home, shedder, pass, over } = resting(true);
    const others = Array.from({ length: LINE }, () => new Place({ onRoom: () => undefined }));
    for (const other of others) shedder.joins(other, false, 10_000);
    rest.stayAway(700);
    assert.equal(rest.takes(REQUEST), true);
    pass(690);
    assert.deepEqual([rest.isResting, home.inFlight, over(), shedder.waiting], [true, 1, 0, LINE + 1]);
    pass(20);
    for (const other of others) other.line?.leave(other);
    // Away it would have passed over who comes later; now it stands before them.
    const later = new Place({ onRoom: () => assert.fail("it is not its turn") });
    shedder.joins(later, false, 10_710);
    assert.deepEqual([rest.isResting, over(), shedder.waiting], [true, 0, 2]);
    shedder.release();
    shedder.admit(true, 0, 10_710);
    shedder.release();
    later.line?.leave(later);
    shedder.letIn();
    assert.deepEqual([over(), home.inFlight, shedder.waiting], [1, 0, 0]);
  });

  it("ends before its time when there is room that nobody in line needs", () => {
    const { rest, shedder, pass, over } = resting(true);
    rest.stayAway(5_000);
    rest.takes(REQUEST);
    let served = 0;
    const other = new Place({ onRoom: () => void (served += Number(shedder.admit(true, 0, 10_000))) });
    shedder.joins(other, false, 10_000);
    shedder.release();
    shedder.letIn();
    assert.deepEqual([served, over()], [1, 0]);
    pass(1_000);
    shedder.release();
    shedder.letIn();
    assert.deepEqual([over(), rest.restedMs, shedder.waiting], [1, 1_000, 0]);
  });

  it("is none for who comes as late as it was told, or when there is room", () => {
    for (const [awayMs, laterMs] of [
      [700, 700],
      [5_000, 0],
    ] as const) {
      const { rest, pass } = resting(false);
      rest.stayAway(awayMs);
      pass(laterMs);
      assert.equal(rest.takes(REQUEST), false);
    }
  });

  it("ends with its client", () => {
    const { rest, home, shedder, wheel, over } = resting(true);
    rest.takes(REQUEST);
    rest.end();
    assert.deepEqual([home.inFlight, wheel.size, rest.isResting, shedder.waiting], [0, 0, false, 0]);
    shedder.release();
    shedder.letIn();
    rest.end();
    assert.deepEqual([over(), home.inFlight], [0, 0]);
  });
});
