// Writes shared/generated from proto/. With --check it writes nothing and exits 1 when the committed code is stale.
import { execFileSync } from "node:child_process";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const target = join(root, "shared", "generated");
const fresh = mkdtempSync(join(tmpdir(), "heddle-generate-"));
try {
  // Heddle's run comes second: its google/protobuf files, without room for unknown fields, are the ones that stay.
  generate("buf.gen.envoy.yaml", ["envoy", "google"]);
  generate("buf.gen.yaml", ["heddle"]);
  if (process.argv.includes("--check")) check();
  else replace();
} finally {
  rmSync(fresh, { recursive: true, force: true });
}

/** @param {string} template @param {readonly string[]} folders */
function generate(template, folders) {
  const bin = join(root, "node_modules", ".bin");
  const paths = folders.flatMap((folder) => ["--path", folder]);
  execFileSync(join(bin, "buf"), ["generate", "--template", template, "--output", fresh, ...paths], {
    cwd: join(root, "proto"),
    env: { ...process.env, PATH: `${bin}${delimiter}${process.env.PATH ?? ""}` },
    stdio: "inherit",
  });
}

function replace() {
  rmSync(target, { recursive: true, force: true });
  cpSync(fresh, target, { recursive: true });
  console.log(`generate: ${filesOf(target).size} files in shared/generated`);
}

function check() {
  const [wanted, present] = [filesOf(fresh), filesOf(target)];
  const stale = [...new Set([...wanted.keys(), ...present.keys()])].filter(
    (path) => wanted.get(path) !== present.get(path),
  );
  if (stale.length === 0) return;
  console.error(`generate: shared/generated differs from proto/ in ${stale.join(", ")}`);
  console.error("  -> run: npm run generate");
  process.exitCode = 1;
}

/** @param {string} folder */
function filesOf(folder) {
  return new Map(
    readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .sort()
      .map((path) => [relative(folder, path), readFileSync(path, "utf8")]),
  );
}
