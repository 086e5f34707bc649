#!/usr/bin/env node
// The installed command. Makes sure that Node is new enough, then loads the command line: the compiled files in a package,
// and in a checkout too as long as they are not older than the sources; else the sources.
import { existsSync } from "node:fs";
import * as module from "node:module";
import { Socket } from "node:net";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

import { isBuilt } from "./built.mjs";
import { findNode, isNewEnough, runInstead } from "./find-node.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const root = dirname(here);
const source = join(here, "main.ts");
const compiled = join(root, "dist", "cli", "main.js");
const args = process.argv.slice(2);

/** Help and version need nothing that an old Node lacks, once compiled. */
const onlyAsks = args.length === 0 || args.some((arg) => arg === "--help" || arg === "-h" || arg === "--version");

const node = findNode(here);
if (node !== undefined && node !== process.execPath) {
  runInstead(node, [fileURLToPath(import.meta.url), ...args]);
} else if (isNewEnough(process.version) || (onlyAsks && existsSync(compiled))) {
  dieWithParent();
  // What runs for weeks need not start 50 ms sooner, and would hold 2 MB of cached code for as long (Node 24).
  if (args[0] !== "proxy" && args[0] !== "run") module.enableCompileCache?.();
  const { main } = await import(existsSync(source) && !isBuilt(root) ? "./main.ts" : "../dist/cli/main.js");
  process.exitCode = await main(args);
} else {
  console.error(`heddle: Node.js 22.18 or newer is required, this is ${process.version}.`);
  console.error("  -> install it from nodejs.org, or beside Heddle with: npm install node@24");
  process.exitCode = 78;
}

/** A killed parent must not leave a mesh process behind that nobody knows of. */
function dieWithParent() {
  const [fd, parent] = (process.env.HEDDLE_PARENT_PIPE ?? "").split(":").map(Number);
  delete process.env.HEDDLE_PARENT_PIPE;
  if (fd === undefined || parent !== process.ppid) return;
  const pipe = new Socket({ fd });
  pipe.on("error", () => {});
  pipe.on("close", () => process.kill(process.pid, "SIGKILL"));
  pipe.resume();
  pipe.unref();
}
