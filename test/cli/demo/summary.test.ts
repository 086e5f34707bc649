import assert from "node:assert/strict";
import { describe, it } from "node:test";

import type { Outcome } from "../../../cli/demo/open-loop.ts";
import { PHASES, type Step } from "../../../cli/demo/story.ts";
import { renderSummary, shortfalls } from "../../../cli/demo/summary.ts";
import { percentile, Tally } from "../../../cli/demo/tally.ts";

let sequence = 0;

/** One request of the current phase, answered by a version of reviews, or failed. */
function request(tally: Tally, version: string | undefined, latencyMs = 5): string {
  sequence += 1;
  tally.onSent(sequence);
  const id = `id-${sequence}`;
  const outcome: Outcome = {
    id,
    sequence,
    request: { method: "GET", path: "/products/1", host: "web" },
    latencyMs,
    status: version === undefined ? 503 : 200,
    body: `web v1 < reviews ${version} < ratings v1 < details v1`,
    headers: {},
    failure: version === undefined ? "status 503: no-endpoint" : undefined,
  };
  tally.onOutcome(outcome);
  return id;
}

function requests(tally: Tally, count: number, version: string): void {
  for (let n = 0; n < count; n += 1) tally.onSeen("web", [request(tally, version)]);
}

describe("the demo's verdict", () => {
  it("is well when every answer came from where it should", () => {
    const tally = new Tally();
    tally.begin(PHASES.before);
    requests(tally, 100, "v1");
    tally.begin(PHASES.canary);
    requests(tally, 900, "v1");
    requests(tally, 100, "v2");
    tally.begin(PHASES.after);
    requests(tally, 100, "v2");
    assert.deepEqual(shortfalls(tally), []);
  });

  it("names a failed request with its phase and its words", () => {
    const tally = new Tally();
    tally.begin(PHASES.dead);
    requests(tally, 3, "v2");
    request(tally, undefined);
    assert.deepEqual(shortfalls(tally), [
      "1 of 4 requests failed",
      "  control plane dead: GET /products/1: status 503: no-endpoint",
    ]);
  });

  it("finds one answer of the wrong version after a split of 0/100", () => {
    const tally = new Tally();
    tally.begin(PHASES.after);
    requests(tally, 99, "v2");
    requests(tally, 1, "v1");
    assert.deepEqual(shortfalls(tally), ["split 0/100: v2 got 99.0% instead of 100.0%"]);
  });

  it("allows chance at 90/10, and no more", () => {
    const share = (v2: number): readonly string[] => {
      const tally = new Tally();
      tally.begin(PHASES.canary);
      requests(tally, 1_000 - v2, "v1");
      requests(tally, v2, "v2");
      return shortfalls(tally);
    };
    assert.deepEqual(share(60), []);
    assert.deepEqual(share(145), []);
    assert.equal(share(50).length, 1);
    assert.equal(share(160).length, 1);
  });

  it("finds an answer to a request that no service ever saw", () => {
    const tally = new Tally();
    tally.begin(PHASES.before);
    requests(tally, 5, "v1");
    request(tally, "v1");
    assert.deepEqual(shortfalls(tally), ["1 answered requests never reached web"]);
  });

  it("finds a request without an outcome", () => {
    const tally = new Tally();
    tally.begin(PHASES.before);
    tally.onSent(1_000_000);
    assert.deepEqual(shortfalls(tally), ["1 requests have no outcome"]);
  });
});

describe("the demo's tables", () => {
  it("show each phase once, the changes in between as one row, and both ends of the count", () => {
    const tally = new Tally();
    tally.begin(PHASES.moving);
    requests(tally, 1, "v1");
    tally.begin(PHASES.before);
    requests(tally, 4, "v1");
    tally.begin(PHASES.moving);
    requests(tally, 1, "v2");
    tally.onSeen("web", ["id-again", "id-again"]);
    const steps: readonly Step[] = [
      { what: "split 100/0 -> 90/10", revision: 8n, tookMs: 38.2, until: "every proxy acknowledged" },
    ];
    assert.equal(
      renderSummary(tally, steps),
      `
Traffic
WHILE           REQUESTS  FAILED  REVIEWS V1  REVIEWS V2    P50    P99
split 100/0            4       0      100.0%        0.0%  5.0ms  5.0ms
while changing         2       0       50.0%       50.0%  5.0ms  5.0ms

Changes
WHAT                  REVISION  TOOK  UNTIL
split 100/0 -> 90/10  r8        38ms  every proxy acknowledged

sent 6, answered 6, failed 0
requests seen by the services: web 7 (1 of them retried)
`,
    );
  });
});

describe("a percentile", () => {
  it("is the smallest value that the share does not exceed", () => {
    const values = [5, 1, 4, 2, 3];
    assert.deepEqual(
      [0.01, 0.2, 0.5, 0.99, 1].map((share) => percentile(values, share)),
      [1, 1, 3, 5, 5],
    );
    assert.equal(percentile([], 0.5), 0);
  });
});
