import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { compareResults } from "../../bench/figures/compare.ts";
import type { Row } from "../../bench/figures/result.ts";

function row(peer: string, figures: Row["figures"]): Row {
  return { case: "get", peer, figures, invalid: [] };
}

describe("two results compared", () => {
  it("give the ratio of the medians of what both have", () => {
    const before = { rows: [row("heddle", { cpu: [20, 22, 24], rate: [1] }), row("envoy", { cpu: [50] })] };
    const after = { rows: [row("heddle", { cpu: [10, 11, 12] })] };
    const changes = compareResults(before, after);
    assert.deepEqual(
      changes.map(({ peer, figure, ratio, isNoise }) => ({ peer, figure, ratio, isNoise })),
      [{ peer: "heddle", figure: "cpu", ratio: 0.5, isNoise: false }],
    );
  });

  it("call a difference noise while the rounds' ranges overlap", () => {
    const [change] = compareResults(
      { rows: [row("heddle", { cpu: [20, 30] })] },
      { rows: [row("heddle", { cpu: [29, 40] })] },
    );
    assert.equal(change?.isNoise, true);
  });

  it("leave out figures whose rounds were all invalid", () => {
    assert.deepEqual(
      compareResults({ rows: [row("heddle", { p99: [] })] }, { rows: [row("heddle", { p99: [1] })] }),
      [],
    );
  });
});
