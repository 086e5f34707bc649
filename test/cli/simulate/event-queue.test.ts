import assert from "node:assert/strict";
import { describe, it } from "node:test";

import fc from "fast-check";

import { EventQueue } from "../../../cli/simulate/event-queue.ts";

describe("the event queue", () => {
  it("gives what a stable sort would give, however pushes and pops mix", () => {
    // Few different times, so that many are equal.
    const step = fc.oneof(fc.nat(9), fc.constant("pop" as const));
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const queue = new EventQueue();
        const model: { atMs: number; order: number }[] = [];
        const popped: number[] = [];
        for (const [order, one] of steps.entries()) {
          if (one !== "pop") {
            queue.push(one, () => popped.push(order));
            model.push({ atMs: one, order });
            model.sort((a, b) => a.atMs - b.atMs);
          } else {
            const first = model.shift();
            queue.pop()?.();
            if (first !== undefined) assert.equal(popped.at(-1), first.order);
          }
          assert.equal(queue.size, model.length);
          assert.equal(queue.nextMs, model[0]?.atMs ?? Infinity);
        }
      }),
      { numRuns: 2_000 },
    );
  });
});
