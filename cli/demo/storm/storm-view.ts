import { formatDuration } from "../../output/age.ts";
import type { Terminal } from "../../terminal.ts";
import { amplification, p99Ms, success, type Stretch } from "./side-tally.ts";
import type { StormSide } from "./storm-side.ts";

/** On a terminal the last row is drawn this often; a row that stays comes as often everywhere. */
const LIVE_MS = 250;
const ROW_MS = 1_000;
/** What a row tells is that of this last stretch of time. */
const WINDOW_MS = 1_000;

/** No wider than a terminal of 80 columns: a row that wraps cannot be rewritten. */
const HEADS = [
  "         --------- naive ---------    ------- protected -------",
  "   TIME    RPS    OK    P99   LOAD      RPS    OK    P99   LOAD  BREAKER",
];

/** Both sides beside each other, row by row; below the rows that stay, on a terminal, one that follows the traffic. */
export class StormView {
  readonly #terminal: Terminal;
  readonly #sides: readonly StormSide[];
  readonly #startedMs = performance.now();
  #timers: NodeJS.Timeout[] = [];

  constructor(terminal: Terminal, sides: readonly StormSide[]) {
    this.#terminal = terminal;
    this.#sides = sides;
  }

  /** A line that stays. */
  event(text: string): void {
    if (this.#terminal.isLive) this.#terminal.live("");
    this.#terminal.note(`${this.#time()}  ${text}`);
  }

  /** From now on the traffic is shown. */
  followTraffic(): void {
    this.#terminal.note("LOAD: how many requests reach ratings for each request of the client");
    for (const line of HEADS) this.#terminal.note(line);
    this.#timers = [setInterval(() => this.#keep(), ROW_MS)];
    if (this.#terminal.isLive) this.#timers.push(setInterval(() => this.#terminal.live(this.#row()), LIVE_MS));
  }

  stop(): void {
    for (const timer of this.#timers) clearInterval(timer);
    this.#timers = [];
    if (this.#terminal.isLive) this.#terminal.live("");
  }

  #keep(): void {
    if (this.#terminal.isLive) this.#terminal.live("");
    this.#terminal.note(this.#row());
  }

  #row(): string {
    const nowMs = performance.now();
    const cells = this.#sides.map(({ tally }) =>
      renderCells(tally.ended(nowMs - WINDOW_MS, nowMs), tally.stretch(nowMs - WINDOW_MS, nowMs)),
    );
    return `${this.#time()} ${cells.join("    ")}  ${this.#sides.at(-1)?.breaker ?? ""}`.trimEnd();
  }

  #time(): string {
    return `${((performance.now() - this.#startedMs) / 1_000).toFixed(1).padStart(6)}s`;
  }
}

/** `ended` tells what came of requests, `sent` how many there were. */
function renderCells(ended: Stretch, sent: Stretch): string {
  const answers = ended.full + ended.fallback + ended.failed;
  const share = answers === 0 ? "-" : `${Math.floor(success(ended) * 100)}%`;
  const p99 = answers === 0 ? "-" : formatDuration(p99Ms(ended));
  const load = sent.sent === 0 ? "-" : `${amplification(sent).toFixed(1)}x`;
  return String(answers).padStart(5) + share.padStart(6) + p99.padStart(7) + load.padStart(7);
}
