import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { applyChanges, planChange } from "../../../control-plane/catalog/apply-changes.ts";
import { KINDS, type Catalog, type Row } from "../../../control-plane/catalog/catalog.ts";
import { rollbackChange } from "../../../control-plane/catalog/rollback.ts";
import { rowsOf } from "../../../control-plane/catalog/rows.ts";
import { catalogOf, endpoint, policy, registered, route, split } from "../../support/catalog-rows.ts";

function rolledBack(now: Catalog, then: Catalog): readonly Row[] {
  const after = applyChanges(now, planChange(now, rollbackChange(now, then), ""), 3);
  return KINDS.flatMap((kind) => rowsOf(after, kind)).map((row) =>
    "updatedAt" in row ? { ...row, updatedAt: "" } : row,
  );
}

describe("a rollback", () => {
  it("gives back what operators declared: changed, added and deleted rows of every kind", () => {
    const then = catalogOf(policy("a"), endpoint("a", 1), split("a", 90, 10), route("r", "a"));
    const now = catalogOf(policy("a", { timeout_ms: 1 }), policy("b"), endpoint("a", 2), split("a", 0, 100));
    const want = KINDS.flatMap((kind) => rowsOf(then, kind)).map((row) =>
      "updatedAt" in row ? { ...row, updatedAt: "" } : row,
    );
    assert.deepEqual(rolledBack(now, then), want);
  });

  it("leaves registered endpoints as they run now: alive, gone, healthy or not; only weights go back", () => {
    const stays = registered(endpoint("a", 1, { healthy: false, weight: 5 }), "node-1");
    const came = registered(endpoint("a", 2), "node-2");
    const left = registered(endpoint("a", 3), "node-3");
    const then = catalogOf(registered(endpoint("a", 1, { weight: 9 }), "node-1"), left);
    assert.deepEqual(rolledBack(catalogOf(stays, came), then), [{ ...stays, weight: 9 }, came]);
  });
});
