import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { Crowd } from "../../../data-plane/policy/crowd.ts";

const PERIOD_MS = 50;

/** A turn with so many requests, which take so long together. */
function turn(crowd: Crowd, nowMs: number, count: number, tookMs: number): void {
  for (let n = 0; n < count; n += 1) crowd.onRequest(nowMs + (n * tookMs) / (count - 1));
}

/** Comes at 0 and is noticed at 200; many were under way before. */
function newCrowd(): Crowd {
  const crowd = new Crowd();
  crowd.onTurn(0, 0, 0, 300);
  turn(crowd, 0, 2_000, 200);
  return crowd;
}

/** What the proxy of the model can do. */
const ANSWERS_PER_TURN = 200;

/** A service that takes so many turns to answer, and always somebody in line. Of 400 turns, the second half. */
function underLoad(serviceTurns: number): { readonly answered: number; readonly rooms: readonly number[] } {
  const crowd = newCrowd();
  const rooms: number[] = [];
  let answered = 0;
  for (let at = 0; at < 400; at += 1) {
    const nowMs = 300 + at * PERIOD_MS;
    crowd.onWaiting(nowMs);
    crowd.onAdmitted();
    // Little's law: those under way are with the service, or they keep the loop busy.
    const share = Math.min(1, crowd.room / (ANSWERS_PER_TURN * serviceTurns));
    crowd.onTurn(nowMs, 0, 1 - share, crowd.room);
    if (at < 200) continue;
    answered += share / 200;
    rooms.push(crowd.room);
  }
  return { answered, rooms };
}

describe("a crowd", () => {
  it("leaves room for so many as keep a proxy busy", () => {
    assert.deepEqual([newCrowd().room, new Crowd().room], [64, Infinity]);
  });

  it("takes room away every 100 ms of a turn that goes on, and none in the next one", () => {
    const crowd = newCrowd();
    const roomAt = (nowMs: number): number => {
      crowd.onRequest(nowMs);
      return crowd.room;
    };
    // It was noticed a little after 100.
    assert.deepEqual([201, 203, 302, 304, 403].map(roomAt), [64, 57, 57, 51, 51]);
    crowd.onTurn(410, 0, 0.05, 0);
    assert.deepEqual([411, 1_000].map(roomAt), [51, 51]);
  });

  it("is there when the loop is late again and again, if it has so many requests that it can be late because of them", () => {
    const late = (turns: number, lateMs: number, inFlight: number, begun: number): boolean => {
      const crowd = new Crowd();
      let nowMs = 0;
      for (let at = 0; at < turns; at += 1) {
        nowMs += PERIOD_MS + lateMs;
        for (let n = 0; n < begun; n += 1) crowd.onRequest(nowMs);
        crowd.onTurn(nowMs, lateMs, 0, inFlight);
      }
      return Number.isFinite(crowd.room);
    };
    assert.deepEqual([late(4, 101, 33, 0), late(4, 101, 0, 33)], [true, true]);
    assert.deepEqual(
      [late(3, 5_000, 33, 33), late(40, 100, 1_000, 1_000), late(40, 5_000, 32, 32)],
      [false, false, false],
    );
    const pauses = new Crowd();
    for (let at = 1; at < 40; at += 1) pauses.onTurn(at * 500, at % 4 === 0 ? 0 : 450, 0, 1_000);
    assert.equal(pauses.room, Infinity);
  });

  it("gives room as far as the loop has nothing to do, if somebody has to wait, and takes it while it always has", () => {
    const crowd = newCrowd();
    const rooms = [0.5, 0.5, 0.1, 0.05, 0.049, 0].map((idleShare, at) => {
      const nowMs = 300 + at * PERIOD_MS;
      if (at !== 1) crowd.onWaiting(nowMs);
      crowd.onAdmitted();
      crowd.onTurn(nowMs, 0, idleShare, 1_000);
      return crowd.room;
    });
    assert.deepEqual(rooms, [80, 80, 84, 87, 78, 70]);
    for (let at = 0; at < 100; at += 1) {
      crowd.onTurn(600 + at, 0, 0, 1_000);
    }
    assert.equal(crowd.room, 16);
  });

  it("lets somebody in beside what does not end, though the loop has no time", () => {
    const crowd = newCrowd();
    let inFlight = 100;
    let served = 0;
    for (let nowMs = 300; nowMs < 10_300; nowMs += PERIOD_MS) {
      crowd.onWaiting(nowMs);
      // A hundred downloads keep it busy; what else is let in has its answer within the turn.
      const room = Math.max(0, crowd.room - inFlight);
      for (let n = 0; n < room; n += 1) crowd.onAdmitted();
      if (nowMs >= 5_300) served += room;
      crowd.onTurn(nowMs, 0, 0, inFlight);
    }
    assert.ok(served >= 400 && crowd.room < 120, `${served} served, room for ${crowd.room}`);
    // It drains what came before it: nobody is let in meanwhile, and that is well.
    const draining = newCrowd();
    for (inFlight = 290; inFlight > 200; inFlight -= 10) {
      draining.onWaiting(300);
      draining.onTurn(300, 0, 0, inFlight);
      assert.ok(draining.room <= 64);
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
    const crowd = newCrowd();
    crowd.onWaiting(500);
    crowd.onTurn(1_499, 0, 0, 256);
    assert.deepEqual([crowd.isPresent(1_499), Number.isFinite(crowd.room)], [true, true]);
    crowd.onTurn(1_500, 0, 0, 256);
    assert.deepEqual([crowd.isPresent(1_500), crowd.room], [false, Infinity]);
  });

  it("may wait in a line as long as what is let in within two seconds, which one bad second does not shorten", () => {
    const crowd = newCrowd();
    assert.equal(crowd.lineMax, 256);
    const second = (nowMs: number, admitted: number): number => {
      for (let n = 0; n < admitted; n += 1) crowd.onAdmitted();
      crowd.onRequest(nowMs);
      return crowd.lineMax;
    };
    assert.deepEqual([second(1_000, 4_000), second(2_000, 0), second(4_000, 10_000)], [8_000, 6_000, 10_000]);
  });

  it("may wait in a line that refusals do not shorten, which take the time of half as many answers", () => {
    const crowd = newCrowd();
    for (let n = 0; n < 2_000; n += 1) {
      if (n < 1_500) crowd.onAdmitted();
      crowd.onRefused(300, 0);
    }
    crowd.onRequest(1_000);
    assert.equal(crowd.lineMax, 5_000);
  });

  it("tells the refused to stay away for longer the more they are, with some chance, and for ten seconds at most", () => {
    const crowd = newCrowd();
    const restOf = (unit: number): number => {
      crowd.onRefused(300, unit);
      return Math.round(crowd.restMs);
    };
    assert.deepEqual([restOf(0), restOf(0.5)], [1_020, 884]);
    for (let n = 0; n < 97; n += 1) crowd.onRefused(300, 0);
    assert.equal(restOf(0), 3_000);
    for (let n = 0; n < 1_000; n += 1) crowd.onRefused(300, 0);
    assert.deepEqual([restOf(0), restOf(0.5)], [10_000, 8_500]);
    // In the next second as many are expected.
    crowd.onRequest(1_300);
    assert.equal(restOf(0), 10_000);
  });
});
