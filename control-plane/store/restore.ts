import { chmodSync, copyFileSync, existsSync, linkSync, realpathSync, renameSync, rmSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";

import Database from "better-sqlite3";

import type { Clock } from "../../shared/clock.ts";
import { REVISION_MAX } from "../../shared/limits.ts";
import { packageRoot } from "../../shared/package-root.ts";
import { err, ok, type Result } from "../../shared/result.ts";
import { loadCatalog, newestRevision } from "./load-catalog.ts";
import { migrate, readMigrations } from "./migrate.ts";
import { syncPath } from "./sync-path.ts";
import { acquireWriterLock } from "./writer-lock.ts";

export interface RestoreOptions {
  readonly backup: string;
  /** The store to make: what the control plane's `--db` names. */
  readonly file: string;
  /** Replace `file` when it exists; it is kept beside it. */
  readonly force: boolean;
  /** The newest revision that a proxy may hold, as far as the operator knows. */
  readonly revision: number | undefined;
  readonly author: string;
  readonly clock: Clock;
}

export interface Restored {
  readonly meshId: string;
  /** The newest revision in the backup. */
  readonly from: number;
  /** The revision that its content has now. */
  readonly revision: number;
  /** What `revision` is known to be above: the replaced store, the operator's number, or a jump over what may be. */
  readonly above: "replaced" | "named" | "jump";
  /** Where the replaced store went; undefined when there was none. */
  readonly kept: string | undefined;
}

/**
 * Puts a backup in the place of a store, whole or not at all, with the control plane stopped.
 *
 * A proxy never takes a revision below the one it holds, and it may hold any that the mesh has made since the backup. So
 * the content comes back under a new number, which is above all of these:
 *
 * - the newest revision of the backup;
 * - the newest of the store that is replaced, when that can be read: proxies hold only what was committed there;
 * - the operator's number, when one is given;
 * - with neither of both, the time in Unix seconds, and a million above the backup: more than a mesh that commits less
 *   than once a second has ever counted to, and more than an earlier restore has jumped to.
 *
 * The mesh id stays, for proxies refuse another mesh. An error says in words what to do, and `file` is as it was.
 */
export function restoreStore(options: RestoreOptions): Result<Restored, string> {
  try {
    const file = placeOf(options.file);
    const lock = acquireWriterLock(file);
    if (!lock.ok) return err("a control plane is running on it; stop that one first");
    try {
      return restoreInto(file, options);
    } finally {
      removeDatabase(temporaryOf(file));
      lock.value.release();
    }
  } catch (error) {
    return err(error instanceof Error ? error.message : String(error));
  }
}

/** A link is followed: what it names is the store, and its lock is the one that a control plane takes. */
function placeOf(file: string): string {
  return existsSync(file) ? realpathSync(file) : join(realpathSync(dirname(file)), basename(file));
}

function temporaryOf(file: string): string {
  return `${file}.restoring`;
}

function restoreInto(file: string, options: RestoreOptions): Result<Restored, string> {
  const exists = existsSync(file) && statSync(file).size > 0;
  if (exists && !options.force) return err(`it exists; with --force it is replaced and kept as ${keptName(file)}`);
  const temporary = copyBackup(options.backup, file);
  if (!temporary.ok) return temporary;
  const replaced = exists ? readReplaced(file) : undefined;
  const renewed = renew(temporary.value, replaced, options);
  if (!renewed.ok) return renewed;
  const kept = exists ? keep(file) : undefined;
  setAsideLogs(file, kept ?? keptName(file));
  renameSync(temporary.value, file);
  syncPath(dirname(file));
  return ok({ ...renewed.value, kept });
}

function copyBackup(backup: string, file: string): Result<string, string> {
  if (!existsSync(backup)) return err(`there is no backup ${backup}`);
  if (realpathSync(backup) === file) return err("backup and store are the same file");
  const log = `${backup}-wal`;
  if (existsSync(log) && statSync(log).size > 0) {
    return err(`${backup} is in use, for its newest content stands in ${log}; save it with heddle backup`);
  }
  const temporary = temporaryOf(file);
  removeDatabase(temporary);
  copyFileSync(backup, temporary);
  // Certificates' keys are stored here.
  chmodSync(temporary, 0o600);
  return ok(temporary);
}

interface Replaced {
  readonly meshId: string;
  readonly revision: number;
}

/** What can be learnt from the store that is replaced: often nothing, for a restore follows a damage. */
function readReplaced(file: string): Replaced | undefined {
  let db: Database.Database | undefined;
  try {
    db = new Database(file, { fileMustExist: true });
    // What a damaged one says of its newest revision may be too little.
    if (db.pragma("quick_check(1)", { simple: true }) !== "ok") return undefined;
    const found = { meshId: meshIdOf(db), revision: newestRevision(db) };
    // With its log folded in, one file is the whole store, whatever moment a crash picks.
    db.pragma("wal_checkpoint(TRUNCATE)");
    return found.meshId === "" ? undefined : found;
  } catch (error) {
    if (error instanceof Database.SqliteError) return undefined;
    throw error;
  } finally {
    db?.close();
  }
}

/** Checks the copy, brings it to today's schema and records the restore in it. When this returns it is on the disk. */
function renew(
  temporary: string,
  replaced: Replaced | undefined,
  options: RestoreOptions,
): Result<Omit<Restored, "kept">, string> {
  const db = new Database(temporary, { fileMustExist: true });
  try {
    // One file, without a log beside it, until a control plane opens it.
    db.pragma("journal_mode = DELETE");
    db.pragma("synchronous = FULL");
    const now = new Date(options.clock.wallMs());
    const checked = check(db, now.toISOString());
    if (!checked.ok) return err(`${options.backup} cannot be restored: ${checked.error}`);
    const meshId = checked.value;
    if (replaced !== undefined && replaced.meshId !== meshId) {
      return err(
        `it is the store of mesh ${replaced.meshId}, the backup is of mesh ${meshId}; if that is meant, move it away first`,
      );
    }
    const from = newestRevision(db);
    const next = nextRevision(from, replaced, options.revision, Math.floor(now.getTime() / 1_000));
    if (next.revision > REVISION_MAX) return err(`no revision above ${REVISION_MAX} is possible`);
    db.prepare(
      "INSERT INTO Revision (revision, committed_at, author, reason, change_count) VALUES (?, ?, ?, ?, 0)",
    ).run(next.revision, now.toISOString(), options.author, `restored from backup of r${from}`);
    return ok({ meshId, from, ...next });
  } catch (error) {
    if (!(error instanceof Database.SqliteError)) throw error;
    return err(`${options.backup} cannot be restored: ${error.message}`);
  } finally {
    db.close();
    syncPath(temporary);
  }
}

/** The mesh id of a database that a control plane would start on. */
function check(db: Database.Database, now: string): Result<string, string> {
  const health = String(db.pragma("integrity_check(1)", { simple: true }));
  if (health !== "ok") return err(`it is damaged (${health})`);
  if (meshIdOf(db) === "") return err("it is no backup of a mesh");
  const migrations = readMigrations(join(packageRoot, "migrations"));
  if (!migrations.ok) return migrations;
  const migrated = migrate(db, migrations.value, now);
  if (!migrated.ok) return migrated;
  const catalog = loadCatalog(db);
  return catalog.ok ? ok(meshIdOf(db)) : catalog;
}

/** Empty when the database has none: it is not ours, or no control plane has ever started on it. */
function meshIdOf(db: Database.Database): string {
  const tables = db.prepare("SELECT count(*) FROM sqlite_master WHERE name IN ('Meta', 'SchemaMigration')").pluck();
  if (tables.get() !== 2) return "";
  return String(db.prepare("SELECT value FROM Meta WHERE key = 'mesh_id'").pluck().get() ?? "");
}

const JUMP = 1_000_000;

function nextRevision(
  from: number,
  replaced: Replaced | undefined,
  named: number | undefined,
  nowSec: number,
): Pick<Restored, "revision" | "above"> {
  const known = Math.max(from, replaced?.revision ?? 0, named ?? 0);
  if (replaced !== undefined) return { revision: known + 1, above: named === known ? "named" : "replaced" };
  if (named !== undefined) return { revision: known + 1, above: "named" };
  return { revision: Math.max(from + JUMP, nowSec), above: "jump" };
}

/** A second name for the old store, so that `file` is the old or the new one at every moment. */
function keep(file: string): string {
  const kept = keptName(file);
  try {
    linkSync(file, kept);
  } catch {
    // Some file systems have no hard links.
    copyFileSync(file, kept);
    syncPath(kept);
  }
  return kept;
}

/** An earlier restore's is never overwritten: it may be the only good one. */
function keptName(file: string): string {
  for (let count = 1; ; count += 1) {
    const name = `${file}.before-restore${count === 1 ? "" : `.${count}`}`;
    if (!existsSync(name)) return name;
  }
}

/** Logs of a store that could not be read or is gone: beside the restored file SQLite would play them into it. */
function setAsideLogs(file: string, kept: string): void {
  for (const suffix of ["-wal", "-journal"]) {
    if (existsSync(file + suffix)) renameSync(file + suffix, kept + suffix);
  }
  rmSync(`${file}-shm`, { force: true });
}

function removeDatabase(file: string): void {
  for (const suffix of ["", "-wal", "-shm", "-journal"]) rmSync(file + suffix, { force: true });
}
