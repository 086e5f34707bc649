// Plain JavaScript on purpose: it must run on the old Node that it replaces.
import { spawn, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";

/** Below 22.18 Node cannot run our sources (type stripping), and better-sqlite3 13 crashes below Node-API 10. */
const FLOOR = [22, 18];

/** @param {string} version such as "v24.21.0" */
export function isNewEnough(version) {
  const [major = 0, minor = 0] = version.replace(/^v/, "").split(".").map(Number);
  return major > FLOOR[0] || (major === FLOOR[0] && minor >= FLOOR[1]);
}

/**
 * The path of a Node that can run Heddle: this one, or the one that the devDependency `node` brought into a
 * `node_modules` at or above `folder`. Undefined when there is none.
 * @param {string} folder
 */
export function findNode(folder) {
  if (isNewEnough(process.version)) return process.execPath;
  for (let at = folder; ; at = dirname(at)) {
    const candidate = join(at, "node_modules", ".bin", process.platform === "win32" ? "node.cmd" : "node");
    if (existsSync(candidate)) {
      const { stdout } = spawnSync(candidate, ["--version"], { encoding: "utf8" });
      if (isNewEnough(stdout ?? "")) return candidate;
    }
    if (dirname(at) === at) return undefined;
  }
}

/**
 * Runs another program in this one's place: same terminal, signals passed on, its exit code ours. Pipe 3 ends with this
 * process, so that the program can follow it into an untimely death; the variable that says so names this process, for it
 * is inherited further than the pipe.
 * @param {string} program
 * @param {readonly string[]} args
 */
export function runInstead(program, args) {
  const child = spawn(program, args, {
    stdio: ["inherit", "inherit", "inherit", "pipe"],
    env: { ...process.env, HEDDLE_PARENT_PIPE: `3:${process.pid}` },
  });
  for (const signal of /** @type {const} */ (["SIGINT", "SIGTERM", "SIGHUP", "SIGUSR2"])) {
    process.on(signal, () => child.kill(signal));
  }
  child.on("error", (error) => {
    console.error(`heddle: ${program} did not start: ${error.message}`);
    process.exit(1);
  });
  child.on("exit", (code, signal) => {
    if (signal === null) process.exit(code ?? 1);
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  });
}
