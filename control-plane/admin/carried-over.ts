import type { Catalog, Row } from "../catalog/catalog.ts";
import { keyOf } from "../catalog/row-key.ts";
import { findRow } from "../catalog/rows.ts";

/** A row put by an operator keeps the lease of the proxy that registered it, and what that one reported. */
export function carriedOver(catalog: Catalog, put: Row): Row {
  if (put.kind !== "ServiceEndpoint") return put;
  const before = findRow(catalog, keyOf(put));
  return before?.kind === "ServiceEndpoint"
    ? { ...put, registeredBy: before.registeredBy, health: before.health }
    : put;
}
