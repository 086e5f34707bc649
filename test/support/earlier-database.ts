import assert from "node:assert/strict";
import { copyFileSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";

import Database from "better-sqlite3";

import { migrate, readMigrations } from "../../control-plane/store/migrate.ts";
import { packageRoot } from "../../shared/package-root.ts";
import { storeFile } from "./stores.ts";
import { tempFolder } from "./temp-folder.ts";

const REVIEWS =
  '{"kind":"ServicePolicy","service_name":"reviews","timeout_ms":7,"updated_at":"2026-11-20T10:00:00.000Z"}';
const ENDPOINT =
  '{"kind":"ServiceEndpoint","service_name":"reviews","pod_ip":"10.0.0.1","port":9080,"version":"v1","registered_by":"reviews-1"}';

/**
 * A database as a release with only the first `count` migrations left it: a policy that was changed once, an endpoint
 * that a proxy registered, two revisions, and the mesh id `earlier`.
 */
export function earlierDatabase(t: TestContext, count: number): string {
  const own = join(packageRoot, "migrations");
  const folder = join(tempFolder(t), "earlier");
  mkdirSync(folder);
  for (const name of readdirSync(own).sort().slice(0, count)) copyFileSync(join(own, name), join(folder, name));
  const file = storeFile(t);
  const db = new Database(file);
  const migrations = readMigrations(folder);
  assert.ok(migrations.ok && migrate(db, migrations.value, "2026-11-20T09:00:00.000Z").ok);
  db.exec(`
    INSERT INTO Meta (key, value) VALUES ('mesh_id', 'earlier');
    INSERT INTO ServicePolicy (service_name, timeout_ms, lb_policy, hash_on, per_try_timeout_ms, updated_at)
      VALUES ('reviews', 8, 'maglev', 'source', 5, '2026-11-20T11:00:00.000Z');
    INSERT INTO ServiceEndpoint (service_name, pod_ip, port, version, registered_by)
      VALUES ('reviews', '10.0.0.1', 9080, 'v1', 'reviews-1');
    INSERT INTO Revision (author, reason, change_count) VALUES ('test', '', 1), ('test', '', 2);
    INSERT INTO RevisionChange (revision, ordinal, kind, before, after) VALUES
      (1, 0, 'ServicePolicy', NULL, '${REVIEWS}'),
      (2, 0, 'ServicePolicy', '${REVIEWS}', '${REVIEWS.replace('"timeout_ms":7', '"timeout_ms":8')}'),
      (2, 1, 'ServiceEndpoint', NULL, '${ENDPOINT}');
  `);
  db.close();
  return file;
}
