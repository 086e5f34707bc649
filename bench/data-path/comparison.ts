import { fork, type ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { LoadGenerator } from "../load/load-generator.ts";
import type { Row } from "../figures/result.ts";
import { nextMessage } from "../peers/child-message.ts";
import type { Absent, Door, RunningPeer } from "../peers/peer.ts";
import { startPeers } from "../peers/start-peers.ts";
import type { Case, Figure } from "./cases.ts";
import { invalidity, measureIdle, measureRound, type Measured } from "./measure.ts";
import type { Options } from "./options.ts";

/**
 * No round counts before the peers have run for so long: a just-in-time compiler has then seen the hot path, and Heddle's
 * proxy, which keeps its heap small for ten seconds after its start, lets it grow.
 */
const STEADY_MS = 12_000;

export interface Compared {
  readonly peers: readonly RunningPeer[];
  readonly absent: readonly Absent[];
  readonly rows: readonly Row[];
}

export type Progress = (line: string) => void;

/** Everything that the comparison starts, ended again whatever happens. */
export class Comparison {
  readonly #options: Options;
  readonly #progress: Progress;
  readonly #folder = mkdtempSync(join(tmpdir(), "heddle-proxies-"));
  readonly #generator = new LoadGenerator();
  readonly #upstream: ChildProcess;
  #starting: ReturnType<typeof startPeers> | undefined;
  #startedMs = 0;
  #isStopped = false;

  constructor(options: Options, progress: Progress) {
    this.#options = options;
    this.#progress = progress;
    this.#upstream = fork(join(import.meta.dirname, "..", "load", "upstream.ts"), [], {
      execArgv: ["--max-semi-space-size=64"],
      stdio: ["ignore", "inherit", "inherit", "ipc"],
    });
  }

  async run(): Promise<Compared> {
    // Both ports come in one message of bench/load/upstream.ts.
    const { ports } = await nextMessage<{ ports: [number, number] }>(this.#upstream);
    this.#progress("starting the peers");
    const site = { v1Port: ports[0], v2Port: ports[1], folder: this.#folder };
    this.#starting = startPeers(this.#options.peers, site);
    const [started, absent] = await this.#starting;
    this.#startedMs = performance.now();
    for (const { name, reason } of absent) this.#progress(`without ${name}: ${reason}`);
    const peers = started.filter(({ name }) => this.#options.peers.includes(name));
    const fresh = this.#options.cases.filter(({ isFresh }) => isFresh === true);
    const loaded = this.#options.cases.filter(({ isFresh }) => isFresh !== true);
    const rows: Row[] = [];
    for (const testCase of fresh) rows.push(...(await this.#measureFresh(testCase, peers)));
    for (const testCase of loaded) rows.push(...(await this.#measureRounds(testCase, peers)));
    return { peers, absent, rows };
  }

  /** In the middle of a start it waits for its end, so that nothing is left behind. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#generator.stop();
    const [peers] = await (this.#starting ?? Promise.resolve([[]])).catch(() => [[]]);
    await Promise.all((peers ?? []).map((peer) => peer.stop()));
    this.#upstream.kill();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #measureFresh(testCase: Case, peers: readonly RunningPeer[]): Promise<Row[]> {
    const series = peers.flatMap((peer) => seriesOf(testCase, peer));
    for (const one of series) {
      this.#progress(`${testCase.name}: ${one.peer}`);
      await add(one, () => measureIdle(testCase, one.door, this.#generator));
    }
    return series.map((one) => rowOf(testCase, one));
  }

  /** Round by round, each peer in turn, so that whatever else the machine does falls on all alike. */
  async #measureRounds(testCase: Case, peers: readonly RunningPeer[]): Promise<Row[]> {
    const series = peers.flatMap((peer) => seriesOf(testCase, peer));
    const { seconds, warmUpSeconds: least } = this.#options;
    const warmUpSeconds = testCase.warmsUp === true ? Math.max(least, seconds) : seconds;
    this.#progress(`${testCase.name}: warming up`);
    do {
      await this.#round(testCase, series, warmUpSeconds);
      for (const { rounds } of series) rounds.length = 0;
    } while (performance.now() < this.#startedMs + STEADY_MS && series.some(({ failure }) => failure === undefined));
    for (let round = 1; round <= this.#options.rounds; round += 1) {
      this.#progress(`${testCase.name}: round ${round} of ${this.#options.rounds}`);
      await this.#round(testCase, series, seconds);
    }
    return series.map((one) => rowOf(testCase, one));
  }

  async #round(testCase: Case, series: readonly Series[], seconds: number): Promise<void> {
    if (this.#isStopped) throw new Error("the comparison was stopped");
    for (const one of series) await add(one, () => measureRound(testCase, one.door, this.#generator, seconds));
  }
}

/** The rounds of one peer in one case. */
interface Series {
  readonly peer: string;
  readonly door: Door;
  readonly rounds: Measured[];
  failure: string | undefined;
}

function seriesOf(testCase: Case, { name, doors }: RunningPeer): Series[] {
  const door = doors[testCase.way];
  if (door === undefined || (name === "heddle-log" && testCase.isLogged !== true)) return [];
  return [{ peer: name, door, rounds: [], failure: undefined }];
}

async function add(series: Series, measure: () => Promise<Measured>): Promise<void> {
  if (series.failure !== undefined) return;
  try {
    series.rounds.push(await measure());
  } catch (error) {
    series.failure = error instanceof Error ? error.message : String(error);
  }
}

function rowOf(testCase: Case, { peer, rounds, failure }: Series): Row {
  const invalid = rounds.map(invalidity).filter((reason) => reason !== undefined);
  const valid = rounds.filter((round) => invalidity(round) === undefined);
  const values = (figure: Figure): readonly number[] => valid.map((round) => round[figure] ?? Number.NaN);
  const figures = Object.fromEntries(testCase.figures.map((figure) => [figure, values(figure)]));
  return { case: testCase.name, peer, figures, invalid, ...(failure === undefined ? {} : { failure }) };
}
