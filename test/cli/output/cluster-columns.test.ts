import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { clusterStateColumns } from "../../../cli/output/cluster-columns.ts";
import type { BreakerJson, ClusterJson, ClusterPoliciesJson } from "../../../data-plane/admin/admin-json.ts";

const NONE = { active: 0, max: null, overflows: 0 };
const CLOSED: BreakerJson = {
  state: "closed",
  opens: 0,
  refused: 0,
  failuresInRow: 0,
  probeInMs: 0,
  results: 20,
  failures: 0,
};

function shown(policies: ClusterPoliciesJson | null): readonly (string | undefined)[] {
  const cluster: ClusterJson = {
    name: "web",
    service: "web",
    version: "",
    lb: { kind: "round-robin" },
    isInPanic: false,
    endpoints: [],
    policies,
  };
  return clusterStateColumns.map(({ text }) => text(cluster));
}

function policies(breaker: BreakerJson | null, parts: Partial<ClusterPoliciesJson> = {}): ClusterPoliciesJson {
  const limits = { connections: NONE, pending: NONE, requests: NONE, retries: NONE };
  return { breaker, retryBudget: null, adaptive: null, limits, ...parts };
}

describe("the state of a cluster's policies", () => {
  it("is empty where there are none", () => {
    assert.deepEqual(shown(null), ["", "", "", "", ""]);
    assert.deepEqual(shown(policies(null)), ["", "", "", "", ""]);
  });

  it("names the breaker's state, with what failed, or the time to its next probe", () => {
    assert.equal(shown(policies(CLOSED))[0], "closed");
    assert.equal(shown(policies({ ...CLOSED, failures: 3 }))[0], "closed 3/20");
    assert.equal(shown(policies({ ...CLOSED, state: "open", probeInMs: 11_200 }))[0], "open 12s");
    assert.equal(shown(policies({ ...CLOSED, state: "half-open" }))[0], "half-open");
  });

  it("tells what is left of the budget, and what is under way of a limit", () => {
    const limits = { ...policies(null).limits, requests: { active: 7, max: 100, overflows: 1 } };
    const [, budget, requests] = shown(policies(null, { retryBudget: { balance: 12, refused: 0 }, limits }));
    assert.deepEqual([budget, requests], ["12", "7/100"]);
  });
});
