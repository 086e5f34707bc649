import { existsSync, realpathSync } from "node:fs";
import { join } from "node:path";

import Database from "better-sqlite3";
import { v7 as uuidV7 } from "uuid";

import { assert } from "../../shared/assert.ts";
import type { Clock } from "../../shared/clock.ts";
import { STORE_BUSY_MS } from "../../shared/defaults.ts";
import { REVISIONS_KEPT_MAX, STORE_BYTES_MAX } from "../../shared/limits.ts";
import type { Logger } from "../../shared/log.ts";
import { packageRoot } from "../../shared/package-root.ts";
import { err, ok, type Result } from "../../shared/result.ts";
import { applyChanges, planChange, reversed } from "../catalog/apply-changes.ts";
import type { Catalog } from "../catalog/catalog.ts";
import { loadCatalog } from "./load-catalog.ts";
import { migrate, readMigrations } from "./migrate.ts";
import { createPrivateFile } from "./private-file.ts";
import { SqliteLedger } from "./sqlite-ledger.ts";
import { classifyStoreFailure, type StoreFailure } from "./store-failure.ts";
import type { Change, Commit, CommitOptions, CommitOutcome, RevisionSummary, RowChange, Store } from "./store.ts";
import { acquireWriterLock, type WriterLock } from "./writer-lock.ts";

export interface SqliteStoreOptions {
  /** A path, made when missing, or `:memory:`. */
  readonly file: string;
  readonly clock: Clock;
  readonly log: Logger;
  /** Size at which writes are refused; default {@link STORE_BYTES_MAX}. */
  readonly bytesMax?: number;
  /** How far back the ledger reaches, at least; default {@link REVISIONS_KEPT_MAX}. */
  readonly revisionsKept?: number;
  /** Default: the package's own `migrations/`. */
  readonly migrations?: string;
}

/**
 * Opens the truth, or says in one sentence why that is not possible. Only one process may have a file open this way.
 * The whole content is checked and loaded before this returns: a store that cannot be read is never served as empty.
 */
export function openSqliteStore(options: SqliteStoreOptions): Result<Store, string> {
  const opened = lockAndOpen(options);
  return opened.ok ? opened : err(`cannot use the store ${options.file}: ${opened.error}`);
}

function lockAndOpen(options: SqliteStoreOptions): Result<Store, string> {
  let lock: WriterLock | undefined;
  let db: Database.Database | undefined;
  try {
    if (options.file !== ":memory:") {
      // Readable by the owner alone: certificates' keys are stored here. SQLite gives -wal and -shm the same mode.
      createPrivateFile(options.file);
      const acquired = acquireWriterLock(realpathSync(options.file));
      if (!acquired.ok) return acquired;
      lock = acquired.value;
    }
    db = new Database(options.file);
    const store = prepare(db, lock, options);
    if (store.ok) return store;
    db.close();
    lock?.release();
    return store;
  } catch (error) {
    db?.close();
    lock?.release();
    return err(describeOpenError(error));
  }
}

function describeOpenError(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  const code = error instanceof Database.SqliteError ? error.code : "";
  if (code === "SQLITE_NOTADB") return "it is no SQLite database; give --db another file";
  if (code.startsWith("SQLITE_CORRUPT"))
    return `it is damaged (${message}); restore a backup: heddle restore BACKUP --db FILE --force`;
  return message;
}

function prepare(
  db: Database.Database,
  lock: WriterLock | undefined,
  options: SqliteStoreOptions,
): Result<Store, string> {
  db.pragma(`busy_timeout = ${STORE_BUSY_MS}`);
  db.pragma("journal_mode = WAL");
  // FULL keeps the last commits after a power loss; the writes of a mesh are few enough for an fsync each.
  db.pragma("synchronous = FULL");
  db.pragma("foreign_keys = ON");
  const pageBytes = Number(db.pragma("page_size", { simple: true }));
  db.pragma(`max_page_count = ${Math.ceil((options.bytesMax ?? STORE_BYTES_MAX) / pageBytes)}`);
  const check = String(db.pragma("quick_check", { simple: true }));
  if (check !== "ok") return err(`it is damaged (${check}); restore a backup: heddle restore BACKUP --db FILE --force`);

  const migrations = readMigrations(options.migrations ?? join(packageRoot, "migrations"));
  if (!migrations.ok) return migrations;
  const migrated = migrate(db, migrations.value, isoTime(options.clock));
  if (!migrated.ok) return migrated;
  for (const { name } of migrated.value) options.log.info({ migration: name }, "migration applied");

  const catalog = loadCatalog(db);
  return catalog.ok ? ok(new SqliteStore(db, lock, { ...options, catalog: catalog.value })) : catalog;
}

function isoTime(clock: Clock): string {
  return new Date(clock.wallMs()).toISOString();
}

function unavailable({ kind, reason }: StoreFailure): CommitOutcome {
  return { kind: "unavailable", isFull: kind === "full", reason };
}

/**
 * The truth in one SQLite file. The catalog in memory is what the last successful COMMIT stored, and nothing else.
 * An fsync or disk error stops all writing until a restart; reads go on.
 */
class SqliteStore implements Store {
  readonly meshId: string;
  readonly #db: Database.Database;
  readonly #lock: WriterLock | undefined;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #ledger: SqliteLedger;
  readonly #listeners = new Set<(commit: Commit, catalog: Catalog) => void>();
  /** Commits whose listeners have not all been called: a listener may commit, and the order must stay. */
  readonly #announcing: { readonly commit: Commit; readonly catalog: Catalog }[] = [];
  #isAnnouncing = false;
  #catalog: Catalog;
  #dataVersion: number;
  #stopped: StoreFailure | undefined;

  constructor(
    db: Database.Database,
    lock: WriterLock | undefined,
    options: SqliteStoreOptions & { readonly catalog: Catalog },
  ) {
    this.#db = db;
    this.#lock = lock;
    this.#clock = options.clock;
    this.#log = options.log;
    this.#catalog = options.catalog;
    this.#ledger = new SqliteLedger(db, options.revisionsKept ?? REVISIONS_KEPT_MAX);
    this.meshId = this.#readMeshId();
    this.#dataVersion = this.#readDataVersion();
  }

  catalog(): Catalog {
    return this.#catalog;
  }

  commit(change: Change, options: CommitOptions): CommitOutcome {
    const actual = this.#catalog.revision;
    if (options.expectedRevision !== undefined && options.expectedRevision !== actual) {
      return { kind: "conflict", expected: options.expectedRevision, actual };
    }
    const committedAt = isoTime(this.#clock);
    const planned = planChange(this.#catalog, change, committedAt);
    if (planned.length === 0) return { kind: "unchanged", revision: actual };
    if (this.#stopped !== undefined) return unavailable(this.#stopped);

    const stored = this.#write(planned, options, committedAt);
    if (!stored.ok) return unavailable(stored.error);
    const commit = stored.value;
    const catalog = applyChanges(this.#catalog, commit.changes, commit.revision);
    this.#catalog = catalog;
    this.#announce(commit, catalog);
    return { kind: "committed", commit, catalog };
  }

  onCommit(listener: (commit: Commit, catalog: Catalog) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  revisions(limit: number, before: number): readonly RevisionSummary[] {
    return this.#ledger.list(limit, before);
  }

  revision(revision: number): Commit | undefined {
    return this.#ledger.read(revision);
  }

  /** Walks back from now: the cost is that of the changes since, and the newest content needs no ledger. */
  catalogAt(revision: number): Catalog | undefined {
    const { revision: newest } = this.#catalog;
    if (revision === newest) return this.#catalog;
    if (revision < 0 || revision > newest || !this.#ledger.reachesBackTo(revision)) return undefined;
    let catalog = this.#catalog;
    for (const changes of this.#ledger.changesAfter(revision))
      catalog = applyChanges(catalog, reversed(changes), revision);
    return catalog;
  }

  async backup(file: string): Promise<void> {
    if (existsSync(file)) throw new Error(`${file} exists; a backup goes to a new file`);
    createPrivateFile(file);
    await this.#db.backup(file);
  }

  close(): void {
    this.#db.close();
    this.#lock?.release();
  }

  /** One transaction: the rows, the next revision, and each row before and after. Durable when it returns. */
  #write(planned: readonly RowChange[], options: CommitOptions, committedAt: string): Result<Commit, StoreFailure> {
    try {
      this.#db.exec("BEGIN IMMEDIATE");
      if (this.#readDataVersion() !== this.#dataVersion) return this.#refuseForeignWrite();
      const commit = this.#ledger.append(planned, options, committedAt);
      this.#db.exec("COMMIT");
      return ok(commit);
    } catch (error) {
      return err(this.#explain(error));
    } finally {
      this.#rollBackWhatIsOpen();
    }
  }

  /** SQLite rolls back by itself after some errors. A rollback that fails leaves the connection in doubt. */
  #rollBackWhatIsOpen(): void {
    try {
      if (this.#db.inTransaction) this.#db.exec("ROLLBACK");
    } catch (error) {
      this.#stopped = this.#explain(error);
    }
  }

  /** SQLite's data_version moves when another connection has committed: our catalog would no longer be what is stored. */
  #refuseForeignWrite(): Result<never, StoreFailure> {
    const reason = "another program has changed the database; restart the control plane, which reads it again";
    this.#log.error({ reason }, "the store takes no more writes");
    this.#stopped = { kind: "fail-stop", reason };
    return err(this.#stopped);
  }

  #explain(error: unknown): StoreFailure {
    assert(error instanceof Database.SqliteError, `the store's transaction failed: ${String(error)}`);
    const failure = classifyStoreFailure(error.code, error.message);
    // A constraint that validation did not know: ours to mend, and nothing is stored.
    assert(failure !== undefined, `the database refused a validated change: ${error.code} ${error.message}`);
    if (failure.kind === "fail-stop") this.#stopped = failure;
    this.#log.error({ code: error.code, err: error.message }, "the store could not write");
    return failure;
  }

  /** In order of revisions, even when a listener commits. */
  #announce(commit: Commit, catalog: Catalog): void {
    this.#announcing.push({ commit, catalog });
    if (this.#isAnnouncing) return;
    this.#isAnnouncing = true;
    try {
      for (let next = this.#announcing.shift(); next !== undefined; next = this.#announcing.shift()) {
        for (const listener of this.#listeners) listener(next.commit, next.catalog);
      }
    } finally {
      this.#isAnnouncing = false;
    }
  }

  #readDataVersion(): number {
    return Number(this.#db.pragma("data_version", { simple: true }));
  }

  #readMeshId(): string {
    this.#db.prepare("INSERT OR IGNORE INTO Meta (key, value) VALUES ('mesh_id', ?)").run(uuidV7());
    const row = this.#db.prepare<[], { value: string }>("SELECT value FROM Meta WHERE key = 'mesh_id'").get();
    assert(row !== undefined, "the mesh id was just written");
    return row.value;
  }
}
