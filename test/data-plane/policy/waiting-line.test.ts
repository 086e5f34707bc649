import assert from "node:assert/strict";
import { describe, it } from "node:test";

import fc from "fast-check";

import { Place, WaitingLine } from "../../../data-plane/policy/waiting-line.ts";

describe("a waiting line", () => {
  it("is first come, first served, and forgets who leaves", () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant("join" as const) }),
      fc.record({ kind: fc.constant("leave" as const), at: fc.nat(50) }),
      fc.record({ kind: fc.constant("next" as const) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
        const line = new WaitingLine();
        const told: number[] = [];
        const expected: number[] = [];
        const model: { readonly id: number; readonly place: Place }[] = [];
        const letIn = (): void => {
          const first = model.shift();
          if (first !== undefined) expected.push(first.id);
          assert.equal(line.letFirstIn(), first !== undefined);
          assert.equal(first?.place.line, undefined);
        };
        for (const [id, one] of steps.entries()) {
          if (one.kind === "join") {
            const place = new Place({ onRoom: () => void told.push(id) });
            line.join(place);
            model.push({ id, place });
          } else if (one.kind === "leave") {
            const [gone] = model.splice(one.at, 1);
            if (gone !== undefined) line.leave(gone.place);
          } else letIn();
          assert.equal(line.length, model.length);
        }
        while (model.length > 0) letIn();
        letIn();
        assert.deepEqual(told, expected);
      }),
      { numRuns: 2_000 },
    );
  });

  it("lets who is told join again at once, behind the others, and minds nobody who stands elsewhere", () => {
    const [line, other] = [new WaitingLine(), new WaitingLine()];
    const told: string[] = [];
    const again = new Place({ onRoom: () => void (told.push("again") < 3 && line.join(again)) });
    const once = new Place({ onRoom: () => void told.push("once") });
    line.join(again);
    line.join(once);
    other.leave(once);
    assert.deepEqual([line.length, other.length, once.line], [2, 0, line]);
    while (line.letFirstIn());
    assert.deepEqual([told, line.length, again.line], [["again", "once", "again"], 0, undefined]);
  });
});
