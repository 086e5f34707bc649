import assert from "node:assert/strict";
import { describe, it } from "node:test";

import fc from "fast-check";

import { WaitingLine } from "../../../data-plane/policy/waiting-line.ts";

class Guest {
  isWaiting = true;

  onRoom(): void {
    this.isWaiting = false;
  }
}

describe("a waiting line", () => {
  it("is first come, first served, and passes over who has left", () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant("join" as const) }),
      fc.record({ kind: fc.constant("leave" as const), at: fc.nat(50) }),
      fc.record({ kind: fc.constant("next" as const) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
        const line = new WaitingLine();
        const model: Guest[] = [];
        for (const one of steps) {
          if (one.kind === "join") {
            const guest = new Guest();
            line.join(guest);
            model.push(guest);
          } else if (one.kind === "leave") {
            const [guest] = model.splice(one.at, 1);
            if (guest !== undefined) guest.isWaiting = false;
          } else assert.equal(line.next(), model.shift());
          // The places of who has left are counted until they come by.
          assert.ok(line.length >= model.length);
        }
        while (model.length > 0) assert.equal(line.next(), model.shift());
        assert.deepEqual([line.next(), line.length], [undefined, 0]);
      }),
      { numRuns: 2_000 },
    );
  });
});
