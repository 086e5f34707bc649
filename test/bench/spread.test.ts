import assert from "node:assert/strict";
import { describe, it } from "node:test";

import fc from "fast-check";

import { medianOf, pairedRatio, quantile, spreadOf } from "../../bench/figures/spread.ts";

const values = fc.array(fc.double({ noNaN: true, min: -1e6, max: 1e6 }), { minLength: 1, maxLength: 200 });

describe("the spread of rounds", () => {
  it("is their least, their middle and their most", () => {
    assert.deepEqual(spreadOf([3, 1, 2]), { min: 1, median: 2, max: 3 });
    assert.deepEqual(spreadOf([4, 1, 2, 3]), { min: 1, median: 2.5, max: 4 });
  });

  it("has as many values below the median as above it", () => {
    fc.assert(
      fc.property(values, (rounds) => {
        const median = medianOf(rounds);
        const below = rounds.filter((value) => value < median).length;
        const above = rounds.filter((value) => value > median).length;
        assert.ok(below <= rounds.length / 2 && above <= rounds.length / 2);
      }),
    );
  });

  it("of nothing is no number", () => {
    assert.ok(Number.isNaN(spreadOf([]).median));
    assert.ok(Number.isNaN(quantile([], 0.5)));
  });
});

describe("a quantile", () => {
  it("is a value that was measured, by nearest rank", () => {
    const hundred = Array.from({ length: 100 }, (_, index) => index + 1);
    assert.deepEqual(
      [0, 0.5, 0.99, 0.999, 1].map((share) => quantile(hundred, share)),
      [1, 50, 99, 100, 100],
    );
  });

  it("is the least value that so many do not exceed", () => {
    fc.assert(
      fc.property(values, fc.double({ min: 0, max: 1, noNaN: true }), (unsorted, share) => {
        const sorted = unsorted.toSorted((a, b) => a - b);
        const found = quantile(sorted, share);
        const naive = sorted.find((value) => sorted.filter((one) => one <= value).length >= share * sorted.length);
        assert.equal(found, naive);
      }),
    );
  });
});

describe("the ratio of two peers", () => {
  it("ignores what disturbed both in the same round", () => {
    assert.equal(pairedRatio([10, 100, 10], [20, 200, 20]), 0.5);
  });

  it("is that of the medians when one of them lacks a round", () => {
    assert.equal(pairedRatio([10, 30, 50], [20, 40]), 1);
    assert.ok(Number.isNaN(pairedRatio([10], [])));
  });
});
