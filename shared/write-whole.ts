import { closeSync, fsyncSync, mkdirSync, openSync, renameSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";

/** Writes a small file whole or not at all: who waits for it never reads half of it, and it survives a power cut. */
export function writeWhole(path: string, content: string): void {
  const temporary = `${path}.${process.pid}.new`;
  mkdirSync(dirname(path), { recursive: true });
  const file = openSync(temporary, "w");
  try {
    writeFileSync(file, content);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(temporary, path);
}
