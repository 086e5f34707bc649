import type { Catalog, ServiceEndpoint } from "../catalog/catalog.ts";
import { describeKey, keyOf } from "../catalog/row-key.ts";
import type { Change } from "../store/store.ts";
import { registeredRows } from "./registration.ts";

export type ReportedHealth = ServiceEndpoint["health"];

/**
 * A change of registrations, and what proxies say of their own apps put into the same rows. A report of a node without a
 * row, or one that says nothing new, changes nothing.
 */
export function withReports(
  catalog: Catalog,
  { puts, deletions }: Change,
  reports: ReadonlyMap<string, ReportedHealth>,
): Change {
  const put = puts.map((row) => (row.kind === "ServiceEndpoint" ? reported(row, reports) : row));
  const touched = new Set([...puts.map(keyOf), ...deletions].map(describeKey));
  const rows = registeredRows(catalog);
  const others = [...reports.keys()]
    .flatMap((nodeId) => rows.get(nodeId) ?? [])
    .filter((row) => !touched.has(describeKey(keyOf(row))) && reported(row, reports) !== row);
  return { puts: [...put, ...others.map((row) => reported(row, reports))], deletions };
}

function reported(row: ServiceEndpoint, reports: ReadonlyMap<string, ReportedHealth>): ServiceEndpoint {
  const health = row.registeredBy === null ? undefined : reports.get(row.registeredBy);
  return health === undefined || health === row.health ? row : { ...row, health };
}
