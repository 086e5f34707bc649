import assert from "node:assert/strict";
import { describe, it } from "node:test";

import fc from "fast-check";

import { applyChanges, isSameContent, planChange, reversed } from "../../../control-plane/catalog/apply-changes.ts";
import { emptyCatalog, KINDS, type Catalog, type Row } from "../../../control-plane/catalog/catalog.ts";
import { describeKey, keyOf } from "../../../control-plane/catalog/row-key.ts";
import { compareText, findRow, rowsOf } from "../../../control-plane/catalog/rows.ts";
import { rows } from "../../support/catalog-arbitraries.ts";
import { catalogOf, endpoint, policy, route, split } from "../../support/catalog-rows.ts";

const NOW = "2026-11-21T10:00:00.000Z";
const nameOf = (row: Row): string => `${row.kind} ${describeKey(keyOf(row))}`;
const allRows = (catalog: Catalog): readonly Row[] => KINDS.flatMap((kind) => rowsOf(catalog, kind));
const change = (catalog: Catalog, puts: readonly Row[], deletions: readonly Row[] = []): Catalog => {
  const planned = planChange(catalog, { puts, deletions: deletions.map(keyOf) }, NOW);
  return applyChanges(catalog, planned, catalog.revision + 1);
};

describe("a change", () => {
  it("does to a catalog what a plain map of keys does", () => {
    const step = fc.record({ row: rows, isDeletion: fc.boolean() });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        let catalog = emptyCatalog;
        const model = new Map<string, Row>();
        for (const { row, isDeletion } of steps) {
          catalog = isDeletion ? change(catalog, [], [row]) : change(catalog, [row]);
          if (isDeletion) model.delete(nameOf(row));
          else model.set(nameOf(row), row);
        }
        assert.deepEqual(allRows(catalog).map(nameOf).sort(compareText), [...model.keys()].sort(compareText));
        for (const row of model.values()) {
          const found = findRow(catalog, keyOf(row));
          assert.ok(found !== undefined && isSameContent(found, row));
        }
      }),
    );
  });

  it("taken back gives the content of before", () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(rows, { selector: nameOf }),
        fc.uniqueArray(rows, { selector: nameOf }),
        (first, second) => {
          const before = change(emptyCatalog, first);
          const planned = planChange(before, { puts: second, deletions: [] }, NOW);
          // As the ledger gives them: equal rows that are other objects.
          const read = structuredClone(planned);
          const back = applyChanges(applyChanges(before, planned, 2), reversed(read), 1);
          assert.deepEqual(allRows(back), allRows(before));
        },
      ),
    );
  });

  it("leaves every part it does not touch the same object", () => {
    const before = catalogOf(
      policy("a"),
      endpoint("a", 1),
      endpoint("b", 2),
      split("a", 100, 0),
      route("r", "a"),
      route("s", "b"),
    );
    const after = change(before, [endpoint("a", 1, { healthy: false })]);
    assert.equal(after.policies, before.policies);
    assert.equal(after.splits, before.splits);
    assert.equal(after.routes, before.routes);
    assert.notEqual(after.endpoints, before.endpoints);
    assert.equal(after.endpoints.get("b"), before.endpoints.get("b"));
    assert.notEqual(after.endpoints.get("a"), before.endpoints.get("a"));
  });

  it("without effect is none: time stamps and numbers are no content", () => {
    const catalog = catalogOf(
      { ...policy("a"), updatedAt: "2020-01-01T00:00:00.000Z" },
      { ...split("a", 100, 0), id: 7 },
    );
    assert.deepEqual(
      planChange(catalog, { puts: [policy("a"), split("a", 100, 0)], deletions: [keyOf(route("r", "a"))] }, NOW),
      [],
    );
  });

  it("stamps the time, and leaves a split its number", () => {
    const catalog = catalogOf({ ...split("a", 100, 0), id: 7 });
    const [planned] = planChange(catalog, { puts: [split("a", 90, 10)], deletions: [] }, NOW);
    assert.ok(planned?.after?.kind === "TrafficSplit");
    assert.deepEqual([planned.after.id, planned.after.updatedAt], [7, NOW]);
  });

  it("moves a route to the service it now leads to", () => {
    const after = change(catalogOf(route("r", "a")), [route("r", "b")]);
    assert.deepEqual([...after.routes.keys()], ["b"]);
  });

  it("that names a key twice puts rather than deletes, and takes the last put", () => {
    const catalog = catalogOf(endpoint("a", 1));
    const puts = [endpoint("a", 1, { weight: 2 }), endpoint("a", 1, { weight: 3 })];
    const planned = planChange(catalog, { puts, deletions: puts.map(keyOf) }, NOW);
    assert.equal(planned.length, 1);
    assert.deepEqual(planned[0]?.after, puts[1]);
  });
});

describe("the order of a catalog", () => {
  it("is by position and name for routes, with the general split first, and by address for endpoints", () => {
    const catalog = catalogOf(
      route("z", "a", { position: 1 }),
      route("b", "a"),
      route("a", "a"),
      split("a", 100, 0, { source_service: "web" }),
      split("a", 100, 0),
      endpoint("a", 10),
      endpoint("a", 9),
    );
    assert.deepEqual(
      catalog.routes.get("a")?.map((row) => row.name),
      ["z", "a", "b"],
    );
    assert.deepEqual(
      catalog.splits.get("a")?.map((row) => row.sourceService),
      [null, "web"],
    );
    assert.deepEqual(
      catalog.endpoints.get("a")?.map((row) => row.port),
      [9, 10],
    );
  });
});
