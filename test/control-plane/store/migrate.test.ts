import assert from "node:assert/strict";
import { copyFileSync, mkdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";

import Database from "better-sqlite3";

import { migrate, readMigrations, type Migration } from "../../../control-plane/store/migrate.ts";
import { packageRoot } from "../../../shared/package-root.ts";
import { policy } from "../../support/catalog-rows.ts";
import { openError, openStore, put, storeFile } from "../../support/stores.ts";
import { tempFolder } from "../../support/temp-folder.ts";

const own = join(packageRoot, "migrations");
const NOW = "2026-11-21T10:00:00.000Z";

/** Our own migrations and one more, as the next release may have it. */
function nextRelease(t: TestContext, sql = "ALTER TABLE ServicePolicy ADD COLUMN note TEXT;"): string {
  const folder = join(tempFolder(t), "migrations");
  mkdirSync(folder);
  const migrations = readMigrations(own);
  assert.ok(migrations.ok);
  for (const { name } of migrations.value) copyFileSync(join(own, name), join(folder, name));
  writeFileSync(join(folder, `${String(migrations.value.length + 1).padStart(4, "0")}-next.sql`), sql);
  return folder;
}

describe("migrations", () => {
  it("of a release bring a database of the release before forward, with its data", (t) => {
    const file = storeFile(t);
    const old = openStore(t, { file });
    put(old, [policy("reviews", { timeout_ms: 7 })]);
    old.close();
    const store = openStore(t, { file, migrations: nextRelease(t) });
    assert.equal(store.catalog().policies.get("reviews")?.timeoutMs, 7);
    assert.equal(put(store, [policy("ratings")]), 2);
  });

  it("keep the ledger whole when its tables are made anew, and the numbers go on", (t) => {
    const folder = join(tempFolder(t), "first");
    mkdirSync(folder);
    copyFileSync(join(own, "0001-catalog.sql"), join(folder, "0001-catalog.sql"));
    const file = storeFile(t);
    const old = openStore(t, { file, migrations: folder });
    put(old, [policy("reviews", { timeout_ms: 7 })]);
    put(old, [policy("reviews", { timeout_ms: 8 })]);
    old.close();
    const store = openStore(t, { file });
    assert.equal(store.catalogAt(1)?.policies.get("reviews")?.timeoutMs, 7);
    assert.equal(put(store, [policy("ratings")]), 3);
    store.close();
    const db = new Database(file);
    t.after(() => db.close());
    assert.deepEqual(db.pragma("foreign_key_check"), []);
    db.exec("DELETE FROM Revision WHERE revision = 1");
    assert.equal(db.prepare("SELECT count(*) FROM RevisionChange WHERE revision = 1").pluck().get(), 0);
  });

  it("run once: a second start changes nothing", () => {
    const db = new Database(":memory:");
    const migrations = readMigrations(own);
    assert.ok(migrations.ok);
    assert.deepEqual(migrate(db, migrations.value, NOW), { ok: true, value: migrations.value });
    assert.deepEqual(migrate(db, migrations.value, NOW), { ok: true, value: [] });
    db.close();
  });

  it("that fail leave nothing of themselves behind", (t) => {
    const file = storeFile(t);
    openStore(t, { file }).close();
    const broken = nextRelease(t, "CREATE TABLE Half (a INT); CREATE TABLE ServicePolicy (b INT);");
    assert.match(openError(file, { migrations: broken }), /already exists/);
    const db = new Database(file, { readonly: true });
    t.after(() => db.close());
    assert.equal(db.prepare("SELECT count(*) AS n FROM sqlite_master WHERE name = 'Half'").pluck().get(), 0);
    openStore(t, { file });
  });

  it("of a newer Heddle are refused with what to do", (t) => {
    const file = storeFile(t);
    openStore(t, { file, migrations: nextRelease(t) }).close();
    assert.match(
      openError(file),
      /schema is number 3, newer than number 2 of this Heddle; start the Heddle that wrote it or a later one, or restore/,
    );
  });

  it("that were edited after they ran are refused by name", (t) => {
    const file = storeFile(t);
    const migrations = nextRelease(t);
    openStore(t, { file, migrations }).close();
    writeFileSync(join(migrations, "0003-next.sql"), "ALTER TABLE ServicePolicy ADD COLUMN remark TEXT;");
    assert.match(
      openError(file, { migrations }),
      /migration 0003-next\.sql was edited after this database ran it; put the original file back/,
    );
  });

  it("with a gap in their numbers, or an odd name, are refused", (t) => {
    const file = storeFile(t);
    const migrations = nextRelease(t);
    renameSync(join(migrations, "0003-next.sql"), join(migrations, "0004-next.sql"));
    assert.match(openError(file, { migrations }), /has 0004-next\.sql where number 3 belongs/);
    renameSync(join(migrations, "0004-next.sql"), join(migrations, "next.sql"));
    assert.match(openError(file, { migrations }), /next\.sql .* must be named NNNN-what-it-does\.sql/);
  });

  it("whose record in the database has a gap are refused", () => {
    const db = new Database(":memory:");
    const two: readonly Migration[] = [1, 2].map((number) => ({
      number,
      name: `000${number}-x.sql`,
      sql: `CREATE TABLE T${number} (a INT)`,
    }));
    migrate(db, two, NOW);
    db.exec("DELETE FROM SchemaMigration WHERE number = 1");
    const refused = migrate(db, two, NOW);
    assert.match(refused.ok ? "" : refused.error, /record of migrations has a gap before number 2/);
    db.close();
  });
});
