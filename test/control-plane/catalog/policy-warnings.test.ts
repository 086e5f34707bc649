import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { applyChanges, planChange } from "../../../control-plane/catalog/apply-changes.ts";
import type { Catalog } from "../../../control-plane/catalog/catalog.ts";
import { warnChange } from "../../../control-plane/catalog/warnings.ts";
import { catalogOf, endpoint, policy } from "../../support/catalog-rows.ts";

function warnings(columns: Readonly<Record<string, unknown>>, catalog: Catalog = catalogOf()): readonly string[] {
  const planned = planChange(catalog, { puts: [policy("a", columns)], deletions: [] }, "2026-11-21T10:00:00.000Z");
  return warnChange(applyChanges(catalog, planned, 2), planned, (service) => service === "connected");
}

describe("a policy", () => {
  it("of defaults surprises nobody", () => {
    assert.deepEqual(warnings({}), []);
  });

  it("whose tries cannot all be made is told", () => {
    const tries = { timeout_ms: 1_000, per_try_timeout_ms: 400 };
    assert.deepEqual(warnings(tries), [
      "ServicePolicy a: its 3 tries of per_try_timeout_ms 400 take up to 1200 ms, but timeout_ms is 1000: the last tries may be cut short or never made: heddle policy set a --per-try-timeout-ms 333",
    ]);
    assert.deepEqual(warnings({ ...tries, retry_attempts: 2 }), []);
  });

  it("that repeats what is not idempotent is told", () => {
    assert.match(warnings({ retry_non_idempotent: true }).join(), /repeats POST and PATCH/);
  });

  it("whose fault has no end, or waits for a caller nobody knows, is told", () => {
    const fault = { fault_abort_percent: 1, fault_abort_status: 503 };
    assert.deepEqual(warnings(fault), []);
    assert.match(
      warnings({ ...fault, fault_duration_sec: 0 }).join(),
      /no end \(fault_duration_sec 0\): heddle policy set a --unset fault_delay_percent /,
    );
    assert.match(warnings({ ...fault, fault_source: "ghost" }).join(), /for calls from ghost, which has no proxy/);
    assert.deepEqual(warnings({ ...fault, fault_source: "connected" }), []);
  });

  it("that mirrors to nobody is told, until somebody is there", () => {
    const catalog = catalogOf(endpoint("b", 1, { version: "v1" }));
    assert.deepEqual(warnings({ mirror_to: "b" }, catalog), []);
    assert.deepEqual(warnings({ mirror_to: "b/v1" }, catalog), []);
    assert.match(warnings({ mirror_to: "b/v2" }, catalog).join(), /mirror_to b\/v2 has no usable endpoint/);
  });

  it("with columns that have no effect is told", () => {
    assert.match(warnings({ slow_start_sec: 5, lb_policy: "random" }).join(), /slow_start_sec has no effect/);
    assert.deepEqual(warnings({ slow_start_sec: 5, lb_policy: "least_request" }), []);
    assert.match(warnings({ fault_source: "connected" }).join(), /no effect without a delay or an abort/);
    assert.match(warnings({ retry_on: ["5xx"], retry_statuses: [429] }).join(), /retry_statuses has no effect/);
    assert.match(warnings({ fallback: "cached_response" }).join(), /answers to GET only/);
  });

  it("that falls back on a service without a usable endpoint is told", () => {
    const fallback = { fallback: "service", fallback_service: "b" };
    const sick = catalogOf(endpoint("b", 1, { healthy: false }));
    assert.match(
      warnings(fallback, sick).join(),
      /fallback_service b has no usable endpoint.*: heddle run --service b/,
    );
    assert.deepEqual(warnings(fallback, catalogOf(endpoint("b", 1))), []);
  });
});
