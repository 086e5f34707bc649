import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { DecisionLog, newestDecisions } from "../../../data-plane/telemetry/decision-log.ts";
import { DECISIONS_KEPT_MAX } from "../../../shared/limits.ts";
import { requestRecord } from "../../support/request-records.ts";

describe("the decisions that are kept", () => {
  it("are those of requests that did not simply succeed", () => {
    const log = new DecisionLog();
    log.onFinished(requestRecord());
    log.onFinished(requestRecord({ status: 404 }));
    assert.deepEqual(log.decisions(), []);
    log.onFinished(requestRecord({ requestId: "a", flag: "UO", attempts: 0 }));
    log.onFinished(requestRecord({ requestId: "b", attempts: 2, retriedFor: "503", tried: [{ key: "10.0.0.1:80" }] }));
    log.onFinished(requestRecord({ requestId: "c", retryRefusal: "told-not-to" }));
    log.onFinished(requestRecord({ requestId: "d", fallback: "static" }));
    const decisions = log.decisions();
    assert.deepEqual(
      decisions.map(({ requestId }) => requestId),
      ["d", "c", "b", "a"],
    );
    const b = decisions[2];
    assert.deepEqual(
      [b?.rule, b?.cluster, b?.tried, b?.retriedFor],
      ["reviews/default", "reviews", ["10.0.0.1:80"], ["503"]],
    );
  });

  it("are the newest, in one worker and of several together", () => {
    const log = new DecisionLog(3);
    for (let n = 0; n < 8; n += 1) log.onFinished(requestRecord({ startWallMs: n, flag: "UH" }));
    assert.deepEqual(
      log.decisions().map(({ startWallMs }) => startWallMs),
      [7, 6, 5],
    );
    const other = new DecisionLog();
    for (let n = 0; n < DECISIONS_KEPT_MAX; n += 1) other.onFinished(requestRecord({ startWallMs: n, flag: "UH" }));
    const all = newestDecisions([log.decisions(), other.decisions()]);
    assert.equal(all.length, DECISIONS_KEPT_MAX);
    assert.deepEqual(
      all.slice(0, 3).map(({ startWallMs }) => startWallMs),
      [DECISIONS_KEPT_MAX - 1, DECISIONS_KEPT_MAX - 2, DECISIONS_KEPT_MAX - 3],
    );
  });
});
