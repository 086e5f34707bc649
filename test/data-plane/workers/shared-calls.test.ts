import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { InboundCalls } from "../../../data-plane/request/inbound-calls.ts";
import { clearCalls, SharedCalls, sharedCallMemory } from "../../../data-plane/workers/shared-calls.ts";
import { INBOUND_CALLS_MAX } from "../../../shared/limits.ts";
import { seededRandom } from "../../../shared/random.ts";

const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";
const OTHER = "4bf92f3577b34da6a3ce929d0e0e4737";

/** As three threads have them: the clock of each is that many milliseconds behind the process's. */
const OFFSETS_MS = [1_000, 1_700, 2_500];

function workers(memory = sharedCallMemory(OFFSETS_MS.length)): readonly InboundCalls[] {
  return OFFSETS_MS.map((offsetMs, worker) => new InboundCalls(new SharedCalls(memory, worker, offsetMs)));
}

describe("the calls of an app whose requests come in at several workers", () => {
  it("find their request at another worker, with its attempt and its deadline by the clock of the one that asks", () => {
    const [one, two] = workers();
    const call = one?.enter(TRACE, 3, 500);
    const found = two?.find(TRACE);
    // 500 of a thread that is 1,000 behind is the same moment as -200 of one that is 1,700 behind.
    assert.deepEqual([found?.attempt, found?.deadlineAtMs], [3, -200]);
    assert.equal(two?.find(OTHER), undefined);
    if (found !== undefined) found.wasRetried = true;
    assert.deepEqual([call?.wasRetried, call?.wasRefused], [true, false]);
  });

  it("are told the latest deadline and the highest attempt of a trace, wherever its requests are", () => {
    const [one, two, three] = workers();
    const calls = [one?.enter(TRACE, 1, 2_000), two?.enter(TRACE, 2, 100)];
    const found = three?.find(TRACE);
    assert.deepEqual([found?.attempt, found?.deadlineAtMs], [2, 500]);
    assert.deepEqual([one?.find(TRACE)?.attempt, one?.find(TRACE)?.deadlineAtMs], [2, 2_000]);
    if (found !== undefined) found.wasRefused = true;
    assert.deepEqual(
      calls.map((call) => call?.wasRefused),
      [true, true],
    );
  });

  it("find nothing once it has ended, and note nothing on what came to its place", () => {
    const [one, two] = workers();
    const call = one?.enter(TRACE, 2, Infinity);
    const late = two?.find(TRACE);
    if (call !== undefined) one?.leave(TRACE, call);
    assert.equal(two?.find(TRACE), undefined);
    const next = one?.enter(OTHER, 1, Infinity);
    if (late !== undefined) late.wasRetried = true;
    assert.deepEqual([late?.attempt, next?.wasRetried], [1, false]);
  });

  it("find nothing of a worker that died", () => {
    const memory = sharedCallMemory(OFFSETS_MS.length);
    const [one, two] = workers(memory);
    one?.enter(TRACE, 2, Infinity);
    clearCalls(memory, 0);
    assert.equal(two?.find(TRACE), undefined);
  });

  it("find what a naive map finds, in random worlds, and leave nothing behind (300 seeds)", () => {
    const memory = sharedCallMemory(OFFSETS_MS.length);
    for (let seed = 0; seed < 300; seed += 1) {
      const random = seededRandom(seed);
      const all = workers(memory);
      const open: { readonly worker: number; readonly trace: string; readonly attempt: number }[] = [];
      const calls = new Map<(typeof open)[number], ReturnType<InboundCalls["enter"]>>();
      const traceOf = (index: number): string => index.toString(16).padStart(32, "ab");
      for (let step = 0; step < 60; step += 1) {
        const worker = random.below(OFFSETS_MS.length);
        if (random.unit() < 0.6) {
          const one = { worker, trace: traceOf(random.below(20)), attempt: 1 + random.below(3) };
          open.push(one);
          calls.set(one, all[worker]?.enter(one.trace, one.attempt, Infinity));
        } else {
          const [one] = open.splice(random.below(open.length), 1);
          const call = one === undefined ? undefined : calls.get(one);
          if (one !== undefined && call !== undefined) all[one.worker]?.leave(one.trace, call);
        }
        const trace = traceOf(random.below(20));
        const isThere = open.some((one) => one.trace === trace);
        assert.equal(all[worker]?.find(trace) !== undefined, isThere, `seed ${seed}, step ${step}`);
      }
      for (const one of open) {
        const call = calls.get(one);
        if (call !== undefined) all[one.worker]?.leave(one.trace, call);
      }
      for (let index = 0; index < 20; index += 1) {
        for (const worker of all) assert.equal(worker.find(traceOf(index)), undefined, `seed ${seed} left ${index}`);
      }
    }
  });

  it("are remembered by their own worker when there is no room for others to see them", () => {
    const [one, two] = workers();
    // All begin at one slot.
    const crowd = Array.from({ length: 40 }, (_, index) => index.toString(16).padStart(24, "0") + "00000001");
    for (const trace of crowd) one?.enter(trace, 2, Infinity);
    assert.ok(crowd.every((trace) => one?.find(trace)?.attempt === 2));
    assert.equal(crowd.filter((trace) => two?.find(trace) !== undefined).length, 8);
    assert.ok(crowd.length < INBOUND_CALLS_MAX);
  });
});
