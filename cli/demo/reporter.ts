import type { Terminal } from "../terminal.ts";
import { percentile } from "./tally.ts";

/** The live line is drawn this often on a terminal; a pipe gets a plain line, less often. */
const LIVE_MS = 250;
const PLAIN_MS = 2_000;
/** Rate and percentiles are those of this last stretch of time. */
const WINDOW_MS = 1_000;
/** Outcomes remembered for the window; more than any rate the demo allows. */
const RECENT_MAX = 20_000;

interface Recent {
  readonly atMs: number;
  readonly latencyMs: number;
  /** Of reviews; undefined when the request failed. */
  readonly version: string | undefined;
}

/** Tells what goes on: a line for each event, and below them one line that follows the traffic. */
export class Reporter {
  readonly #terminal: Terminal;
  readonly #startedMs = performance.now();
  readonly #recent: Recent[] = [];
  #failed = 0;
  #answered = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
  }

  /** A line that stays. */
  event(text: string): void {
    if (this.#terminal.isLive) this.#terminal.live("");
    this.#terminal.note(`${this.#time()}  ${text}`);
  }

  /** From now on the traffic is shown. */
  followTraffic(): void {
    const { isLive } = this.#terminal;
    this.#timer = setInterval(() => this.#draw(), isLive ? LIVE_MS : PLAIN_MS);
  }

  /** `version` is that of the reviews which took part; undefined when the request failed. */
  onOutcome(latencyMs: number, version: string | undefined): void {
    this.#recent.push({ atMs: performance.now(), latencyMs, version });
    if (this.#recent.length > RECENT_MAX) this.#recent.shift();
    if (version === undefined) this.#failed += 1;
    else this.#answered += 1;
  }

  stop(): void {
    clearInterval(this.#timer);
    if (this.#terminal.isLive) this.#terminal.live("");
  }

  #draw(): void {
    const line = `${this.#time()}    ${this.#traffic()}`;
    if (this.#terminal.isLive) this.#terminal.live(line);
    else this.#terminal.note(line);
  }

  #traffic(): string {
    const sinceMs = performance.now() - WINDOW_MS;
    const from = this.#recent.findIndex(({ atMs }) => atMs >= sinceMs);
    this.#recent.splice(0, from === -1 ? this.#recent.length : from);
    const latencies = this.#recent.map(({ latencyMs }) => latencyMs);
    const rate = (latencies.length * 1_000) / WINDOW_MS;
    const p50 = percentile(latencies, 0.5).toFixed(1);
    const p99 = percentile(latencies, 0.99).toFixed(1);
    const counts = `${rate.toFixed(0).padStart(4)} rps   ${this.#answered} answered   ${this.#failed} failed`;
    return `${counts}   p50 ${p50}ms   p99 ${p99}ms   reviews v2 ${this.#shareOfV2()}`;
  }

  #shareOfV2(): string {
    const answered = this.#recent.filter(({ version }) => version !== undefined);
    if (answered.length === 0) return "-";
    const ofV2 = answered.filter(({ version }) => version === "v2").length;
    return `${Math.round((ofV2 / answered.length) * 100)}%`;
  }

  #time(): string {
    return `${((performance.now() - this.#startedMs) / 1_000).toFixed(1).padStart(5)}s`;
  }
}
