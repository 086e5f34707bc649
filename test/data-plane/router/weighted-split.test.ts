import assert from "node:assert/strict";
import { describe, it } from "node:test";

import fc from "fast-check";

import { WeightedSplit } from "../../../data-plane/router/weighted-split.ts";

describe("a weighted split", () => {
  it("gives each entry exactly its share of the steps of the sum", () => {
    const weights = fc.array(fc.nat(300), { minLength: 1, maxLength: 8 }).filter((list) => list.some((one) => one > 0));
    fc.assert(
      fc.property(weights, (list) => {
        const sum = list.reduce((total, one) => total + one, 0);
        const split = new WeightedSplit(
          list.map((_, index) => index),
          list,
        );
        const counts = list.map(() => 0);
        // The middle of each step, so that rounding of the division does not matter.
        for (let step = 0; step < sum; step += 1) {
          const picked = split.pick((step + 0.5) / sum);
          assert.notEqual(picked, undefined);
          counts[picked ?? 0] = (counts[picked ?? 0] ?? 0) + 1;
        }
        assert.deepEqual(counts, list);
      }),
    );
  });

  it("never picks an entry of weight 0, at either end", () => {
    const split = new WeightedSplit(["off", "on", "off-too"], [0, 7, 0]);
    for (const unit of [0, 0.5, 1 - 2 ** -53]) assert.equal(split.pick(unit), "on");
  });

  it("sends 95 and 5 of 100 where a canary of 5 % says", () => {
    const split = new WeightedSplit(["v1", "v2"], [95, 5]);
    assert.deepEqual(
      [0, 0.9499, 0.95, 0.9999].map((unit) => split.pick(unit)),
      ["v1", "v1", "v2", "v2"],
    );
  });
});
