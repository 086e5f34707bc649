import type { Database, Statement } from "better-sqlite3";

import { assert } from "../../shared/assert.ts";
import { KINDS, type Kind, type Row } from "../catalog/catalog.ts";
import { documentFromRow, rowFromStoredDocument } from "../catalog/document.ts";
import { columnOf } from "../catalog/field.ts";
import { fieldsByKind } from "../catalog/fields.ts";
import { isRecord } from "../catalog/read-value.ts";
import { keyOf } from "../catalog/row-key.ts";
import { columnsOfKind, columnValues, type ColumnValue } from "./column-values.ts";
import type { Commit, CommitOptions, RevisionSummary, RowChange } from "./store.ts";

/** How often old revisions leave the ledger, in revisions: each time takes a few milliseconds. */
const PRUNE_EVERY = 1_000;

interface RowStatements {
  readonly put: Statement<ColumnValue[]>;
  readonly remove: Statement<ColumnValue[]>;
}

interface StoredChange {
  readonly revision: number;
  readonly kind: string;
  readonly before: string | null;
  readonly after: string | null;
}

/** The rows and the ledger in SQL: what a commit writes, and what can be read back of older revisions. */
export class SqliteLedger {
  readonly #db: Database;
  readonly #revisionsKept: number;
  readonly #rows: Readonly<Record<Kind, RowStatements>>;
  readonly #insertRevision: Statement<[string, string, string, number]>;
  readonly #insertChange: Statement<[number, number, string, string | null, string | null]>;
  readonly #selectRevision: Statement<[number], RevisionSummary>;
  readonly #selectRevisions: Statement<[number, number], RevisionSummary>;
  readonly #selectChanges: Statement<[number], StoredChange>;

  constructor(db: Database, revisionsKept: number) {
    this.#db = db;
    this.#revisionsKept = revisionsKept;
    this.#rows = {
      ServicePolicy: rowStatements(db, "ServicePolicy"),
      ServiceEndpoint: rowStatements(db, "ServiceEndpoint"),
      TrafficSplit: rowStatements(db, "TrafficSplit"),
      Route: rowStatements(db, "Route"),
    };
    this.#insertRevision = db.prepare(
      "INSERT INTO Revision (committed_at, author, reason, change_count) VALUES (?, ?, ?, ?)",
    );
    this.#insertChange = db.prepare(
      "INSERT INTO RevisionChange (revision, ordinal, kind, before, after) VALUES (?, ?, ?, ?, ?)",
    );
    this.#selectRevision = db.prepare(`${SELECT_SUMMARY} WHERE revision = ?`);
    this.#selectRevisions = db.prepare(`${SELECT_SUMMARY} WHERE revision < ? ORDER BY revision DESC LIMIT ?`);
    this.#selectChanges = db.prepare("SELECT * FROM RevisionChange WHERE revision = ? ORDER BY ordinal");
  }

  /** Within the caller's transaction: writes rows, revision and changes. The commit has the numbers SQLite gave. */
  append(planned: readonly RowChange[], options: CommitOptions, committedAt: string): Commit {
    const { author, reason } = options;
    const changes = planned.map((change) => this.#writeRow(change));
    const revision = Number(this.#insertRevision.run(committedAt, author, reason, changes.length).lastInsertRowid);
    for (const [ordinal, { key, before, after }] of changes.entries()) {
      this.#insertChange.run(revision, ordinal, key.kind, toJson(before), toJson(after));
    }
    if (revision % PRUNE_EVERY === 0) this.#prune();
    return { revision, committedAt, author, reason, changes };
  }

  /** Newest first; `before` 0 starts at the newest. */
  list(limit: number, before: number): readonly RevisionSummary[] {
    const bound = before === 0 ? Number.MAX_SAFE_INTEGER : before;
    return this.#selectRevisions.all(bound, limit);
  }

  read(revision: number): Commit | undefined {
    const summary = this.#selectRevision.get(revision);
    if (summary === undefined) return undefined;
    const { committedAt, author, reason } = summary;
    const changes = this.#selectChanges.all(revision).map(fromStored);
    return { revision, committedAt, author, reason, changes };
  }

  /**
   * Whether this revision was made and every later one is still in the ledger, so that their changes can be taken back.
   * Numbers have gaps: a restore jumps over those that proxies may hold.
   */
  reachesBackTo(revision: number): boolean {
    if (this.#selectRevision.get(revision) !== undefined) return true;
    return revision === 0 && this.#selectRevision.get(1) !== undefined;
  }

  /** The changes of each revision after this one, newest revision first. */
  *changesAfter(revision: number): Generator<readonly RowChange[]> {
    const rows = this.#db
      .prepare<[number], StoredChange>(
        "SELECT * FROM RevisionChange WHERE revision > ? ORDER BY revision DESC, ordinal",
      )
      .iterate(revision);
    let group: RowChange[] = [];
    let current: number | undefined;
    for (const row of rows) {
      if (row.revision !== current && group.length > 0) {
        yield group;
        group = [];
      }
      current = row.revision;
      group.push(fromStored(row));
    }
    if (group.length > 0) yield group;
  }

  /** By count and not by number, for a restore leaves a gap in the numbers. */
  #prune(): void {
    const oldest = "SELECT revision FROM Revision ORDER BY revision DESC LIMIT 1 OFFSET ?";
    this.#db.prepare(`DELETE FROM Revision WHERE revision <= (${oldest})`).run(this.#revisionsKept);
  }

  #writeRow(change: RowChange): RowChange {
    const { before, after } = change;
    if (after !== undefined) {
      const { lastInsertRowid } = this.#rows[after.kind].put.run(...columnValues(after));
      return after.kind === "TrafficSplit" ? { ...change, after: { ...after, id: Number(lastInsertRowid) } } : change;
    }
    assert(before !== undefined, "a change has a row before or after");
    this.#rows[before.kind].remove.run(...keyValues(before));
    return change;
  }
}

const SELECT_SUMMARY =
  "SELECT revision, committed_at AS committedAt, author, reason, change_count AS changeCount FROM Revision";

/** REPLACE and not UPSERT: the row is whole, and a split keeps its number because it is among the values. */
function rowStatements(db: Database, kind: Kind): RowStatements {
  const columns = columnsOfKind(kind);
  const places = columns.map(() => "?").join(", ");
  const conditions = keyColumns(kind).map((column) => `${column} IS ?`);
  return {
    put: db.prepare(`INSERT OR REPLACE INTO "${kind}" (${columns.join(", ")}) VALUES (${places})`),
    remove: db.prepare(`DELETE FROM "${kind}" WHERE ${conditions.join(" AND ")}`),
  };
}

function keyColumns(kind: Kind): readonly string[] {
  return Object.entries(fieldsByKind[kind])
    .filter(([, field]) => field.role === "key")
    .map(([property]) => columnOf(property));
}

function keyValues(row: Row): readonly ColumnValue[] {
  const columns = columnsOfKind(row.kind);
  const values = columnValues(row);
  return keyColumns(row.kind).map((column) => values[columns.indexOf(column)] ?? null);
}

function toJson(row: Row | undefined): string | null {
  return row === undefined ? null : JSON.stringify(documentFromRow(row));
}

function fromStored(stored: StoredChange): RowChange {
  const kind = KINDS.find((known) => known === stored.kind);
  assert(kind !== undefined, `the ledger has the unknown kind ${stored.kind}`);
  const before = parseRow(kind, stored.before);
  const after = parseRow(kind, stored.after);
  const row = after ?? before;
  assert(row !== undefined, "the ledger's CHECK wants a row before or after");
  return { key: keyOf(row), before, after };
}

function parseRow(kind: Kind, json: string | null): Row | undefined {
  if (json === null) return undefined;
  const document: unknown = JSON.parse(json);
  assert(isRecord(document), "the ledger stores rows as JSON objects");
  return rowFromStoredDocument(kind, document);
}
