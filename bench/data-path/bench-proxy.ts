import { paintFor } from "../../cli/output/paint.ts";
import { machineFacts } from "../figures/machine.ts";
import { writeResult, type Result } from "../figures/result.ts";
import { Comparison, type Compared } from "./comparison.ts";
import { readOptions, type Options } from "./options.ts";
import { reportOf } from "./report.ts";

/** No run may hang: past this everything is ended and the run has failed. */
const RUN_MS_MAX = 15 * 60_000;
const USAGE = 64;

/** The comparison of proxies from arguments to the last line. Gives the exit code. */
export async function benchProxy(args: readonly string[]): Promise<number> {
  const options = readOptions(args);
  if (!options.ok) {
    for (const fault of options.error) console.error(`bench: ${fault}`);
    console.error("  -> npm run bench -- --help");
    return USAGE;
  }
  const machine = machineFacts();
  const startedAt = new Date();
  const comparison = new Comparison(options.value, progress(startedAt.getTime()));
  const interrupt = Promise.withResolvers<never>();
  const onSignal = (): void => interrupt.reject(new Error("interrupted"));
  process.on("SIGINT", onSignal).on("SIGTERM", onSignal);
  const late = setTimeout(() => interrupt.reject(new Error("the run took too long")), RUN_MS_MAX);
  try {
    const compared = await Promise.race([comparison.run(), interrupt.promise]);
    const result = resultOf(compared, options.value, { command: commandOf(args), startedAt, machine });
    process.stdout.write(`\n${factsOf(result)}\n${reportOf(result, paintFor(hasColor()))}`);
    console.log(`\nWritten to ${writeResult(options.value.name, result)}`);
    return compared.rows.some(({ failure }) => failure !== undefined) ? 1 : 0;
  } catch (error) {
    console.error(`bench: ${error instanceof Error ? error.message : String(error)}`);
    return 1;
  } finally {
    clearTimeout(late);
    await comparison.stop();
  }
}

function progress(startMs: number): (line: string) => void {
  return (line) => console.error(`${((Date.now() - startMs) / 1_000).toFixed(0).padStart(4)} s  ${line}`);
}

function hasColor(): boolean {
  return process.stdout.isTTY && (process.env["NO_COLOR"] ?? "") === "";
}

function commandOf(args: readonly string[]): string {
  return ["npm run bench", ...(args.length === 0 ? [] : ["--", ...args])].join(" ");
}

function resultOf(
  { peers, absent, rows }: Compared,
  options: Options,
  run: Pick<Result, "command" | "machine"> & { readonly startedAt: Date },
): Result {
  return {
    command: run.command,
    startedAt: run.startedAt.toISOString(),
    elapsedSeconds: Math.round((Date.now() - run.startedAt.getTime()) / 1_000),
    machine: run.machine,
    setup: { rounds: options.rounds, seconds: options.seconds },
    peers: Object.fromEntries(peers.map(({ name, version }) => [name, version])),
    absent: Object.fromEntries(absent.map(({ name, reason }) => [name, reason])),
    rows,
  };
}

function factsOf({ machine, peers, setup }: Result): string {
  const versions = Object.entries(peers).map(([name, version]) => `${name} ${version}`);
  return [
    `${machine.cpu}, ${machine.cores} cores, ${machine.memoryGb} GB, Linux ${machine.kernel}, commit ${machine.commit}`,
    `${versions.join(", ")}; one worker each${"heddle-workers" in peers ? ", two in heddle-workers" : ""}`,
    `${setup["rounds"]} rounds of ${setup["seconds"]} s, interleaved; median (least .. most); load before ${machine.loadBefore.toFixed(1)}`,
    "",
  ].join("\n");
}
