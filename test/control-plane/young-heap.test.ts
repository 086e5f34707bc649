import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { getHeapSpaceStatistics, setFlagsFromString } from "node:v8";

import { YoungHeap } from "../../control-plane/young-heap.ts";
import { YOUNG_HEAP_BYTES } from "../../shared/defaults.ts";

function newSpaceBytes(): number {
  return getHeapSpaceStatistics().find(({ space_name: name }) => name === "new_space")?.space_size ?? assert.fail();
}

/**
 * Keeps objects long enough to make V8 want a larger space for new ones. Returns the median of its sizes, in bytes: the space
 * is 64 to 128 MB without a bound, and 2 MB when it may not grow, but while V8 collects on several threads it takes what it
 * needs (20 MB were seen), whatever it was allowed.
 */
function work(beforeEach: () => void): number {
  const kept: object[] = [];
  const sizes: number[] = [];
  for (let round = 0; round < 400; round += 1) {
    beforeEach();
    for (let index = 0; index < 5_000; index += 1) kept.push({ index, list: [index] });
    if (kept.length > 100_000) kept.splice(0, 50_000);
    sizes.push(newSpaceBytes());
  }
  return sizes.toSorted((one, other) => one - other)[200] ?? assert.fail();
}

function restore(t: TestContext): void {
  t.after(() => setFlagsFromString("--semi-space-growth-factor=2"));
}

describe("the control plane's space for new objects", () => {
  it("grows to its bound and not beyond, whatever is published", (t) => {
    restore(t);
    const heap = new YoungHeap();
    const held = work(() => undefined);
    assert.ok(held < YOUNG_HEAP_BYTES / 2, `it was ${held} while nothing was published`);
    const grown = work(() => heap.onPublished());
    assert.ok(grown >= YOUNG_HEAP_BYTES / 2, `it did not grow: ${grown}`);
    // It may double once between two looks.
    assert.ok(grown <= 2 * YOUNG_HEAP_BYTES, `it grew to ${grown}`);
  });
});
