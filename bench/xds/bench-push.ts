import { paintFor } from "../../cli/output/paint.ts";
import { machineFacts } from "../figures/machine.ts";
import { writeResult, type Result, type Row } from "../figures/result.ts";
import { measurePush } from "./measure-push.ts";
import { caseName, ENDPOINTS, type PushCase } from "./push-cases.ts";
import type { PushMesh } from "./push-mesh.ts";
import { readPushOptions, type PushOptions } from "./push-options.ts";
import { pushReportOf } from "./push-report.ts";

/** No run may hang: past this everything is ended and the run has failed. */
const RUN_MS_MAX = 20 * 60_000;
const USAGE = 64;

/** How fast one edit reaches every proxy and what it costs, from arguments to the last line. Gives the exit code. */
export async function benchPush(args: readonly string[]): Promise<number> {
  const options = readPushOptions(args);
  if (!options.ok) {
    for (const fault of options.error) console.error(`bench: ${fault}`);
    console.error("  -> npm run bench -- --help");
    return USAGE;
  }
  const facts = { command: commandOf(args), startedAt: new Date(), machine: machineFacts() };
  const run = new PushRun(options.value, progress(facts.startedAt.getTime()));
  const rows = await run.rows();
  const result = resultOf(rows, options.value, facts);
  process.stdout.write(`\n${factsOf(result)}\n${pushReportOf(rows, paintFor(hasColor()))}`);
  // Half of a run must not take the place of a whole one.
  if (run.isOver) console.error("\nbench: ended before its time; nothing was written");
  else console.log(`\nWritten to ${writeResult(options.value.name, result)}`);
  return rows.some(({ failure }) => failure !== undefined) ? 1 : 0;
}

/** The cases one after the other. One that fails is told, and the next one begins; a signal or the time ends all. */
class PushRun {
  readonly #options: PushOptions;
  readonly #progress: (line: string) => void;
  readonly #interrupt = Promise.withResolvers<never>();
  #isOver = false;

  constructor(options: PushOptions, progress: (line: string) => void) {
    this.#options = options;
    this.#progress = progress;
    this.#interrupt.promise.catch(() => (this.#isOver = true));
  }

  /** A signal or the time has ended it. */
  get isOver(): boolean {
    return this.#isOver;
  }

  async rows(): Promise<Row[]> {
    const { cases, rounds, edits } = this.#options;
    const seconds = cases.reduce((sum, one) => sum + secondsOf(one, (rounds + 1) * edits), 0);
    this.#progress(`${cases.length} cases, about ${seconds} s, at most ${RUN_MS_MAX / 60_000} minutes`);
    const onSignal = (): void => this.#interrupt.reject(new Error("interrupted"));
    process.on("SIGINT", onSignal).on("SIGTERM", onSignal);
    const late = setTimeout(() => this.#interrupt.reject(new Error("the run took too long")), RUN_MS_MAX);
    const rows: Row[] = [];
    for (const one of cases) if (!this.#isOver) rows.push(await this.#row(one));
    clearTimeout(late);
    process.off("SIGINT", onSignal).off("SIGTERM", onSignal);
    return rows;
  }

  async #row(pushCase: PushCase): Promise<Row> {
    let mesh: PushMesh | undefined;
    const measured = measurePush(pushCase, this.#options, this.#progress, (started) => (mesh = started));
    try {
      return await Promise.race([measured, this.#interrupt.promise]);
    } catch (error) {
      await mesh?.stop();
      await measured.catch(() => undefined);
      const failure = error instanceof Error ? error.message : String(error);
      return { case: caseName(pushCase), peer: "heddle", figures: {}, invalid: [], failure };
    }
  }
}

/** Roughly: the connections, then each edit with its pauses and what the machine does in them. */
function secondsOf({ streams, services }: PushCase, edits: number): number {
  return Math.round(7 + (streams / 1_000) * (1 + services / 300) + edits * (0.4 + streams / 10_000));
}

function progress(startMs: number): (line: string) => void {
  return (line) => console.error(`${((Date.now() - startMs) / 1_000).toFixed(0).padStart(4)} s  ${line}`);
}

function hasColor(): boolean {
  return process.stdout.isTTY && (process.env["NO_COLOR"] ?? "") === "";
}

function commandOf(args: readonly string[]): string {
  return ["npm run bench -- control-plane", ...args].join(" ");
}

function resultOf(
  rows: readonly Row[],
  { rounds, edits }: PushOptions,
  facts: Pick<Result, "command" | "machine"> & { readonly startedAt: Date },
): Result {
  return {
    command: facts.command,
    startedAt: facts.startedAt.toISOString(),
    elapsedSeconds: Math.round((Date.now() - facts.startedAt.getTime()) / 1_000),
    machine: facts.machine,
    setup: { rounds, edits, endpoints: ENDPOINTS },
    peers: { heddle: `Node ${process.version}` },
    absent: {},
    rows,
  };
}

function factsOf({ machine, setup }: Result): string {
  return [
    `${machine.cpu}, ${machine.cores} cores, ${machine.memoryGb} GB, Linux ${machine.kernel}, Node ${machine.node}, commit ${machine.commit}`,
    `${setup["rounds"]} rounds of ${setup["edits"]} edits of one endpoint of ${setup["endpoints"]}; median (least .. most); load before ${machine.loadBefore.toFixed(1)}`,
    "",
  ].join("\n");
}
