import type { Command } from "commander";

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

export function addDemo(program: Command, cli: Cli): void {
  const command = program
    .command("demo")
    .helpGroup("Life:")
    .summary("watch a real mesh shift traffic and survive its control plane")
    .description(
      "Starts a control plane and four services on this machine, sends traffic, moves a split from 100/0 to 90/10 to\n" +
        "0/100, kills the control plane, restarts a proxy while it is dead, starts the control plane again, edits a policy,\n" +
        "and tells what happened to every request. Exit code 1 if anything failed. Takes less than a minute.",
    )
    .addOption(flag("--rate <rps>", "requests per second").argParser(wholeNumber(1, RATE_MAX)).default(100))
    .addOption(
      flag("--seed <number>", "of the traffic's choices")
        .argParser(wholeNumber(0, 2 ** 31))
        .default(1),
    )
    .addOption(flag("--keep", "leave the mesh running at the end, with commands to try next"));
  examples(command, ["heddle demo", "heddle demo --keep", "heddle demo --rate 200 --seed 7"]);
  command.action((flags: Flags) => demo(cli, flags));
}

async function demo(cli: Cli, flags: Flags): Promise<void> {
  const { runDemo } = await import("../demo/run-demo.ts");
  const interrupted = new AbortController();
  void stopSignal().then((signal) => interrupted.abort(new Error(signal)));
  const { rate, seed, keep } = flags;
  const code = await runDemo({ rate, seed, keep: keep === true, terminal: cli.terminal, signal: interrupted.signal });
  cli.exitWith(interrupted.signal.aborted && code !== EXIT.ok ? 130 : code);
}
