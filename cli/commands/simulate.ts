import { Argument, type Command } from "commander";

import { flag } from "../flag.ts";
import { outputOption, print, type Format } from "../output/formats.ts";
import type { Cli } from "../terminal.ts";
import { examples, wholeNumber } from "./shared-options.ts";

interface Flags {
  readonly hops: number;
  readonly rate: number;
  readonly seed: number;
  readonly output: Format;
}

const NAMES = ["storm", "bad-replica", "herd"];
const HOPS_MAX = 6;
const RATE_MAX = 1_000;

/** `heddle simulate SCENARIO`: what the policies are worth, without a machine to break. */
export function addSimulate(program: Command, cli: Cli): void {
  const command = program
    .command("simulate")
    .helpGroup("Life:")
    .summary("see what each policy is worth when services fail")
    .description(
      "Runs the proxies' own policy code in a simulated mesh, with a simulated clock, network and services, once for each " +
        "set of policies, and prints what callers and the failing service saw while something was wrong. The same seed gives " +
        "the same numbers.\n\n" +
        "  storm        the last of several services fails: retries on every hop multiply\n" +
        "  bad-replica  one of three replicas is slow and fails\n" +
        "  herd         three times as many requests as the service can serve\n",
    )
    .addArgument(new Argument("[scenario]", "what goes wrong").choices(NAMES).default("storm"))
    .addOption(flag("--hops <number>", "services in a row, in storm").argParser(wholeNumber(1, HOPS_MAX)).default(5))
    .addOption(flag("--rate <rps>", "requests per second").argParser(wholeNumber(1, RATE_MAX)).default(10))
    .addOption(
      flag("--seed <number>", "of everything that happens by chance")
        .argParser(wholeNumber(0, 2 ** 31))
        .default(1),
    )
    .addOption(outputOption());
  examples(command, ["heddle simulate", "heddle simulate storm --hops 4 --seed 7", "heddle simulate herd -o wide"]);
  command.action((scenario: string, flags: Flags) => simulate(cli, scenario, flags));
}

async function simulate({ terminal }: Cli, name: string, { hops, rate, seed, output }: Flags): Promise<void> {
  const { SCENARIOS } = await import("../simulate/scenarios.ts");
  const { runScenario } = await import("../simulate/run-scenario.ts");
  const { outcomeColumns, outcomeData } = await import("../simulate/outcome-columns.ts");
  const scenario = SCENARIOS[name]?.({ hops, rate });
  if (scenario === undefined) throw new Error(`no scenario ${name}`);
  terminal.note(`${scenario.name}: ${scenario.words} (seed ${seed})`);
  const rows = scenario.sets.map((set) => runScenario(scenario, set, seed));
  await print(terminal, output, { columns: outcomeColumns, rows, data: rows.map(outcomeData), empty: "" });
}
