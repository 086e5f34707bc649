import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The folder of Heddle's package.json: the same whether this file runs as source or compiled below `dist/`. */
export const packageRoot: string = findUp(dirname(fileURLToPath(import.meta.url)));

/** The version in package.json. */
export const packageVersion: string = readVersion();

function readVersion(): string {
  const read: unknown = JSON.parse(readFileSync(join(packageRoot, "package.json"), "utf8"));
  return typeof read === "object" && read !== null && "version" in read ? String(read.version) : "";
}

function findUp(folder: string): string {
  if (existsSync(join(folder, "package.json"))) return folder;
  const parent = dirname(folder);
  if (parent === folder) throw new Error("package.json not found above " + fileURLToPath(import.meta.url));
  return findUp(parent);
}
