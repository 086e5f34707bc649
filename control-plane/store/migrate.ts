import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import type { Database } from "better-sqlite3";

import { err, ok, type Result } from "../../shared/result.ts";

/** One numbered file of `migrations/`. Merged migrations are never edited: databases out there have run them. */
export interface Migration {
  readonly number: number;
  /** File name. */
  readonly name: string;
  readonly sql: string;
}

/** The migrations of a folder in order, or why they cannot be used: numbers must be 1, 2, 3, ... without a gap. */
export function readMigrations(folder: string): Result<readonly Migration[], string> {
  const migrations: Migration[] = [];
  for (const name of readdirSync(folder)
    .filter((file) => file.endsWith(".sql"))
    .sort()) {
    const digits = /^(\d{4})-[a-z0-9-]+\.sql$/.exec(name)?.[1];
    if (digits === undefined) return err(`${name} in ${folder} must be named NNNN-what-it-does.sql`);
    migrations.push({ number: Number(digits), name, sql: readFileSync(join(folder, name), "utf8") });
  }
  const gap = migrations.findIndex((migration, index) => migration.number !== index + 1);
  if (gap !== -1) {
    return err(
      `${folder} has ${migrations[gap]?.name} where number ${gap + 1} belongs: migrations are numbered 1, 2, 3, ... without gaps; reinstall Heddle`,
    );
  }
  return ok(migrations);
}

/**
 * Brings a database to the newest schema, each migration in its own transaction. Forward only. Refuses, in words that
 * say what to do, a database of another program, of a newer Heddle, and one that ran another text of a migration.
 */
export function migrate(
  db: Database,
  migrations: readonly Migration[],
  now: string,
): Result<readonly Migration[], string> {
  const foreign = isForeign(db);
  if (foreign) return err("it is a SQLite database of another program; give --db the name of a new file");
  db.exec(
    `CREATE TABLE IF NOT EXISTS SchemaMigration (
       number INTEGER PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL, applied_at TEXT NOT NULL
     ) STRICT`,
  );
  const applied = db.prepare<[], Applied>("SELECT number, name, checksum FROM SchemaMigration ORDER BY number").all();
  const refusal = refuse(applied, migrations);
  if (refusal !== undefined) return err(refusal);
  const pending = migrations.slice(applied.length);
  for (const migration of pending) run(db, migration, now);
  return ok(pending);
}

export function checksumOf(sql: string): string {
  return createHash("sha256").update(sql).digest("hex");
}

interface Applied {
  readonly number: number;
  readonly name: string;
  readonly checksum: string;
}

function isForeign(db: Database): boolean {
  const tables = db.prepare<[], { name: string }>("SELECT name FROM sqlite_master WHERE type = 'table'").all();
  return tables.length > 0 && !tables.some((table) => table.name === "SchemaMigration");
}

function refuse(applied: readonly Applied[], migrations: readonly Migration[]): string | undefined {
  const newest = applied.at(-1)?.number ?? 0;
  if (newest > migrations.length) {
    return `its schema is number ${newest}, newer than number ${migrations.length} of this Heddle; start the Heddle that wrote it or a later one, or restore a backup made before the upgrade`;
  }
  for (const [index, row] of applied.entries()) {
    const migration = migrations[index];
    if (migration === undefined || row.number !== index + 1) {
      return `its record of migrations has a gap before number ${row.number} (${row.name}); restore a backup, for the file was changed by hand`;
    }
    if (checksumOf(migration.sql) !== row.checksum) {
      return `migration ${migration.name} was edited after this database ran it; put the original file back, and make the change a new migration`;
    }
  }
  return undefined;
}

function run(db: Database, migration: Migration, now: string): void {
  const transaction = db.transaction(() => {
    db.exec(migration.sql);
    db.prepare("INSERT INTO SchemaMigration (number, name, checksum, applied_at) VALUES (?, ?, ?, ?)").run(
      migration.number,
      migration.name,
      checksumOf(migration.sql),
      now,
    );
  });
  transaction.immediate();
}
