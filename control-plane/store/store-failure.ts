/** What a failed write means for the writes after it. */
export type StoreFailure =
  /** Nothing was stored, for want of room. */
  | { readonly kind: "full"; readonly reason: string }
  /** Nothing was stored; the next write may succeed. */
  | { readonly kind: "refused"; readonly reason: string }
  /** What is on disk is unknown: no more writes until a restart has read it again. */
  | { readonly kind: "fail-stop"; readonly reason: string };

/**
 * Sorts a SQLite result code. A failed fsync is never tried again: the kernel may have dropped the dirty pages and would
 * report success for data that is gone (PostgreSQL's "fsyncgate", 2018). Undefined: not the outside's fault but ours.
 */
export function classifyStoreFailure(code: string, message: string): StoreFailure | undefined {
  if (code === "SQLITE_FULL")
    return { kind: "full", reason: "the disk or the store's own bound is full; free space, then try again" };
  if (code.startsWith("SQLITE_BUSY") || code.startsWith("SQLITE_LOCKED")) {
    return { kind: "refused", reason: "another program holds the database's write lock; try again when it is done" };
  }
  if (code.startsWith("SQLITE_READONLY") || code.startsWith("SQLITE_PERM") || code === "SQLITE_NOMEM") {
    return { kind: "refused", reason: `the database cannot be written (${message})` };
  }
  if (
    code.startsWith("SQLITE_IOERR") ||
    code.startsWith("SQLITE_CORRUPT") ||
    code === "SQLITE_NOTADB" ||
    code.startsWith("SQLITE_CANTOPEN")
  ) {
    return {
      kind: "fail-stop",
      reason: `the database's disk failed (${code}: ${message}); check the disk, then restart the control plane`,
    };
  }
  return undefined;
}
