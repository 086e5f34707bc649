import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { Crowd } from "../../../data-plane/policy/crowd.ts";

const PERIOD_MS = 50;

/** A turn with so many requests, which take so long together. */
function turn(crowd: Crowd, nowMs: number, count: number, tookMs: number): void {
  for (let n = 0; n < count; n += 1) crowd.onRequest(nowMs + (n * tookMs) / (count - 1));
}

/** Comes at 0 and is noticed at 200; `inFlight` were under way before. */
function crowdOf(inFlight: number): Crowd {
  const crowd = new Crowd();
  crowd.onTurn(0, 0, inFlight);
  turn(crowd, 0, 2_000, 200);
  return crowd;
}

/** What the proxy of the model can do. */
const ANSWERS_PER_TURN = 200;

/** A service that takes so many turns to answer, and always somebody in line. Of 400 turns, the second half. */
function underLoad(serviceTurns: number): { readonly answered: number; readonly rooms: readonly number[] } {
  const crowd = crowdOf(0);
  const rooms: number[] = [];
  let answered = 0;
  for (let at = 0; at < 400; at += 1) {
    const nowMs = 300 + at * PERIOD_MS;
    crowd.onWaiting(nowMs);
    crowd.onAdmitted();
    // Little's law: those under way are with the service, or they keep the loop busy.
    const share = Math.min(1, crowd.room / (ANSWERS_PER_TURN * serviceTurns));
    crowd.onTurn(nowMs, 1 - share, crowd.room);
    if (at < 200) continue;
    answered += share / 200;
    rooms.push(crowd.room);
  }
  return { answered, rooms };
}

describe("a crowd", () => {
  it("leaves as much room as was taken before it, but enough to keep a proxy busy", () => {
    assert.deepEqual([crowdOf(1_000).room, crowdOf(3).room, new Crowd().room], [1_000, 256, Infinity]);
  });

  it("has deadlines looked at while no timer does, once in a while, and takes room away each time", () => {
    const crowd = crowdOf(1_000);
    assert.deepEqual(
      [201, 202, 300, 302, 303].map((nowMs) => crowd.isLookDue(nowMs)),
      [true, false, false, true, false],
    );
    assert.equal(crowd.room, 902);
    crowd.onTurn(310, 0, 0);
    assert.equal(crowd.isLookDue(1_000), false);
  });

  it("gives room as far as the loop has nothing to do, and takes it while it always has, if somebody has to wait", () => {
    const crowd = crowdOf(1_000);
    const rooms = [0.5, 0.5, 0.1, 0.05, 0.049, 0].map((idleShare, at) => {
      const nowMs = 300 + at * PERIOD_MS;
      if (at !== 1) crowd.onWaiting(nowMs);
      crowd.onAdmitted();
      crowd.onTurn(nowMs, idleShare, 1_000);
      return crowd.room;
    });
    assert.deepEqual(rooms, [1_250, 1_250, 1_313, 1_346, 1_278, 1_214]);
    for (let at = 0; at < 100; at += 1) {
      crowd.onWaiting(600 + at);
      crowd.onAdmitted();
      crowd.onTurn(600 + at, 0, 1_000);
    }
    assert.equal(crowd.room, 16);
  });

  it("lets somebody in beside what does not end, though the loop has no time", () => {
    const crowd = crowdOf(0);
    let inFlight = 100;
    let served = 0;
    for (let nowMs = 300; nowMs < 10_300; nowMs += PERIOD_MS) {
      crowd.onWaiting(nowMs);
      // A hundred downloads keep it busy; what else is let in has its answer within the turn.
      const room = Math.max(0, crowd.room - inFlight);
      for (let n = 0; n < room; n += 1) crowd.onAdmitted();
      if (nowMs >= 5_300) served += room;
      crowd.onTurn(nowMs, 0, inFlight);
    }
    assert.ok(served >= 400 && crowd.room < 120, `${served} served, room for ${crowd.room}`);
    // It drains what came before it: nobody is let in meanwhile, and that is well.
    const draining = crowdOf(300);
    for (inFlight = 290; inFlight > 200; inFlight -= 10) {
      draining.onWaiting(300);
      draining.onTurn(300, 0, inFlight);
      assert.ok(draining.room <= 300);
    }
  });

  it("leaves so few under way as keep the proxy busy, whether the service behind it is quick or slow", () => {
    for (const serviceTurns of [0.01, 1, 4, 20]) {
      const needed = Math.max(16, ANSWERS_PER_TURN * serviceTurns);
      const { answered, rooms } = underLoad(serviceTurns);
      const [least, most] = [Math.min(...rooms), Math.max(...rooms)];
      assert.ok(answered > 0.9, `${answered} of what it can answer with ${serviceTurns}`);
      assert.ok(least > 0.7 * needed && most < 1.4 * needed, `${least} to ${most}, and ${needed} are needed`);
    }
  });

  it("has gone when nobody had to wait for a second", () => {
    const crowd = crowdOf(0);
    crowd.onWaiting(500);
    crowd.onTurn(1_499, 0, 256);
    assert.deepEqual([crowd.isPresent(1_499), Number.isFinite(crowd.room)], [true, true]);
    crowd.onTurn(1_500, 0, 256);
    assert.deepEqual([crowd.isPresent(1_500), crowd.room], [false, Infinity]);
  });

  it("may wait in a line as long as what is let in within two seconds, which one bad second does not shorten", () => {
    const crowd = crowdOf(0);
    assert.equal(crowd.lineMax, 256);
    const second = (nowMs: number, admitted: number): number => {
      for (let n = 0; n < admitted; n += 1) crowd.onAdmitted();
      crowd.onRequest(nowMs);
      return crowd.lineMax;
    };
    assert.deepEqual([second(1_000, 4_000), second(2_000, 0), second(4_000, 10_000)], [8_000, 6_000, 10_000]);
  });

  it("tells the refused to stay away for longer the more they are, with some chance, and for five seconds at most", () => {
    const crowd = crowdOf(0);
    const restOf = (unit: number): number => {
      crowd.onRefused(300, unit);
      return Math.round(crowd.restMs);
    };
    assert.deepEqual([restOf(0), restOf(0.5)], [1_008, 864]);
    for (let n = 0; n < 247; n += 1) crowd.onRefused(300, 0);
    assert.equal(restOf(0), 3_000);
    for (let n = 0; n < 1_000; n += 1) crowd.onRefused(300, 0);
    assert.deepEqual([restOf(0), restOf(0.5)], [5_000, 4_250]);
    // In the next second as many are expected.
    crowd.onRequest(1_300);
    assert.equal(restOf(0), 5_000);
  });
});
