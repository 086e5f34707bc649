// Runs after `npm install` and `npm ci` in a checkout, and before the tasks of ready.mjs: makes what is missing or stale.
import { spawnSync } from "node:child_process";
import { existsSync, lstatSync, mkdirSync, rmSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

import { buildStamp, isBuilt, PRODUCT_FOLDERS, sourceFiles } from "../cli/built.mjs";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const bin = join(root, "node_modules", ".bin");

export function prepare() {
  linkCommand();
  if (!isBuilt(root)) build();
}

/** Lets `npx heddle` find the checkout's own command, which npm links only for packages installed somewhere else. */
function linkCommand() {
  const link = join(bin, "heddle");
  mkdirSync(bin, { recursive: true });
  if (lstatSync(link, { throwIfNoEntry: false }) !== undefined) rmSync(link);
  symlinkSync(join("..", "..", "cli", "heddle.mjs"), link);
}

/** Compiles the product. If that fails the sources run as they are, only slower to start. */
function build() {
  const tsc = join(bin, "tsc");
  if (!existsSync(tsc)) return;
  console.error("Compiling dist/ (it is missing or older than the sources) ...");
  const started = Date.now();
  rmSync(buildStamp(root), { force: true });
  const files = sourceFiles(root).length;
  const { status } = spawnSync(tsc, ["-b", ...PRODUCT_FOLDERS], { cwd: root, stdio: ["ignore", 2, 2] });
  if (status !== 0) {
    console.error("It does not compile; the sources are run directly.\n  -> npm run typecheck");
    return;
  }
  writeFileSync(buildStamp(root), "x".repeat(files));
  // A source that changed while the compiler ran may have been missed.
  utimesSync(buildStamp(root), started / 1000, started / 1000);
  console.error(`Compiled ${files} files in ${((Date.now() - started) / 1000).toFixed(1)} s.`);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) prepare();
