import { readdirSync, readFileSync } from "node:fs";

/** One line of `/proc/<pid>/stat` (man 5 proc_pid_stat). */
export interface ProcessStat {
  readonly pid: number;
  readonly parent: number;
  /** User and system time of all its threads, the dead ones too. */
  readonly cpuTicks: number;
}

/** USER_HZ: 100 on every Linux that Node runs on. */
export const TICK_US = 10_000;

/** The command stands in parentheses and may itself hold blanks and parentheses: fields are counted from the last one. */
export function parseProcessStat(line: string): ProcessStat | undefined {
  const end = line.lastIndexOf(")");
  const pid = Number.parseInt(line, 10);
  const fields = line.slice(end + 2).split(" ");
  const [parent, user, system] = [fields[1], fields[11], fields[12]].map(Number);
  if (end < 0 || Number.isNaN(pid) || parent === undefined || user === undefined || system === undefined)
    return undefined;
  const cpuTicks = user + system;
  return Number.isNaN(parent + cpuTicks) ? undefined : { pid, parent, cpuTicks };
}

/** The roots and all that descend from them. */
export function withDescendants(all: readonly ProcessStat[], roots: readonly number[]): readonly ProcessStat[] {
  const family = new Set(roots);
  for (let size = 0; size !== family.size;) {
    size = family.size;
    for (const { pid, parent } of all) if (family.has(parent)) family.add(pid);
  }
  return all.filter(({ pid }) => family.has(pid));
}

/** Processes that now run, and what has died between listing and reading left out. */
function runningProcesses(): readonly ProcessStat[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => parseProcessStat(readProc(pid, "stat")))
    .filter((stat) => stat !== undefined);
}

export function pidsOf(roots: readonly number[]): readonly number[] {
  return withDescendants(runningProcesses(), roots).map(({ pid }) => pid);
}

/** CPU time so far of the processes and their children, to a tick of 10 ms. */
export function cpuUsOf(roots: readonly number[]): number {
  const family = withDescendants(runningProcesses(), roots);
  return family.reduce((sum, { cpuTicks }) => sum + cpuTicks, 0) * TICK_US;
}

/** Resident memory; pages that processes share count in each of them. */
export function rssKbOf(roots: readonly number[]): number {
  return pidsOf(roots).reduce(
    (sum, pid) => sum + Number(/VmRSS:\s+(\d+)/.exec(readProc(String(pid), "status"))?.[1] ?? 0),
    0,
  );
}

function readProc(pid: string, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "utf8");
  } catch {
    return ""; // It ended meanwhile.
  }
}
