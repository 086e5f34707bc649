import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

import Database from "better-sqlite3";

import { openSqliteStore } from "../../control-plane/store/sqlite-store.ts";
import type { Store } from "../../control-plane/store/store.ts";
import { systemClock } from "../../shared/clock.ts";
import { packageRoot } from "../../shared/package-root.ts";
import { seededRandom, type Random } from "../../shared/random.ts";
import { silentLog } from "../support/stores.ts";

export interface StoreCrashVerdict {
  readonly cycles: number;
  /** Commits that the writers were told of. */
  readonly acknowledged: number;
  /** Commits that were durable although the writer died before it could say so: at most one a cycle. */
  readonly unacknowledged: number;
  /** Everything that is wrong, in words; empty is a pass. */
  readonly failures: readonly string[];
}

interface Acknowledgement {
  readonly revision: number;
  readonly number: number;
}

const ACKNOWLEDGEMENTS_MAX = 120;

/**
 * Kills a process with SIGKILL in the middle of a write storm, again and again on one file, and checks after each kill
 * what the next control plane would find: every acknowledged commit, none in part, revisions without a gap, and a sound
 * file. Kill -9 leaves the system's page cache alone: it proves atomicity and recovery, not the fsync.
 */
export async function runStoreCrash(
  cycles: number,
  seed: number,
  onCycle: (cycle: number) => void = () => {},
): Promise<StoreCrashVerdict> {
  const random = seededRandom(seed);
  const folder = mkdtempSync(join(tmpdir(), "heddle-crash-"));
  const file = join(folder, "mesh.db");
  const failures: string[] = [];
  let acknowledged = 0;
  let unacknowledged = 0;
  let newest = 0;
  try {
    for (let cycle = 1; cycle <= cycles && failures.length === 0; cycle += 1) {
      const acknowledgements = await stormUntilKilled(file, random);
      const found = inspect(file, acknowledgements, newest);
      failures.push(...found.failures.map((words) => `cycle ${cycle}: ${words}`));
      acknowledged += acknowledgements.length;
      unacknowledged += found.newest - newest - acknowledgements.length;
      newest = found.newest;
      onCycle(cycle);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return { cycles, acknowledged, unacknowledged, failures };
}

/** Runs one writer and kills it after a random number of acknowledgements. All that it said before is returned. */
async function stormUntilKilled(file: string, random: Random): Promise<readonly Acknowledgement[]> {
  const killAfter = 1 + random.below(ACKNOWLEDGEMENTS_MAX);
  const writer = spawn(process.execPath, [join(packageRoot, "test/chaos/store-writer.ts"), file], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const acknowledgements: Acknowledgement[] = [];
  createInterface({ input: writer.stdout }).on("line", (line) => {
    const [revision = 0, number = 0] = line.split(" ").map(Number);
    acknowledgements.push({ revision, number });
    if (acknowledgements.length === killAfter) writer.kill("SIGKILL");
  });
  await once(writer, "close");
  return acknowledgements;
}

function inspect(
  file: string,
  acknowledgements: readonly Acknowledgement[],
  before: number,
): { readonly newest: number; readonly failures: readonly string[] } {
  const opened = openSqliteStore({ file, clock: systemClock, log: silentLog });
  if (!opened.ok) return { newest: before, failures: [opened.error] };
  const store = opened.value;
  const newest = store.catalog().revision;
  const failures = [
    ...missing(store, acknowledgements),
    ...gaps(store, before),
    ...torn(store),
    ...(newest - before - acknowledgements.length > 1
      ? [`r${newest} is more than one beyond the last acknowledged`]
      : []),
  ];
  store.close();
  return { newest, failures: [...failures, ...unsound(file)] };
}

function missing(store: Store, acknowledgements: readonly Acknowledgement[]): readonly string[] {
  if (acknowledgements.length === 0) return ["the writer ended before its first commit"];
  return acknowledgements
    .filter(({ revision, number }) => store.revision(revision)?.reason !== String(number))
    .map(({ revision }) => `the acknowledged r${revision} is lost`);
}

function gaps(store: Store, before: number): readonly string[] {
  const { revision: newest } = store.catalog();
  const since = store.revisions(newest - before, 0).map(({ revision }) => revision);
  return since.every((revision, index) => revision === newest - index)
    ? []
    : [`revisions after r${before} are ${since.join(", ")}`];
}

/** The three rows of the newest commit, and its reason, have one number. */
function torn(store: Store): readonly string[] {
  const { policies, endpoints, routes, revision } = store.catalog();
  const numbers = [
    (policies.get("storm")?.timeoutMs ?? 0) - 1,
    Number(endpoints.get("storm")?.[0]?.version?.slice(1)),
    Number(routes.get("storm")?.[0]?.directResponse?.body),
    Number(store.revision(revision)?.reason),
  ];
  return new Set(numbers).size === 1 ? [] : [`r${revision} is there in part: ${numbers.join(", ")}`];
}

function unsound(file: string): readonly string[] {
  const db = new Database(file, { readonly: true });
  const words = String(db.pragma("integrity_check", { simple: true }));
  db.close();
  return words === "ok" ? [] : [`integrity_check: ${words}`];
}
