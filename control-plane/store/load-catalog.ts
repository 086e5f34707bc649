import type { Database } from "better-sqlite3";

import { err, ok, type Result } from "../../shared/result.ts";
import { describeViolations } from "../../shared/violation.ts";
import { applyChanges } from "../catalog/apply-changes.ts";
import { emptyCatalog, KINDS, type Catalog } from "../catalog/catalog.ts";
import { rowFromDocument } from "../catalog/document.ts";
import { keyOf } from "../catalog/row-key.ts";
import { documentFromColumns, rowFromColumns } from "./column-values.ts";
import type { RowChange } from "./store.ts";

/** Reads every row and checks it again: another program may have written past our validation. */
export function loadCatalog(db: Database): Result<Catalog, string> {
  const changes: RowChange[] = [];
  const problems: string[] = [];
  for (const kind of KINDS) {
    for (const columns of db.prepare<[], Record<string, unknown>>(`SELECT * FROM "${kind}"`).iterate()) {
      const checked = rowFromDocument({ kind, ...documentFromColumns(kind, columns) });
      if (!checked.ok) problems.push(describeViolations(checked.error));
      const row = rowFromColumns(kind, columns);
      changes.push({ key: keyOf(row), before: undefined, after: row });
    }
  }
  if (problems.length > 0) {
    const shown = problems.slice(0, 10).join("; ");
    return err(
      `${problems.length} of its rows were changed by another program and are not valid: ${shown}; mend them with the sqlite3 shell or restore a backup`,
    );
  }
  return ok(applyChanges(emptyCatalog, changes, newestRevision(db)));
}

export function newestRevision(db: Database): number {
  return Number(db.prepare("SELECT ifnull(max(revision), 0) FROM Revision").pluck().get());
}
