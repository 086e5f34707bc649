import { spawnSync } from "node:child_process";
import { cpus, loadavg, release, totalmem } from "node:os";

import { packageRoot } from "../../shared/package-root.ts";

/** What a reader must know to judge a result of another machine. */
export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGb: number;
  readonly kernel: string;
  readonly node: string;
  readonly commit: string;
  /** The load average of a minute before the run: others' work that the figures contain. */
  readonly loadBefore: number;
}

export function machineFacts(): Machine {
  return {
    cpu: cpus()[0]?.model ?? "unknown",
    cores: cpus().length,
    memoryGb: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
    node: process.version,
    commit: commit(),
    loadBefore: loadavg()[0] ?? 0,
  };
}

function commit(): string {
  const git = (...args: string[]): string =>
    spawnSync("git", args, { cwd: packageRoot, encoding: "utf8" }).stdout.trim();
  const dirty = git("status", "--porcelain", "--", "control-plane", "data-plane", "shared") === "" ? "" : "+changes";
  return `${git("rev-parse", "--short", "HEAD")}${dirty}` || "unknown";
}
