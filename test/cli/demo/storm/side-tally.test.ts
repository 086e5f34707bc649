import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { amplification, p99Ms, SideTally, success, type Ending } from "../../../../cli/demo/storm/side-tally.ts";

/** One request every 100 ms from `fromMs`, each ending like this after 10 ms. */
function requests(tally: SideTally, fromMs: number, endings: readonly (Ending | undefined)[], next = 0): void {
  endings.forEach((ending, at) => {
    tally.onSent(fromMs + at * 100);
    if (ending !== undefined) tally.onEnding(next + at, ending, 10);
  });
}

describe("the tally of one side of the storm", () => {
  it("counts requests by when they were sent, and arrivals by when they came", () => {
    const tally = new SideTally();
    requests(tally, 0, ["full", "fallback", "failed", undefined, "full"]);
    tally.onReached(50, 3);
    tally.onReached(399, 9);
    tally.onReached(400, 100);
    const stretch = tally.stretch(0, 400);
    assert.deepEqual(
      { ...stretch, latenciesMs: stretch.latenciesMs.length },
      { sent: 4, full: 1, fallback: 1, failed: 1, latenciesMs: 3, reached: 12 },
    );
    assert.equal(amplification(stretch), 3);
    assert.equal(success(stretch), 2 / 3);
    assert.equal(p99Ms(stretch), 10);
  });

  it("tells what ended in a stretch, whenever it was sent", () => {
    const tally = new SideTally();
    tally.onSent(0);
    tally.onSent(900);
    tally.onEnding(0, "failed", 950);
    const { sent, failed } = tally.ended(900, 1_000);
    assert.deepEqual({ sent, failed }, { sent: 1, failed: 1 });
  });

  it("calls a service steady from the first request of a whole second of its own answers", () => {
    const tally = new SideTally();
    const full = (count: number): Ending[] => Array.from({ length: count }, () => "full");
    requests(tally, 0, [...full(30), "fallback", ...full(5), "failed", ...full(11)]);
    assert.equal(tally.steadyAfterMs(0), 0);
    assert.equal(tally.steadyAfterMs(2_500), 1_200);
  });

  it("calls a service that ends too early, or never answers by itself, not steady", () => {
    const tally = new SideTally();
    requests(
      tally,
      0,
      Array.from({ length: 9 }, () => "full" as const),
    );
    requests(tally, 900, ["fallback", "fallback"], 9);
    assert.equal(tally.steadyAfterMs(0), undefined);
  });
});
