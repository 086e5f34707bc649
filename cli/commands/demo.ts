import type { Command, Option } from "commander";

import { EXIT } from "../exit-code.ts";
import { flag } from "../flag.ts";
import { stopSignal } from "../run/stop-signal.ts";
import type { Cli } from "../terminal.ts";
import { examples, wholeNumber } from "./shared-options.ts";

interface Flags {
  readonly rate: number;
  readonly seed: number;
  readonly keep?: true;
}

/** Six instances and a load generator share one machine: more would measure the machine. */
const RATE_MAX = 1_000;
/** Each request of the naive side becomes 27; and with fewer, ratings would be slow on its good days. */
const STORM_RATE_MAX = 50;
const STORM_RATE_MIN = 5;

export function addDemo(program: Command, cli: Cli): void {
  const command = program
    .command("demo")
    .helpGroup("Life:")
    .summary("watch a real mesh shift traffic, survive its control plane, and hold in a storm")
    .description(
      "Starts a control plane and four services on this machine, sends traffic, moves a split from 100/0 to 90/10 to " +
        "0/100, kills the control plane, restarts a proxy while it is dead, starts the control plane again, edits a policy, " +
        "and tells what happened to every request. Exit code 1 if anything failed. Takes less than a minute.\n\n" +
        "heddle demo storm tells another story: a failing service with and without retry budget and breaker.",
    )
    .addOption(rateFlag(1, RATE_MAX, 100))
    .addOption(seedFlag())
    .addOption(flag("--keep", "leave the mesh running at the end, with commands to try next"));
  examples(command, ["heddle demo", "heddle demo --keep", "heddle demo --rate 200 --seed 7", "heddle demo storm"]);
  command.action((flags: Flags) => demo(cli, flags));
  addStorm(command, cli);
}

function addStorm(demo: Command, cli: Cli): void {
  const command = demo
    .command("storm")
    .summary("watch a failing service with and without retry budget and breaker, side by side")
    .description(
      "Starts the same chain of services twice, web -> products -> reviews -> ratings, and sends both the same traffic. Each " +
        "hop makes three tries. One side has nothing more; the other has Heddle's defaults and a fallback. For 8 seconds " +
        "ratings becomes too slow, then it is well again. Each second shows, for each side: answers per second, the share " +
        "of good ones, their p99, and how many requests reach ratings for each request of the client. " +
        "Exit code 0 if on the protected side at least 99% were answered, ratings got no more than 1.2 requests for each " +
        "(and the few that its retry budget always grants), and its own answers came back; else 1. Takes half a minute.",
    )
    .addOption(rateFlag(STORM_RATE_MIN, STORM_RATE_MAX, 25))
    .addOption(seedFlag());
  examples(command, ["heddle demo storm", "heddle demo storm --rate 10 --seed 7"]);
  command.action((flags: Flags) => storm(cli, flags));
}

function rateFlag(min: number, max: number, byDefault: number): Option {
  const words = `requests per second, ${min}-${max}`;
  return flag("--rate <rps>", words).argParser(wholeNumber(min, max)).default(byDefault);
}

function seedFlag(): Option {
  return flag("--seed <number>", "of the traffic's choices")
    .argParser(wholeNumber(0, 2 ** 31))
    .default(1);
}

async function demo(cli: Cli, { rate, seed, keep }: Flags): Promise<void> {
  const { runDemo } = await import("../demo/run-demo.ts");
  await tell(cli, (signal) => runDemo({ rate, seed, keep: keep === true, terminal: cli.terminal, signal }));
}

async function storm(cli: Cli, { rate, seed }: Flags): Promise<void> {
  const { runStorm } = await import("../demo/storm/run-storm.ts");
  await tell(cli, (signal) => runStorm({ rate, seed, terminal: cli.terminal, signal }));
}

/** A story, until it is told or somebody has seen enough. */
async function tell(cli: Cli, story: (signal: AbortSignal) => Promise<number>): Promise<void> {
  const interrupted = new AbortController();
  void stopSignal().then((signal) => interrupted.abort(new Error(signal)));
  const code = await story(interrupted.signal);
  cli.exitWith(interrupted.signal.aborted && code !== EXIT.ok ? 130 : code);
}
