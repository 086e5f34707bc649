import { parseArgs } from "node:util";

import { err, ok, type Result } from "../../shared/result.ts";
import { PUSH_CASES, type PushCase } from "./push-cases.ts";

export interface PushOptions {
  readonly cases: readonly PushCase[];
  readonly rounds: number;
  /** Of each round. */
  readonly edits: number;
  readonly restarts: boolean;
  /** Of the result file. */
  readonly name: string;
  /** A folder for `--cpu-prof` of the control plane. */
  readonly profile: string | undefined;
}

const STREAMS_MAX = 16_000;
const SERVICES_MAX = 5_000;
const TIMES_MAX = 100;

/** All that is wrong with the arguments, in words. */
export function readPushOptions(args: readonly string[]): Result<PushOptions, readonly string[]> {
  const parsed = parseFlags(args);
  if (!parsed.ok) return parsed;
  const flags = parsed.value;
  const faults: string[] = [];
  const list = (flag: string, text: string, max: number): readonly number[] =>
    text.split(",").map((item) => wholeNumber(flag, item, max, faults));
  const [quickCase] = PUSH_CASES;
  const usual = flags.quick === true && quickCase !== undefined ? [quickCase] : PUSH_CASES;
  const { streams, services } = flags;
  const isChosen = streams !== undefined || services !== undefined;
  const chosen = list("--streams", streams ?? "1000", STREAMS_MAX).flatMap((count) =>
    list("--services", services ?? "20", SERVICES_MAX).map((of) => ({ streams: count, services: of })),
  );
  const options: PushOptions = {
    cases: isChosen ? chosen : usual,
    rounds: wholeNumber("--rounds", flags.rounds ?? (flags.quick === true ? "1" : "3"), TIMES_MAX, faults),
    edits: wholeNumber("--edits", flags.edits ?? (flags.quick === true ? "3" : "6"), TIMES_MAX, faults),
    restarts: flags.restart === true,
    name: flags.name ?? "control-plane",
    profile: flags.profile,
  };
  if (!/^[\w.-]+$/.test(options.name)) faults.push(`--name "${options.name}": letters, digits, dots and dashes only`);
  return faults.length === 0 ? ok(options) : err([...new Set(faults)]);
}

interface Flags {
  readonly streams?: string | undefined;
  readonly services?: string | undefined;
  readonly rounds?: string | undefined;
  readonly edits?: string | undefined;
  readonly name?: string | undefined;
  readonly profile?: string | undefined;
  readonly quick?: boolean | undefined;
  readonly restart?: boolean | undefined;
}

function parseFlags(args: readonly string[]): Result<Flags, readonly string[]> {
  const [string, boolean] = [{ type: "string" }, { type: "boolean" }] as const;
  const texts = { streams: string, services: string, rounds: string, edits: string, name: string, profile: string };
  try {
    return ok(parseArgs({ args: [...args], options: { ...texts, quick: boolean, restart: boolean } }).values);
  } catch (error) {
    return err([error instanceof Error ? error.message : String(error)]);
  }
}

function wholeNumber(flag: string, text: string, max: number, faults: string[]): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < 1 || value > max)
    faults.push(`${flag} "${text}" is not a whole number from 1 to ${max}`);
  return value;
}
