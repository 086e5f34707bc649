import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { Rest, type RestHome } from "../../../data-plane/listener/rest.ts";
import { LoadShedder } from "../../../data-plane/policy/load-shedder.ts";
import { TimerWheel } from "../../../shared/timer-wheel.ts";
import { ManualClock } from "../../support/manual-clock.ts";

const REQUEST = Buffer.from("GET / HTTP/1.1");
/** What a crowd leaves when nothing was under way before it. */
const ROOM = 256;

/** A listener with a crowd before it; `full` or not. */
function resting(direction: "inbound" | "outbound", full: boolean) {
  const clock = new ManualClock();
  clock.now = 10_000;
  const wheel = new TimerWheel(clock);
  const shedder = new LoadShedder(Infinity, 50);
  for (let count = 0; count <= 1_025; count += 1) shedder.admit("inside", 0, clock.now - (count === 0 ? 200 : 0));
  while (shedder.inFlight > (full ? ROOM : 0)) shedder.release();
  const home: RestHome = { inFlight: 0, services: { shedder, clock, wheel, direction } };
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
  it("is none while there is room, or for what the app calls", () => {
    for (const { rest, home, kept } of [resting("inbound", false), resting("outbound", true)]) {
      assert.equal(rest.takes(REQUEST), false);
      assert.deepEqual([kept, home.inFlight, rest.isResting, rest.restedMs], [[], 0, false, 0]);
    }
  });

  it("counts as a request that has begun, and ends when there is room, once", () => {
    const { rest, home, shedder, wheel, kept, pass, over } = resting("inbound", true);
    assert.equal(rest.takes(REQUEST), true);
    assert.deepEqual([kept, home.inFlight, rest.isWaiting, over()], [[REQUEST.toString()], 1, true, 0]);
    shedder.release();
    shedder.letIn();
    assert.deepEqual([home.inFlight, rest.isResting, rest.restedMs, over(), wheel.size], [0, false, 1, 1, 0]);
    pass(10_000);
    assert.equal(over(), 1);
  });

  it("ends after four seconds in line", () => {
    const { rest, home, shedder, pass, over } = resting("inbound", true);
    rest.takes(REQUEST);
    pass(3_990);
    assert.equal(over(), 0);
    pass(20.5);
    assert.deepEqual([over(), home.inFlight, rest.restedMs], [1, 0, 4_011]);
    // Its place in line comes by later, and nobody is there.
    shedder.release();
    shedder.letIn();
    assert.equal(over(), 1);
  });

  it("keeps away who was told to, and then finds a place in line, however long it is", () => {
    const { rest, home, shedder, pass, over } = resting("inbound", true);
    for (let count = 0; count < ROOM; count += 1) {
      shedder.joins({ isWaiting: true, onRoom: () => undefined }, false, 10_000);
    }
    rest.stayAway(700);
    assert.equal(rest.takes(REQUEST), true);
    assert.deepEqual([rest.isResting, rest.isWaiting], [true, false]);
    pass(710);
    assert.deepEqual([rest.isResting, rest.isWaiting, home.inFlight, over()], [true, true, 1, 0]);
    shedder.release();
    shedder.letIn();
    assert.deepEqual([over(), home.inFlight], [1, 0]);
  });

  it("is none for who comes as late as it was told, or when the crowd has gone", () => {
    for (const [awayMs, laterMs] of [
      [700, 700],
      [5_000, 1_000],
    ] as const) {
      const { rest, pass } = resting("inbound", false);
      rest.stayAway(awayMs);
      pass(laterMs);
      assert.equal(rest.takes(REQUEST), false);
    }
  });

  it("ends with its client", () => {
    const { rest, home, shedder, wheel, over } = resting("inbound", true);
    rest.takes(REQUEST);
    rest.end();
    assert.deepEqual([home.inFlight, wheel.size, rest.isWaiting], [0, 0, false]);
    shedder.release();
    shedder.letIn();
    rest.end();
    assert.deepEqual([over(), home.inFlight], [0, 0]);
  });
});
