import { seededRandom } from "../../../shared/random.ts";
import { EXIT } from "../../exit-code.ts";
import { formatDuration } from "../../output/age.ts";
import type { Terminal } from "../../terminal.ts";
import { pause } from "../pause.ts";
import { SIDES } from "./chain.ts";
import { StormSide } from "./storm-side.ts";
import { StormView } from "./storm-view.ts";
import { renderVerdict, shortfalls, type Times } from "./verdict.ts";

export interface StormOptions {
  /** Requests per second of each side's client. */
  readonly rate: number;
  readonly seed: number;
  readonly terminal: Terminal;
  /** Ends it early. */
  readonly signal: AbortSignal;
}

const CALM_MS = 4_000;
const SLOW_MS = 8_000;
const AFTER_MS = 10_000;
const BREAKER_POLL_MS = 250;
/** A generator that is later than this measures the machine. */
const BUSY_MS = 200;

/** Shows a failing service with and without policies that protect it. Settles with the exit code; leaves no process behind. */
export async function runStorm({ rate, seed, terminal, signal }: StormOptions): Promise<number> {
  const sides = SIDES.map((name) => new StormSide({ name, rate, random: seededRandom(seed) }));
  const view = new StormView(terminal, sides);
  const kill = (): void => sides.forEach(({ mesh }) => mesh.kill());
  process.once("exit", kill);
  try {
    view.event("web -> products -> reviews -> ratings twice, three tries at each hop");
    view.event("naive has no budget and no breaker, protected has the defaults and a fallback");
    await Promise.all(sides.map((side) => side.start(signal)));
    const times = await tellStorm(sides, view, signal);
    view.event("waiting for the last answers, then stopping every process");
    await Promise.all(sides.map(({ load }) => load.stop()));
    await Promise.all(sides.map(({ mesh }) => mesh.stop()));
    return conclude(terminal, sides, times);
  } catch (error) {
    if (!signal.aborted) throw error;
    view.event("interrupted; every process is ended");
    return EXIT.failed;
  } finally {
    view.stop();
    process.off("exit", kill);
    kill();
    await Promise.all(sides.flatMap(({ load, mesh }) => [load.stop(), mesh.gone()]));
  }
}

/** Calm, slow, well again; the loads go on through all of it. */
async function tellStorm(sides: readonly StormSide[], view: StormView, signal: AbortSignal): Promise<Times> {
  const tell = (line: string): number => {
    for (const { mesh } of sides) mesh.tell("ratings-1", line);
    return performance.now();
  };
  for (const { load } of sides) load.start();
  const breakers = setInterval(() => void sides.at(-1)?.askBreaker(), BREAKER_POLL_MS);
  try {
    view.followTraffic();
    await pause(signal, CALM_MS);
    view.event("ratings takes 20 times as long: it can do a fifth of what is asked for");
    const slowMs = tell("slow");
    await pause(signal, SLOW_MS);
    view.event("ratings is well again: it can do four times what is asked for");
    const wellMs = tell("well");
    await pause(signal, AFTER_MS);
    return { slowMs, wellMs, endMs: performance.now() };
  } finally {
    clearInterval(breakers);
    view.stop();
  }
}

function conclude(terminal: Terminal, sides: readonly StormSide[], times: Times): number {
  const [naive, guarded] = sides;
  if (naive === undefined || guarded === undefined) return EXIT.failed;
  terminal.out(renderVerdict(naive.tally, guarded.tally, times));
  const found = shortfalls(guarded.tally, times);
  for (const words of guarded.tally.failures) terminal.note(`protected: ${words}`);
  terminal.out(
    found.length === 0 ? "The protected side held.\n" : `The protected side did not hold: ${found.join("; ")}\n`,
  );
  const latenessMs = Math.max(...sides.map(({ load }) => load.counts.latenessMaxMs));
  if (latenessMs > BUSY_MS)
    terminal.note(`(this machine was busy: the generator itself was up to ${formatDuration(latenessMs)} late)`);
  return found.length === 0 ? EXIT.ok : EXIT.failed;
}
