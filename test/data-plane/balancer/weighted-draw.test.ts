import assert from "node:assert/strict";
import { describe, it } from "node:test";

import fc from "fast-check";

import { WeightedDraw } from "../../../data-plane/balancer/weighted-draw.ts";
import type { Random } from "../../../shared/random.ts";

/** Counts what comes out when chance gives the middle of each of `steps` equal parts once. */
function sweep(size: number, steps: number, draw: (random: Random) => number): number[] {
  const counts = Array.from({ length: size }, () => 0);
  for (let step = 0; step < steps; step += 1) {
    const drawn = draw({ unit: () => (step + 0.5) / steps, below: () => 0 });
    counts[drawn] = (counts[drawn] ?? 0) + 1;
  }
  return counts;
}

const weights = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 2, maxLength: 9 });

describe("a draw by weight", () => {
  it("gives each index exactly its share", () => {
    fc.assert(
      fc.property(weights, (list) => {
        const sum = list.reduce((total, one) => total + one, 0);
        const draw = new WeightedDraw(list);
        assert.deepEqual(
          sweep(list.length, sum, (random) => draw.draw(random)),
          list,
        );
      }),
    );
  });

  it("without one index gives the others exactly their shares, and that one never", () => {
    fc.assert(
      fc.property(weights, fc.nat(), (list, any) => {
        const excluded = any % list.length;
        const rest = list.with(excluded, 0);
        const sum = rest.reduce((total, one) => total + one, 0);
        const draw = new WeightedDraw(list);
        assert.deepEqual(
          sweep(list.length, sum, (random) => draw.drawOther(excluded, random)),
          rest,
        );
      }),
    );
  });
});
