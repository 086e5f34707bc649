import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { SideTally, type Ending } from "../../../../cli/demo/storm/side-tally.ts";
import { renderVerdict, shortfalls, type Times } from "../../../../cli/demo/storm/verdict.ts";

const TIMES: Times = { slowMs: 0, wellMs: 8_000, endMs: 18_000 };

/** 20 requests a second while ratings is slow and when it is well again, `reached` of them at ratings while it is slow. */
function side(slow: Ending, well: Ending, reached: number): SideTally {
  const tally = new SideTally();
  for (let at = 0; at < 360; at += 1) {
    tally.onSent(at * 50);
    tally.onEnding(at, at < 160 ? slow : well, at < 160 ? 100 : 5);
  }
  tally.onReached(1, reached);
  tally.onReached(9_000, 200);
  return tally;
}

describe("the verdict on the protected side of the storm", () => {
  it("is well when the fallback answered, the load stayed bounded and the service came back", () => {
    assert.deepEqual(shortfalls(side("fallback", "full", 246), TIMES), []);
  });

  it("finds failures, load beyond the budget, and a service that never answers by itself again", () => {
    assert.deepEqual(shortfalls(side("failed", "fallback", 247), TIMES), [
      "only 55.5% of the requests were answered; 99.0% is what it takes",
      "247 requests reached ratings while it was slow; its budget grants 246",
      "ratings was well again, and its answers did not come back",
    ]);
  });

  it("finds a side without traffic", () => {
    assert.equal(shortfalls(new SideTally(), TIMES).length, 2);
  });
});

describe("the table of the storm", () => {
  it("has both sides beside each other, and says what ratings was spared", () => {
    assert.equal(
      renderVerdict(side("failed", "failed", 4_000), side("fallback", "full", 100), TIMES),
      `
                                       NAIVE     PROTECTED
while ratings is slow (8.00s)   160 requests  160 requests
  answered                              0.0%        100.0%
  of these by the fallback                 -        100.0%
  p99                                  100ms         100ms
  at ratings, per request              25.0x          0.6x
when it is well again (10.00s)  200 requests  200 requests
  answered                              0.0%        100.0%
  of these by the fallback                 -          0.0%
  p99                                  5.0ms         5.0ms
  at ratings, per request               1.0x          1.0x
only its own answers again             never       at once

Requests at ratings: 4200 naive, 300 protected, 92.8% less.
`,
    );
  });
});
