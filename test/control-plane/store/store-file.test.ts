import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";

import Database from "better-sqlite3";

import type { Store } from "../../../control-plane/store/store.ts";
import { packageRoot } from "../../../shared/package-root.ts";
import { policy, route } from "../../support/catalog-rows.ts";
import { openError, openStore, put, storeFile } from "../../support/stores.ts";
import { tempFolder } from "../../support/temp-folder.ts";

describe("a file that is no store of ours", () => {
  it("held by another control plane is refused, and free as soon as that one ends", (t) => {
    const file = storeFile(t);
    const first = openStore(t, { file });
    assert.match(openError(file), /another control plane is running on it; stop that one first/);
    const other = spawnSync(process.execPath, [join(packageRoot, "test/support/commit-until-refused.ts"), file], {
      encoding: "utf8",
    });
    assert.match(other.stdout, /another control plane is running on it/);
    first.close();
    openStore(t, { file });
  });

  it("is refused in words: text, a damaged file, another program's database, a missing folder", (t) => {
    const folder = tempFolder(t);
    writeFileSync(join(folder, "text"), "hello ".repeat(1_000));
    assert.match(openError(join(folder, "text")), /is no SQLite database; give --db another file/);

    const other = new Database(join(folder, "other.db"));
    other.exec("CREATE TABLE Photo (id INTEGER)");
    other.close();
    assert.match(openError(join(folder, "other.db")), /SQLite database of another program/);
    assert.match(openError(join(folder, "none", "mesh.db")), /no such file or directory/);

    const damaged = join(folder, "damaged.db");
    put(fill(openStore(t, { file: damaged })), [policy("last")]);
    const store = openError(damage(t, damaged));
    assert.match(store, /damaged .*restore a backup/);
  });

  it("with rows that another program made wrong is refused, and names them", (t) => {
    const file = storeFile(t);
    openStore(t, { file }).close();
    const db = new Database(file);
    db.exec("INSERT INTO ServiceEndpoint (service_name, pod_ip, port) VALUES ('a b', '10.0.0.999', 80)");
    db.close();
    assert.match(
      openError(file),
      /1 of its rows were changed by another program.*service_name must be .*pod_ip must be/,
    );
  });

  it("and the table itself refuses what SQLite can see: lengths, ports, weights, JSON, addresses (F4.32)", (t) => {
    const file = storeFile(t);
    openStore(t, { file }).close();
    const db = new Database(file);
    t.after(() => db.close());
    const wrong = [
      `INSERT INTO ServicePolicy (service_name) VALUES ('${"a".repeat(129)}')`,
      "INSERT INTO ServicePolicy (service_name, retry_attempts) VALUES ('a', 0)",
      "INSERT INTO ServicePolicy (service_name, timeout_ms) VALUES ('a', 'soon')",
      "INSERT INTO ServiceEndpoint (service_name, pod_ip, port) VALUES ('a', 'localhost', 80)",
      "INSERT INTO ServiceEndpoint (service_name, pod_ip, port) VALUES ('a', '10.0.0.1', 65536)",
      `INSERT INTO ServiceEndpoint (service_name, pod_ip, port, version) VALUES ('a', '10.0.0.1', 1, '${"v".repeat(33)}')`,
      "INSERT INTO TrafficSplit (destination_service, v1_weight, v2_weight) VALUES ('a', 95, 10)",
      "INSERT INTO TrafficSplit (destination_service, header_match) VALUES ('a', '{')",
      "INSERT INTO TrafficSplit (destination_service) VALUES ('twice'), ('twice')",
      "INSERT INTO Route (name, destination_service, redirect, direct_response) VALUES ('r', 'a', '{}', '{}')",
    ];
    for (const sql of wrong) assert.throws(() => db.exec(sql), /constraint|cannot store/, sql);
  });

  it("has the mission's CertificateRecord, whose times tick in milliseconds (F4.11, F4.30)", (t) => {
    const file = storeFile(t);
    openStore(t, { file }).close();
    const db = new Database(file);
    t.after(() => db.close());
    db.exec("INSERT INTO CertificateRecord (service_name, cert_pem, private_key, expiry) VALUES ('a', 'x', 'y', 'z')");
    const row = db.prepare<[], Record<string, string>>("SELECT * FROM CertificateRecord").get();
    assert.deepEqual(Object.keys(row ?? {}), ["service_name", "cert_pem", "private_key", "expiry", "issued_at"]);
    assert.match(row?.["issued_at"] ?? "", /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  });
});

function fill(store: Store): Store {
  for (let index = 0; index < 40; index += 1)
    put(store, [route(`r${index}`, "a", { direct_response: { status: 200, body: "x".repeat(4_000) } })]);
  return store;
}

/** Cuts the end off the file, as a failing disk or a bad copy does. */
function damage(t: TestContext, file: string): string {
  const db = new Database(file);
  db.pragma("wal_checkpoint(TRUNCATE)");
  db.close();
  const copy = join(tempFolder(t), "damaged.db");
  const source = new Database(file, { readonly: true });
  writeFileSync(copy, source.serialize());
  source.close();
  truncateSync(copy, Math.floor(statSync(copy).size / 2 / 4_096) * 4_096);
  return copy;
}
