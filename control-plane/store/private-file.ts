import { closeSync, openSync } from "node:fs";

/**
 * Makes an empty file that only its owner may open, unless it exists. An existing file is not even opened: POSIX takes
 * all locks of a process on a file away when the process closes any descriptor of it, SQLite's among them.
 */
export function createPrivateFile(file: string): void {
  try {
    closeSync(openSync(file, "wx", 0o600));
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
  }
}
