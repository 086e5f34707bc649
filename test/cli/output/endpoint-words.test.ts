import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { describeFindings, describeHealth } from "../../../cli/output/config-tables.ts";
import { endpointJson } from "../../../data-plane/admin/endpoint-json.ts";
import type { Findings } from "../../../data-plane/upstream/endpoint-watch.ts";
import { noTally } from "../../../data-plane/workers/tally.ts";
import type { Endpoint } from "../../../shared/model/cluster.ts";
import { endpoint } from "../../support/snapshot-builders.ts";

const EJECTED: Findings["ejection"] = { reason: "consecutive-5xx", leftMs: 12_000 };
const FAILING: Findings["check"] = { health: "unhealthy", detail: "answered 503" };

function words(health: Endpoint["health"], findings: Partial<Findings> = {}): readonly [string, string] {
  const known: Findings = { ejection: undefined, check: undefined, isStarting: false, ...findings };
  const facts = endpointJson("10.0.0.1:80", endpoint("10.0.0.1:80", { health }), known, noTally);
  return [describeHealth(facts), describeFindings(facts)];
}

describe("the health of an endpoint in `heddle pc endpoints`", () => {
  it("is the first of what keeps requests away, with the reasons beside it", () => {
    assert.deepEqual(words("healthy"), ["healthy", ""]);
    assert.deepEqual(words("draining", { ejection: EJECTED }), ["draining", "consecutive-5xx"]);
    assert.deepEqual(words("unhealthy"), ["unhealthy", ""]);
    assert.deepEqual(words("healthy", { ejection: EJECTED, check: FAILING }), [
      "ejected",
      "consecutive-5xx, answered 503",
    ]);
    assert.deepEqual(words("healthy", { check: FAILING }), ["failing", "answered 503"]);
    assert.deepEqual(words("healthy", { isStarting: true }), ["starting", ""]);
  });

  it("says nothing of checks that pass", () => {
    assert.deepEqual(words("healthy", { check: { health: "healthy", detail: "answered 200" } }), ["healthy", ""]);
  });
});
