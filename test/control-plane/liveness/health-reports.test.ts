import assert from "node:assert/strict";
import { describe, it } from "node:test";

import type { Catalog, ServiceEndpoint } from "../../../control-plane/catalog/catalog.ts";
import { keyOf } from "../../../control-plane/catalog/row-key.ts";
import { withReports, type ReportedHealth } from "../../../control-plane/liveness/health-reports.ts";
import type { Change } from "../../../control-plane/store/store.ts";
import { catalogOf, endpoint, registered } from "../../support/catalog-rows.ts";

const nothing: Change = { puts: [], deletions: [] };

function changed(
  catalog: Catalog,
  change: Change,
  reports: Readonly<Record<string, ReportedHealth>>,
): readonly string[] {
  return withReports(catalog, change, new Map(Object.entries(reports))).puts.map((row) => {
    const { registeredBy, health, healthy } = row as ServiceEndpoint;
    return `${registeredBy} ${health} ${healthy ? "healthy" : "unhealthy"}`;
  });
}

describe("a report of an app's health", () => {
  const row = registered(endpoint("web", 15_006), "web-1");

  it("is put into the row of the node that made it, and says nothing of whether it drains", () => {
    assert.deepEqual(changed(catalogOf(row), nothing, { "web-1": "failing" }), ["web-1 failing healthy"]);
    const draining = { ...row, healthy: false };
    assert.deepEqual(changed(catalogOf(draining), nothing, { "web-1": "failing" }), ["web-1 failing unhealthy"]);
  });

  it("that says nothing new, or is of a node without a row, changes nothing", () => {
    const failing = { ...row, health: "failing" as const };
    assert.deepEqual(changed(catalogOf(failing), nothing, { "web-1": "failing", "web-2": "failing" }), []);
  });

  it("goes into the registration of the same moment", () => {
    const change: Change = { puts: [{ ...row, healthy: false }], deletions: [] };
    assert.deepEqual(changed(catalogOf(row), change, { "web-1": "passing" }), ["web-1 passing unhealthy"]);
    assert.deepEqual(changed(catalogOf(), { puts: [row], deletions: [] }, { "web-1": "passing" }), [
      "web-1 passing healthy",
    ]);
  });

  it("does not bring back a row that leaves at the same moment", () => {
    assert.deepEqual(changed(catalogOf(row), { puts: [], deletions: [keyOf(row)] }, { "web-1": "failing" }), []);
  });
});
