import { mkdirSync, readFileSync, writeFileSync, existsSync } from "node:fs";
import { join } from "node:path";

import type { Machine } from "./machine.ts";

/** A file below bench/results/: everything of a run, round by round, so that it can be judged again later. */
export interface Result {
  readonly command: string;
  readonly startedAt: string;
  readonly elapsedSeconds: number;
  readonly machine: Machine;
  readonly setup: Readonly<Record<string, number | string>>;
  readonly peers: Readonly<Record<string, string>>;
  /** Why a peer is not here. */
  readonly absent: Readonly<Record<string, string>>;
  readonly rows: readonly Row[];
}

export interface Row {
  readonly case: string;
  readonly peer: string;
  /** For each figure, the value of each valid round. */
  readonly figures: Readonly<Record<string, readonly number[]>>;
  /** Why rounds were left out of the figures. */
  readonly invalid: readonly string[];
  /** A wrong, missing or mixed-up response: the peer's other rounds of this case were not run. */
  readonly failure?: string;
}

const folder = join(import.meta.dirname, "..", "results");

export function writeResult(name: string, result: Result): string {
  mkdirSync(folder, { recursive: true });
  const path = resultPath(name);
  writeFileSync(path, `${JSON.stringify(result, roundedNumber, 1)}\n`);
  return path;
}

/** A name below bench/results/ or a path. Throws in words. */
export function readResult(nameOrPath: string): Result {
  const path = existsSync(nameOrPath) ? nameOrPath : resultPath(nameOrPath);
  if (!existsSync(path)) throw new Error(`there is no result "${nameOrPath}" (looked for ${path})`);
  const result: unknown = JSON.parse(readFileSync(path, "utf8"));
  if (!isResult(result)) throw new Error(`${path} is not a result of this bench`);
  return result;
}

function isResult(value: unknown): value is Result {
  return typeof value === "object" && value !== null && "rows" in value && Array.isArray(value.rows);
}

function resultPath(name: string): string {
  return join(folder, name.endsWith(".json") ? name : `${name}.json`);
}

/** Four digits say all that was measured. */
function roundedNumber(_key: string, value: unknown): unknown {
  return typeof value === "number" && !Number.isInteger(value) ? Number(value.toPrecision(4)) : value;
}
