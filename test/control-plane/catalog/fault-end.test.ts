import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { applyChanges, planChange } from "../../../control-plane/catalog/apply-changes.ts";
import { emptyCatalog, type Catalog } from "../../../control-plane/catalog/catalog.ts";
import { isFaultOn } from "../../../control-plane/catalog/fault-end.ts";
import { rollbackChange } from "../../../control-plane/catalog/rollback.ts";
import type { ServicePolicy } from "../../../control-plane/catalog/service-policy.ts";
import { policy } from "../../support/catalog-rows.ts";

const slow = { fault_delay_percent: 10, fault_delay_ms: 200, fault_duration_sec: 60 };

/** Ten o'clock and some seconds. */
function at(seconds: number): string {
  return new Date(Date.UTC(2026, 10, 21, 10, 0, seconds)).toISOString();
}

function applied(catalog: Catalog, put: ServicePolicy, now: string): Catalog {
  const planned = planChange(catalog, { puts: [put], deletions: [] }, now);
  return planned.length === 0 ? catalog : applyChanges(catalog, planned, catalog.revision + 1);
}

function until(catalog: Catalog): string | null | undefined {
  return catalog.policies.get("a")?.faultUntil;
}

describe("a fault", () => {
  it("ends its duration after the commit that set it", () => {
    assert.equal(until(applied(emptyCatalog, policy("a", slow), at(0))), at(60));
  });

  it("without a duration has no end, and a policy without a fault none either", () => {
    assert.equal(until(applied(emptyCatalog, policy("a", { ...slow, fault_duration_sec: 0 }), at(0))), null);
    assert.equal(until(applied(emptyCatalog, policy("a", { fault_duration_sec: 60 }), at(0))), null);
  });

  it("begins anew when the row is applied again as it stands", () => {
    const first = applied(emptyCatalog, policy("a", slow), at(0));
    const again = applied(first, policy("a", slow), at(50));
    assert.deepEqual([again.revision, until(again)], [2, at(110)]);
  });

  it("begins anew when something about it changes", () => {
    const first = applied(emptyCatalog, policy("a", slow), at(0));
    for (const change of [{ fault_delay_ms: 300 }, { fault_source: "web" }, { fault_header_match: { "x-a": "1" } }]) {
      assert.equal(until(applied(first, policy("a", { ...slow, ...change }), at(50))), at(110));
    }
  });

  it("keeps its end when other columns change, so that one that is over stays over", () => {
    const first = applied(emptyCatalog, policy("a", slow), at(0));
    const later = applied(first, policy("a", { ...slow, timeout_ms: 7 }), at(500));
    assert.deepEqual([later.revision, until(later)], [2, at(60)]);
  });

  it("comes back by a rollback with the end that it had", () => {
    const first = applied(emptyCatalog, policy("a", slow), at(0));
    const without = applied(first, policy("a"), at(30));
    assert.equal(until(without), null);
    const planned = planChange(without, rollbackChange(without, first), at(500));
    assert.equal(until(applyChanges(without, planned, 3)), at(60));
  });

  it("that nobody asked for makes no change of a row put again", () => {
    const first = applied(emptyCatalog, policy("a"), at(0));
    assert.equal(applied(first, policy("a"), at(50)), first);
  });

  it("is on until its end and not at it", () => {
    const row = applied(emptyCatalog, policy("a", slow), at(0)).policies.get("a");
    assert.ok(row !== undefined);
    const end = Date.parse(at(60));
    assert.deepEqual([isFaultOn(row, end - 1), isFaultOn(row, end)], [true, false]);
    assert.equal(isFaultOn(policy("a"), 0), false);
    assert.equal(isFaultOn({ ...row, faultUntil: null }, end), true);
  });
});
