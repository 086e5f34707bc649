import Database from "better-sqlite3";

import { err, ok, type Result } from "../../shared/result.ts";
import { createPrivateFile } from "./private-file.ts";

/** Held while a control plane lives; the system lets go of it even after kill -9. */
export interface WriterLock {
  release(): void;
}

/**
 * Makes this process the only control plane on `file`. The lock is the system's lock on an empty SQLite database beside
 * the store, `FILE-lock`, so that it needs no process ids, cannot be left behind, and leaves the store itself open to
 * readers: `PRAGMA locking_mode=EXCLUSIVE` on the store would shut out every `sqlite3` shell and backup tool.
 */
export function acquireWriterLock(file: string): Result<WriterLock, string> {
  // For the owner alone: whoever can open it could hold the lock.
  createPrivateFile(`${file}-lock`);
  const lock = new Database(`${file}-lock`, { timeout: 0 });
  try {
    lock.pragma("locking_mode = EXCLUSIVE");
    lock.exec("BEGIN EXCLUSIVE");
    return ok({ release: () => lock.close() });
  } catch (error) {
    lock.close();
    if (!(error instanceof Database.SqliteError) || !error.code.startsWith("SQLITE_BUSY")) throw error;
    return err("another control plane is running on it; stop that one first, or give --db another file");
  }
}
