import type { Change } from "../store/store.ts";
import { KINDS, type Catalog, type Row } from "./catalog.ts";
import { keyOf } from "./row-key.ts";
import { findRow, rowsOf } from "./rows.ts";

/**
 * The change that makes the content that of an older revision. Rows that proxies registered tell what runs now, not what
 * an operator declared: none of them appears, vanishes, or changes its health by a rollback; only its weight goes back.
 * A policy comes back with the end that its fault had: one that is over stays over.
 */
export function rollbackChange(now: Catalog, then: Catalog): Change {
  const puts = KINDS.flatMap((kind) => rowsOf(then, kind)).flatMap((row) => restored(now, row));
  const deletions = KINDS.flatMap((kind) => rowsOf(now, kind))
    .filter((row) => !isRegistered(row) && findRow(then, keyOf(row)) === undefined)
    .map(keyOf);
  return { puts, deletions };
}

function isRegistered(row: Row): boolean {
  return row.kind === "ServiceEndpoint" && row.registeredBy !== null;
}

function restored(now: Catalog, row: Row): readonly Row[] {
  const current = findRow(now, keyOf(row));
  if (current === row) return [];
  if (row.kind !== "ServiceEndpoint") return [row];
  if (current?.kind === "ServiceEndpoint" && current.registeredBy !== null) return [{ ...current, weight: row.weight }];
  return row.registeredBy === null ? [row] : [];
}
