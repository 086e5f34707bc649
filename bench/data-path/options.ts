import { parseArgs } from "node:util";

import { err, ok, type Result } from "../../shared/result.ts";
import { DEFAULT_PEERS, PEER_NAMES, type PeerName } from "../peers/peer.ts";
import { CASES, type Case } from "./cases.ts";

export interface Options {
  readonly peers: readonly PeerName[];
  readonly cases: readonly Case[];
  readonly rounds: number;
  /** Of each round of a closed loop. */
  readonly seconds: number;
  /** At least, before the first round of a closed loop. */
  readonly warmUpSeconds: number;
  /** Of the result file. */
  readonly name: string;
}

const QUICK_CASES = ["get", "get-mesh", "latency"];
const ROUNDS_MAX = 100;
const SECONDS_MAX = 60;

/** All that is wrong with the arguments, in words. */
export function readOptions(args: readonly string[]): Result<Options, readonly string[]> {
  const parsed = parseFlags(args);
  if (!parsed.ok) return parsed;
  const flags = parsed.value;
  const faults: string[] = [];
  const isQuick = flags.quick === true;
  const caseNames = CASES.map(({ name }) => name);
  const cases = chosen("--cases", flags.cases, caseNames, faults) ?? (isQuick ? QUICK_CASES : caseNames);
  const options: Options = {
    peers: chosen("--peers", flags.peers, PEER_NAMES, faults) ?? DEFAULT_PEERS,
    cases: CASES.filter(({ name }) => cases.includes(name)),
    rounds: numberIn("--rounds", flags.rounds ?? (isQuick ? "2" : "3"), [1, ROUNDS_MAX], faults),
    seconds: numberIn("--seconds", flags.seconds ?? (isQuick ? "0.5" : "1"), [0.1, SECONDS_MAX], faults),
    warmUpSeconds: isQuick ? 1 : 2.5,
    name: flags.name ?? "last",
  };
  if (!/^[\w.-]+$/.test(options.name)) faults.push(`--name "${options.name}": letters, digits, dots and dashes only`);
  return faults.length === 0 ? ok(options) : err(faults);
}

interface Flags {
  readonly peers?: string | undefined;
  readonly cases?: string | undefined;
  readonly rounds?: string | undefined;
  readonly seconds?: string | undefined;
  readonly name?: string | undefined;
  readonly quick?: boolean | undefined;
}

function parseFlags(args: readonly string[]): Result<Flags, readonly string[]> {
  const string = { type: "string" } as const;
  const options = { peers: string, cases: string, rounds: string, seconds: string, name: string };
  try {
    return ok(parseArgs({ args: [...args], options: { ...options, quick: { type: "boolean" } } }).values);
  } catch (error) {
    return err([error instanceof Error ? error.message : String(error)]);
  }
}

function chosen<T extends string>(
  flag: string,
  text: string | undefined,
  known: readonly T[],
  faults: string[],
): readonly T[] | undefined {
  if (text === undefined) return undefined;
  return text.split(",").flatMap((name) => {
    const found = known.find((one) => one === name);
    if (found === undefined) faults.push(`${flag} "${name}" is none of ${known.join(", ")}`);
    return found === undefined ? [] : [found];
  });
}

function numberIn(flag: string, text: string, range: readonly [number, number], faults: string[]): number {
  const value = Number(text);
  if (text === "" || !(value >= range[0] && value <= range[1]))
    faults.push(`${flag} "${text}" is not a number from ${range[0]} to ${range[1]}`);
  return value;
}
