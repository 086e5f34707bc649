import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { decisionColumns } from "../../../cli/output/decision-columns.ts";
import { DecisionLog } from "../../../data-plane/telemetry/decision-log.ts";
import type { RequestRecord } from "../../../data-plane/telemetry/request-record.ts";
import { requestRecord } from "../../support/request-records.ts";

/** The cells of one request, by their headers. */
function cells(parts: Partial<RequestRecord>): Readonly<Record<string, string>> {
  const log = new DecisionLog();
  const record = requestRecord(parts);
  log.onFinished(record);
  const [decision] = log.decisions();
  assert.ok(decision !== undefined);
  const columns = decisionColumns(Math.floor(record.startWallMs) + 61_000);
  return Object.fromEntries(columns.map(({ header, text }) => [header, text(decision) ?? ""]));
}

describe("a decision of a proxy", () => {
  it("says what was asked, what came of it and why", () => {
    const refused = cells({ flag: "UO", detail: "circuit-open", status: 503, attempts: 0, endpoint: "" });
    assert.equal(refused["AGE"], "1m");
    assert.equal(refused["REQUEST"], "GET reviews/api");
    assert.deepEqual([refused["STATUS"], refused["FLAG"], refused["WHY"]], ["503", "UO", "circuit-open"]);
    assert.deepEqual([refused["TRIES"], refused["ENDPOINTS"]], ["0", ""]);
  });

  it("says what was retried for what, where, and what ended it", () => {
    const retried = cells({
      flag: "URX",
      detail: "connect-failed",
      retryRefusal: "retry-budget",
      attempts: 2,
      retriedFor: "503",
      tried: [{ key: "10.0.0.1:80" }],
      endpoint: "10.0.0.2:80",
    });
    assert.equal(retried["WHY"], "connect-failed, retry-budget");
    assert.equal(retried["RETRIED FOR"], "503");
    assert.equal(retried["ENDPOINTS"], "10.0.0.1:80 10.0.0.2:80");
    assert.equal(cells({ flag: "URX", detail: "retry-budget", retryRefusal: "retry-budget" })["WHY"], "retry-budget");
  });
});
