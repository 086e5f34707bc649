import { closeSync, fsyncSync, openSync } from "node:fs";

/** Makes a file's content, or a folder's names, survive a power cut (fsync(2)). Not for a file that SQLite has open here. */
export function syncPath(path: string): void {
  const descriptor = openSync(path, "r");
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
