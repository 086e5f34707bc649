import assert from "node:assert/strict";
import { join } from "node:path";
import type { TestContext } from "node:test";

import { pino } from "pino";

import type { Row } from "../../control-plane/catalog/catalog.ts";
import type { RowKey } from "../../control-plane/catalog/row-key.ts";
import { openSqliteStore, type SqliteStoreOptions } from "../../control-plane/store/sqlite-store.ts";
import type { CommitOptions, CommitOutcome, Store } from "../../control-plane/store/store.ts";
import { systemClock } from "../../shared/clock.ts";
import { tempFolder } from "./temp-folder.ts";

export const silentLog = pino({ level: "silent" });

export const byTest: CommitOptions = { author: "test", reason: "a reason", expectedRevision: undefined };

/** A store on a real file, or in memory when no file is named. Closed when the test ends. */
export function openStore(t: TestContext, options: Partial<SqliteStoreOptions> = {}): Store {
  const opened = openSqliteStore({ file: ":memory:", clock: systemClock, log: silentLog, ...options });
  assert.ok(opened.ok, opened.ok ? "" : opened.error);
  t.after(() => opened.value.close());
  return opened.value;
}

/** Why a file cannot be opened. */
export function openError(file: string, options: Partial<SqliteStoreOptions> = {}): string {
  const opened = openSqliteStore({ file, clock: systemClock, log: silentLog, ...options });
  if (!opened.ok) return opened.error;
  opened.value.close();
  return assert.fail(`${file} could be opened`);
}

export function storeFile(t: TestContext): string {
  return join(tempFolder(t), "mesh.db");
}

/** Commits and returns the new revision. */
export function put(store: Store, puts: readonly Row[], deletions: readonly RowKey[] = []): number {
  const outcome: CommitOutcome = store.commit({ puts, deletions }, byTest);
  assert.equal(outcome.kind, "committed", JSON.stringify(outcome));
  return outcome.kind === "committed" ? outcome.commit.revision : 0;
}
