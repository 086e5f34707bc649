import assert from "node:assert/strict";

import { applyChanges } from "../../control-plane/catalog/apply-changes.ts";
import { emptyCatalog, type Catalog, type Kind, type Row } from "../../control-plane/catalog/catalog.ts";
import { rowFromDocument } from "../../control-plane/catalog/document.ts";
import { keyOf } from "../../control-plane/catalog/row-key.ts";

type RowOf<K extends Kind> = Extract<Row, { kind: K }>;

/** A whole row from the columns that matter to a test. */
export function rowOf<K extends Kind>(kind: K, columns: Readonly<Record<string, unknown>>): RowOf<K> {
  const read = rowFromDocument({ kind, ...columns });
  assert.ok(read.ok, read.ok ? "" : read.error.map((violation) => violation.message).join("; "));
  const isOfKind = (row: Row): row is RowOf<K> => row.kind === kind;
  assert.ok(isOfKind(read.value));
  return read.value;
}

export function endpoint(
  service: string,
  port: number,
  columns: Readonly<Record<string, unknown>> = {},
): RowOf<"ServiceEndpoint"> {
  return rowOf("ServiceEndpoint", { service_name: service, pod_ip: "10.0.0.1", port, ...columns });
}

export function registered(row: RowOf<"ServiceEndpoint">, node: string): RowOf<"ServiceEndpoint"> {
  return { ...row, registeredBy: node };
}

export function policy(service: string, columns: Readonly<Record<string, unknown>> = {}): RowOf<"ServicePolicy"> {
  return rowOf("ServicePolicy", { service_name: service, ...columns });
}

export function split(
  destination: string,
  v1: number,
  v2: number,
  columns: Readonly<Record<string, unknown>> = {},
): RowOf<"TrafficSplit"> {
  return rowOf("TrafficSplit", { destination_service: destination, v1_weight: v1, v2_weight: v2, ...columns });
}

export function route(
  name: string,
  destination: string,
  columns: Readonly<Record<string, unknown>> = {},
): RowOf<"Route"> {
  return rowOf("Route", { name, destination_service: destination, ...columns });
}

export function catalogOf(...rows: readonly Row[]): Catalog {
  return applyChanges(
    emptyCatalog,
    rows.map((row) => ({ key: keyOf(row), before: undefined, after: row })),
    1,
  );
}
