import assert from "node:assert/strict";
import { copyFileSync, existsSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";

import Database from "better-sqlite3";

import { restoreStore, type Restored, type RestoreOptions } from "../../../control-plane/store/restore.ts";
import type { Store } from "../../../control-plane/store/store.ts";
import { objection } from "../../../data-plane/xds/objection.ts";
import { systemClock } from "../../../shared/clock.ts";
import { endpoint, policy } from "../../support/catalog-rows.ts";
import { earlierDatabase } from "../../support/earlier-database.ts";
import { byTest, openStore, put, storeFile } from "../../support/stores.ts";
import { tempFolder } from "../../support/temp-folder.ts";

/** 2026-11-21T10:00:00Z. */
const NOW_SEC = 1_795_255_200;

function restore(backup: string, file: string, more: Partial<RestoreOptions> = {}): Restored | string {
  const clock = { ...systemClock, wallMs: () => NOW_SEC * 1_000 };
  const restored = restoreStore({ backup, file, force: false, revision: undefined, author: "test", clock, ...more });
  return restored.ok ? restored.value : restored.error;
}

/** A store with two revisions, its backup, and three more revisions after it. */
async function backedUp(t: TestContext): Promise<{ store: Store; file: string; backup: string }> {
  const file = storeFile(t);
  const store = openStore(t, { file });
  put(store, [policy("reviews", { timeout_ms: 1 })]);
  put(store, [endpoint("reviews", 1)]);
  const backup = join(tempFolder(t), "copy.db");
  await store.backup(backup);
  for (const timeout_ms of [3, 4, 5]) put(store, [policy("reviews", { timeout_ms })]);
  return { store, file, backup };
}

/** What a proxy says of a response of the restored store, when it holds one of the store before. */
function refusedByProxy(heldRevision: number, store: Store): string | undefined {
  const held = { version: `r${heldRevision}.00`, meshId: store.meshId };
  const version = `r${store.catalog().revision}.00`;
  const response = { typeUrl: "", version, nonce: "", resources: [], server: `heddle/${store.meshId}` };
  return objection(response as unknown as Parameters<typeof objection>[0], held, { acceptOlder: false })?.message;
}

describe("a restore over the store that went wrong", () => {
  it("has the backup's content and mesh id under a revision above all that proxies hold", async (t) => {
    const { store, file, backup } = await backedUp(t);
    const { meshId } = store;
    store.close();
    const done = restore(backup, file, { force: true });
    assert.deepEqual(done, { meshId, from: 2, revision: 6, above: "replaced", kept: `${file}.before-restore` });
    const restored = openStore(t, { file });
    assert.deepEqual([restored.meshId, restored.catalog().revision], [meshId, 6]);
    assert.equal(restored.catalog().policies.get("reviews")?.timeoutMs, 1);
    assert.equal(refusedByProxy(5, restored), undefined);
    assert.match(refusedByProxy(7, restored) ?? "", /revision 6 is older than revision 7/, "the check can fail");
    assert.equal(put(restored, [policy("reviews", { timeout_ms: 9 })]), 7);
  });

  it("stands in the ledger as a revision without changes, and older ones can be rolled back to", async (t) => {
    const { store, file, backup } = await backedUp(t);
    store.close();
    restore(backup, file, { force: true });
    const restored = openStore(t, { file });
    const [newest, before] = restored.revisions(2, 0);
    assert.deepEqual(
      [newest?.revision, newest?.author, newest?.reason, newest?.changeCount, before?.revision],
      [6, "test", "restored from backup of r2", 0, 2],
    );
    assert.deepEqual(restored.revision(6)?.changes, []);
    assert.equal(restored.catalogAt(1)?.endpoints.size, 0);
    assert.equal(restored.catalogAt(4), undefined, "r4 was never in this store");
  });

  it("keeps the old store whole, with what was only in its log, and every one of several", async (t) => {
    const { store, file, backup } = await backedUp(t);
    // As after kill -9: the newest commits stand in the log, and nobody has folded it in.
    const crashed = join(tempFolder(t), "mesh.db");
    for (const suffix of ["", "-wal"]) copyFileSync(file + suffix, crashed + suffix);
    store.close();
    assert.ok(statSync(`${crashed}-wal`).size > 0);
    const done = restore(backup, crashed, { force: true });
    assert.ok(typeof done === "object", String(done));
    assert.equal(done.revision, 6);
    assert.ok(!existsSync(`${crashed}-wal`));
    const old = openStore(t, { file: `${crashed}.before-restore` });
    assert.deepEqual([old.catalog().revision, old.catalog().policies.get("reviews")?.timeoutMs], [5, 5]);
    const again = restore(backup, crashed, { force: true });
    assert.ok(typeof again === "object", String(again));
    assert.deepEqual([again.revision, again.kept], [7, `${crashed}.before-restore.2`]);
  });

  it("needs force, and leaves the store as it is without", async (t) => {
    const { store, file, backup } = await backedUp(t);
    store.close();
    const bytes = readFileSync(file);
    assert.match(String(restore(backup, file)), /exists; with --force it is replaced and kept as .*before-restore/);
    assert.deepEqual(readFileSync(file), bytes);
  });

  it("is refused while a control plane has it, by whatever name", async (t) => {
    const { store, file, backup } = await backedUp(t);
    const link = join(tempFolder(t), "link.db");
    symlinkSync(file, link);
    for (const name of [file, link]) {
      assert.match(String(restore(backup, name, { force: true })), /a control plane is running on it; stop that one/);
    }
    assert.equal(store.commit({ puts: [policy("still-here")], deletions: [] }, byTest).kind, "committed");
  });

  it("is refused when it is the store of another mesh", async (t) => {
    const { store, backup } = await backedUp(t);
    const file = storeFile(t);
    const other = openStore(t, { file });
    other.close();
    const words = `store of mesh ${other.meshId}, the backup is of mesh ${store.meshId}; .* move it away first`;
    assert.match(String(restore(backup, file, { force: true })), new RegExp(words));
    assert.equal(openStore(t, { file }).meshId, other.meshId);
  });

  it("that cannot be read jumps, and does not play the old log into the new file", async (t) => {
    const { store, file, backup } = await backedUp(t);
    const broken = join(tempFolder(t), "mesh.db");
    // Whole, the log would bring the store back: it has every page.
    writeFileSync(`${broken}-wal`, readFileSync(`${file}-wal`).fill(0, 0, 64));
    writeFileSync(broken, "no database at all");
    const done = restore(backup, broken, { force: true });
    assert.deepEqual(done, {
      meshId: store.meshId,
      from: 2,
      revision: NOW_SEC,
      above: "jump",
      kept: `${broken}.before-restore`,
    });
    assert.equal(readFileSync(`${broken}.before-restore`, "utf8"), "no database at all");
    assert.ok(!existsSync(`${broken}-wal`));
    assert.equal(openStore(t, { file: broken }).catalog().revision, NOW_SEC);
  });
});

describe("a damaged store that still opens", () => {
  it("is not believed when it tells its newest revision", async (t) => {
    const { store, file, backup } = await backedUp(t);
    store.close();
    // A table that the revisions do not need: one of its pages is noise.
    const db = new Database(file);
    const root = Number(
      db.prepare("SELECT rootpage FROM sqlite_master WHERE name = 'CertificateRecord'").pluck().get(),
    );
    const pageBytes = Number(db.pragma("page_size", { simple: true }));
    db.close();
    const bytes = readFileSync(file);
    bytes.fill(0xaa, (root - 1) * pageBytes, root * pageBytes);
    writeFileSync(file, bytes);
    const done = restore(backup, file, { force: true });
    assert.deepEqual(typeof done === "object" && [done.above, done.revision], ["jump", NOW_SEC]);
  });
});

describe("a restore into a new place", () => {
  it("is for its owner alone, leaves nothing else behind, and takes the number that it is told", async (t) => {
    const { backup } = await backedUp(t);
    const file = join(tempFolder(t), "new.db");
    const done = restore(backup, file, { revision: 40 });
    assert.ok(typeof done === "object", String(done));
    assert.deepEqual([done.revision, done.above, done.kept], [41, "named", undefined]);
    assert.equal(statSync(file).mode & 0o077, 0);
    assert.ok(!existsSync(`${file}.restoring`) && !existsSync(`${file}-wal`));
    assert.equal(openStore(t, { file }).catalog().revision, 41);
  });

  it("jumps over every number that the mesh may have used, a second time too", async (t) => {
    const { backup } = await backedUp(t);
    const first = restore(backup, join(tempFolder(t), "new.db"));
    const hourLater = { ...systemClock, wallMs: () => (NOW_SEC + 3_600) * 1_000 };
    const second = restore(backup, join(tempFolder(t), "new.db"), { clock: hourLater });
    const slowClock = restore(backup, join(tempFolder(t), "new.db"), { clock: { ...systemClock, wallMs: () => 0 } });
    const revisions = [first, second, slowClock].map((done) => (typeof done === "object" ? done.revision : done));
    assert.deepEqual(revisions, [NOW_SEC, NOW_SEC + 3_600, 1_000_002]);
  });

  it("does not lose the history before the jump to the bound of the ledger", async (t) => {
    const { backup } = await backedUp(t);
    const file = join(tempFolder(t), "new.db");
    restore(backup, file, { revision: 1_999_998 });
    const store = openStore(t, { file, revisionsKept: 4 });
    assert.equal(put(store, [policy("a")]), 2_000_000);
    assert.deepEqual(
      store.revisions(10, 0).map(({ revision }) => revision),
      [2_000_000, 1_999_999, 2, 1],
    );
  });

  it("takes a number that is too low for what it is: never below the backup", async (t) => {
    const { backup } = await backedUp(t);
    const done = restore(backup, join(tempFolder(t), "new.db"), { revision: 1 });
    assert.equal(typeof done === "object" && done.revision, 3);
  });

  it("refuses a number that no proxy could read", async (t) => {
    const { backup } = await backedUp(t);
    const file = join(tempFolder(t), "new.db");
    assert.match(String(restore(backup, file, { revision: 999_999_999_999_999 })), /no revision above/);
    assert.ok(!existsSync(file));
  });
});

describe("a backup that is not fit", () => {
  async function refusal(t: TestContext, spoil: (backup: string) => void): Promise<string> {
    const { store, file, backup } = await backedUp(t);
    store.close();
    spoil(backup);
    const bytes = readFileSync(file);
    const refused = String(restore(backup, file, { force: true }));
    assert.deepEqual(readFileSync(file), bytes, "the store is as it was");
    assert.ok(!existsSync(`${file}.restoring`) && !existsSync(`${file}.before-restore`));
    return refused;
  }

  it("because it is damaged is refused", async (t) => {
    const words = await refusal(t, (backup) => {
      const bytes = readFileSync(backup);
      bytes.fill(0xaa, 4_096, 12_288);
      writeFileSync(backup, bytes);
    });
    assert.match(words, /copy\.db cannot be restored: .*(damaged|malformed)/);
  });

  it("because it ends too early is refused", async (t) => {
    const words = await refusal(t, (backup) => writeFileSync(backup, readFileSync(backup).subarray(0, 20_000)));
    assert.match(words, /cannot be restored/);
  });

  it("because it is empty, or of another program, is refused", async (t) => {
    assert.match(await refusal(t, (backup) => writeFileSync(backup, "")), /is no backup of a mesh/);
    assert.match(
      await refusal(t, (backup) => writeFileSync(backup, "text")),
      /cannot be restored: file is not a database/,
    );
    const spoil = (backup: string): void => edit(backup, "DROP TABLE Meta");
    assert.match(await refusal(t, spoil), /is no backup of a mesh/);
  });

  it("because a newer Heddle wrote it is refused", async (t) => {
    const spoil = (backup: string): void => edit(backup, "INSERT INTO SchemaMigration VALUES (99, 'x', 'y', 'z')");
    assert.match(await refusal(t, spoil), /its schema is number 99, newer than/);
  });

  it("because its rows are not valid is refused", async (t) => {
    const spoil = (backup: string): void => edit(backup, "UPDATE ServicePolicy SET service_name = 'a b'");
    assert.match(await refusal(t, spoil), /rows were changed by another program and are not valid/);
  });

  it("because it is in use, or is the store itself, is refused", async (t) => {
    const { store, file, backup } = await backedUp(t);
    assert.match(String(restore(file, join(tempFolder(t), "new.db"))), /is in use, .* save it with heddle backup/);
    store.close();
    assert.match(String(restore(file, file, { force: true })), /are the same file/);
    assert.match(String(restore(`${backup}.none`, file, { force: true })), /there is no backup/);
    const folder = join(tempFolder(t), "folder");
    mkdirSync(folder);
    assert.match(String(restore(backup, join(folder, "none", "new.db"))), /ENOENT/);
  });
});

/** Leaves one file, as a backup is. */
function edit(file: string, sql: string): void {
  const db = new Database(file);
  db.pragma("journal_mode = DELETE");
  db.exec(sql);
  db.close();
}

describe("a restore of a backup that an earlier release made", () => {
  it("brings it to today's schema, with its rows and the defaults of what is new", (t) => {
    for (const release of [1, 2]) {
      const file = storeFile(t);
      const done = restore(earlierDatabase(t, release), file);
      assert.ok(typeof done !== "string", String(done));
      assert.deepEqual([done.meshId, done.from], ["earlier", 2]);
      const { policies, endpoints } = openStore(t, { file }).catalog();
      const row = policies.get("reviews");
      const kept = policy("reviews", { timeout_ms: 8, lb_policy: "maglev", hash_on: "source", per_try_timeout_ms: 5 });
      assert.deepEqual(row, { ...kept, updatedAt: "2026-11-20T11:00:00.000Z" });
      assert.equal(endpoints.get("reviews")?.[0]?.health, "unknown");
    }
  });
});
