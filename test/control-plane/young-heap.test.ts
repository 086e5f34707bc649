import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { getHeapSpaceStatistics, setFlagsFromString } from "node:v8";

import { YoungHeap } from "../../control-plane/young-heap.ts";
import { YOUNG_HEAP_BYTES } from "../../shared/defaults.ts";

function newSpaceBytes(): number {
  return getHeapSpaceStatistics().find(({ space_name: name }) => name === "new_space")?.space_size ?? assert.fail();
}

/** Objects that live long enough to make V8 want a larger space for new ones: without a bound it takes 64 MB and more. */
function work(beforeEach: () => void): void {
  const kept: object[] = [];
  for (let round = 0; round < 400; round += 1) {
    beforeEach();
    for (let index = 0; index < 5_000; index += 1) kept.push({ index, list: [index] });
    if (kept.length > 100_000) kept.splice(0, 50_000);
  }
}

function restore(t: TestContext): void {
  t.after(() => setFlagsFromString("--semi-space-growth-factor=2"));
}

describe("the control plane's space for new objects", () => {
  it("grows to its bound and not beyond, whatever is published", (t) => {
    restore(t);
    const heap = new YoungHeap();
    const before = newSpaceBytes();
    work(() => undefined);
    assert.ok(newSpaceBytes() <= before, "held until something is published");
    work(() => heap.onPublished());
    // It may double once between two looks.
    const most = Math.max(before, 2 * YOUNG_HEAP_BYTES);
    assert.ok(newSpaceBytes() > before || before >= YOUNG_HEAP_BYTES, `it is ${newSpaceBytes()}`);
    assert.ok(newSpaceBytes() <= most, `it is ${newSpaceBytes()}, at most ${most}`);
  });
});
