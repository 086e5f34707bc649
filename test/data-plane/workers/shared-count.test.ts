import assert from "node:assert/strict";
import { once } from "node:events";
import { describe, it } from "node:test";
import { Worker } from "node:worker_threads";

import { FollowedCounts, OwnedCounts, type CountBook } from "../../../data-plane/workers/count-book.ts";
import { changesOf, withChanges } from "../../../data-plane/workers/map-changes.ts";
import { clearWorker, SharedCount, sharedCountMemory } from "../../../data-plane/workers/shared-count.ts";
import { seededRandom } from "../../../shared/random.ts";

describe("a shared count", () => {
  it("is the sum of all workers, without those that died", () => {
    const memory = sharedCountMemory(3);
    const counts = [0, 1, 2].map((worker) => new SharedCount(memory, worker, 7));
    for (const [worker, count] of counts.entries()) count.add(worker + 1);
    assert.equal(counts[0]?.total, 6);
    clearWorker(memory, 1);
    assert.equal(counts[2]?.total, 4);
    assert.equal(new SharedCount(memory, 0, 8).total, 0, "another row");
  });

  it("is never above a limit when each counts first and compares then", async () => {
    const memory = sharedCountMemory(2);
    const gate = new SharedArrayBuffer(4);
    const threads = [0, 1].map(
      (worker) =>
        new Worker(new URL("./count-to-limit.ts", import.meta.url), { workerData: { memory, gate, worker, limit: 1 } }),
    );
    const seen = threads.map(async (thread) => (await once(thread, "message"))[0]);
    for (const { admitted, above } of await Promise.all(seen)) {
      assert.equal(above, 0);
      assert.ok(admitted > 0);
    }
  });
});

describe("the rows of shared counts", () => {
  it("bring the same sums as a naive model, however late the others hear of changes (1,000 worlds)", () => {
    for (let seed = 0; seed < 1_000; seed += 1) {
      const random = seededRandom(seed);
      const pick = (below: number): number => Math.floor(random.unit() * below);
      const memory = sharedCountMemoryOnce();
      const owner = new OwnedCounts(memory);
      const other = new FollowedCounts(memory, 1);
      let sent: ReadonlyMap<string, number> = new Map();
      const held: { readonly count: SharedCount }[] = [];
      const begin = (book: CountBook, key: string): void => {
        const count = book.of(key);
        if (count === undefined) return;
        count.add(1);
        held.push({ count });
      };
      const tell = (): void => {
        const changes = changesOf(sent, owner.rows);
        other.follow(changes);
        sent = withChanges(sent, changes);
      };
      for (let step = 0; step < 60; step += 1) {
        const key = `k${pick(4)}`;
        const action = pick(5);
        if (action === 0) begin(owner, key);
        else if (action === 1) begin(other, key);
        else if (action === 2) tell();
        else if (action === 3) owner.release(key);
        else held.splice(pick(held.length), 1)[0]?.count.add(-1);
      }
      tell();
      for (const key of owner.rows.keys()) {
        // What began under a name that was released meanwhile is no longer counted under it.
        const expected = held.filter(({ count }) => count === owner.of(key) || count === other.of(key)).length;
        assert.equal(owner.of(key)?.total, expected, `seed ${seed}, ${key}`);
        assert.equal(other.of(key)?.total, expected, `seed ${seed}, ${key}, the other worker`);
      }
      for (const { count } of held) count.add(-1);
      for (const key of owner.rows.keys())
        assert.equal(owner.of(key)?.total, 0, `seed ${seed}: ${key} is not back at 0`);
    }
  });
});

describe("the changes of a map", () => {
  it("make the one of the other, and keep what is the same", () => {
    const one = { name: "one" };
    const before = new Map([
      ["one", one],
      ["two", { name: "two" }],
    ]);
    const after = new Map([
      ["one", one],
      ["three", { name: "three" }],
    ]);
    const changes = changesOf(before, after);
    assert.deepEqual(changes, { gone: ["two"], set: [["three", { name: "three" }]] });
    assert.deepEqual(withChanges(before, changes), after);
    assert.equal(withChanges(before, structuredClone(changes)).get("one"), one);
    assert.equal(withChanges(before, changesOf(before, before)), before);
  });
});

const memoryOfAll = sharedCountMemory(2);

/** A world begins with zeros; only the first rows were used. */
function sharedCountMemoryOnce(): SharedArrayBuffer {
  clearWorker(memoryOfAll, 0);
  clearWorker(memoryOfAll, 1);
  return memoryOfAll;
}
