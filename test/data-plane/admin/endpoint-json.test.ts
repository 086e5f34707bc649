import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { endpointJson } from "../../../data-plane/admin/endpoint-json.ts";
import type { Findings } from "../../../data-plane/upstream/endpoint-watch.ts";
import { noTally } from "../../../data-plane/workers/tally.ts";
import type { Endpoint } from "../../../shared/model/cluster.ts";
import { endpoint } from "../../support/snapshot-builders.ts";

const WELL: Findings = { ejection: undefined, check: undefined, isStarting: false };

function flags(health: Endpoint["health"], findings: Partial<Findings>): readonly string[] {
  const configured = endpoint("10.0.0.1:80", { health });
  return endpointJson("10.0.0.1:80", configured, { ...WELL, ...findings }, noTally).healthFlags;
}

describe("an endpoint in /clusters", () => {
  it("has no flag when it may be picked", () => {
    assert.deepEqual(flags("healthy", { check: { health: "healthy", detail: "answered 200" } }), []);
  });

  it("has a flag for everything that keeps requests away", () => {
    assert.deepEqual(flags("unhealthy", {}), ["/failed_eds_health"]);
    assert.deepEqual(flags("draining", {}), ["/eds_status_draining"]);
    const ejection = { reason: "consecutive-5xx", leftMs: 12_000 } as const;
    const check = { health: "unhealthy", detail: "answered 503" } as const;
    assert.deepEqual(flags("healthy", { ejection, check }), ["/failed_active_hc", "/failed_outlier_check"]);
  });

  it("says why it is out, for how long, and that it starts slowly", () => {
    const findings: Findings = {
      ejection: { reason: "success-rate", leftMs: 5_000 },
      check: { health: "unhealthy", detail: "connect-failed" },
      isStarting: true,
    };
    const { ejection, check, isStarting } = endpointJson("10.0.0.1:80", undefined, findings, noTally);
    assert.deepEqual([ejection, check, isStarting], [findings.ejection, findings.check, true]);
  });
});
