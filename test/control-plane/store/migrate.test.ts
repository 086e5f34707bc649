import assert from "node:assert/strict";
import { copyFileSync, mkdirSync, readdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";

import Database from "better-sqlite3";

import { migrate, readMigrations, type Migration } from "../../../control-plane/store/migrate.ts";
import { packageRoot } from "../../../shared/package-root.ts";
import { policy } from "../../support/catalog-rows.ts";
import { earlierDatabase } from "../../support/earlier-database.ts";
import { openError, openStore, put, storeFile } from "../../support/stores.ts";
import { tempFolder } from "../../support/temp-folder.ts";

const own = join(packageRoot, "migrations");
const NOW = "2026-11-21T10:00:00.000Z";

/** The number that the migration of the next release will have. */
const NEXT = readdirSync(own).length + 1;
const next = `${String(NEXT).padStart(4, "0")}-next.sql`;
const afterNext = `${String(NEXT + 1).padStart(4, "0")}-next.sql`;

/** Our own migrations and one more, as the next release may have it. */
function nextRelease(t: TestContext, sql = "ALTER TABLE ServicePolicy ADD COLUMN note TEXT;"): string {
  const folder = join(tempFolder(t), "migrations");
  mkdirSync(folder);
  const migrations = readMigrations(own);
  assert.ok(migrations.ok);
  for (const { name } of migrations.value) copyFileSync(join(own, name), join(folder, name));
  writeFileSync(join(folder, next), sql);
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
    const file = earlierDatabase(t, 1);
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

  it("give rows of before every resilience policy their defaults, in the tables and in the ledger", (t) => {
    const store = openStore(t, { file: earlierDatabase(t, 2) });
    const catalog = store.catalog();
    const kept = { timeout_ms: 8, lb_policy: "maglev", hash_on: "source", per_try_timeout_ms: 5 };
    const updatedAt = "2026-11-20T11:00:00.000Z";
    assert.deepEqual(catalog.policies.get("reviews"), { ...policy("reviews", kept), updatedAt });
    assert.deepEqual(
      catalog.endpoints.get("reviews")?.map(({ health, registeredBy }) => [health, registeredBy]),
      [["unknown", "reviews-1"]],
    );
    const then = store.catalogAt(1)?.policies.get("reviews");
    assert.deepEqual([then?.timeoutMs, then?.retryOn, then?.fallback], [7, policy("a").retryOn, "none"]);
    assert.equal(put(store, [policy("reviews", { lb_policy: "peak_ewma", outlier_consecutive_5xx: 9 })]), 3);
    assert.equal(store.catalog().policies.get("reviews")?.outlierConsecutive5xx, 9);
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
      new RegExp(
        `schema is number ${NEXT}, newer than number ${NEXT - 1} of this Heddle; start the Heddle that wrote it or a later one, or restore`,
      ),
    );
  });

  it("that were edited after they ran are refused by name", (t) => {
    const file = storeFile(t);
    const migrations = nextRelease(t);
    openStore(t, { file, migrations }).close();
    writeFileSync(join(migrations, next), "ALTER TABLE ServicePolicy ADD COLUMN remark TEXT;");
    assert.match(
      openError(file, { migrations }),
      new RegExp(`migration ${next} was edited after this database ran it; put the original file back`),
    );
  });

  it("with a gap in their numbers, or an odd name, are refused", (t) => {
    const file = storeFile(t);
    const migrations = nextRelease(t);
    renameSync(join(migrations, next), join(migrations, afterNext));
    assert.match(openError(file, { migrations }), new RegExp(`has ${afterNext} where number ${NEXT} belongs`));
    renameSync(join(migrations, afterNext), join(migrations, "next.sql"));
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
