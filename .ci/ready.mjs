// `npm run demo`, `npm test` and their like start here, on whatever Node the machine has and whether or not anything
// is installed: it installs what is missing, then runs the real thing on a Node that is new enough.
import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

import { findNode, runInstead } from "../cli/find-node.mjs";
import { prepare } from "./prepare.mjs";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
process.chdir(root);

const [name = "", ...rest] = process.argv.slice(2);
const commands = {
  heddle: ["cli/heddle.mjs", ...rest],
  test: ["--test", "--test-timeout=300000", ...(rest.length > 0 ? rest : ["test/**/*.test.ts"])],
  chaos: ["test/chaos/run.ts", ...rest],
  bench: ["bench/run.ts", ...rest],
  fuzz: ["test/fuzz/run.ts", ...rest],
};
if (!(name in commands)) {
  console.error(`ready: unknown task "${name}"; there are ${Object.keys(commands).join(", ")}`);
  process.exit(64);
}

const missing = missingPackages();
if (missing.length > 0) await install(missing);
const node = bundledNode() ?? findNode(root);
if (node === undefined) {
  console.error(
    `Node.js 22.18 or newer is required, this is ${process.version}, and the package "node" is not installed.`,
  );
  console.error("  -> run: npm ci   (with install scripts allowed for the package node)");
  process.exit(78);
}
prepare();
process.env.PATH = `${join(root, "node_modules", ".bin")}:${process.env.PATH ?? ""}`;
runInstead(node, commands[name]);

/** The Node that development and tests use, so that every machine runs the same one. */
function bundledNode() {
  const path = join(root, "node_modules", ".bin", "node");
  return existsSync(path) ? path : undefined;
}

/** Packages of the lock file that are absent or of another version in node_modules. */
function missingPackages() {
  const installed = readJson("node_modules/.package-lock.json")?.packages ?? {};
  return Object.entries(readJson("package-lock.json")?.packages ?? {})
    .filter(([path, entry]) => path !== "" && !entry.optional && installed[path]?.version !== entry.version)
    .map(([path]) => path.replace(/^.*node_modules\//, ""));
}

/** @param {string} path */
function readJson(path) {
  return existsSync(path) ? JSON.parse(readFileSync(path, "utf8")) : undefined;
}

/** @param {readonly string[]} packages */
async function install(packages) {
  console.error(`Installing ${packages.length} packages with npm ci (once, about half a minute) ...`);
  const npm = process.env.npm_execpath;
  const [program, args] = npm === undefined ? ["npm", []] : [process.execPath, [npm]];
  const started = Date.now();
  const seconds = () => Math.round((Date.now() - started) / 1000);
  const progress = setInterval(() => console.error(`  still installing, ${seconds()} s`), 10_000);
  const child = spawn(program, [...args, "ci", "--no-audit", "--no-fund", "--loglevel=error"], { stdio: "inherit" });
  const code = await new Promise((done) => child.on("exit", done));
  clearInterval(progress);
  if (code !== 0) {
    console.error(
      "npm ci failed; its words are above.\n  -> check the network and the npm registry, then run the same command again",
    );
    process.exit(1);
  }
  console.error(`Installed in ${seconds()} s.`);
}
