import type { Clock } from "../../shared/clock.ts";
import { WHEEL_TICK_MS } from "../../shared/defaults.ts";
import { seededRandom, type Random } from "../../shared/random.ts";
import { TimerWheel } from "../../shared/timer-wheel.ts";
import { EventQueue, type Task } from "./event-queue.ts";

/**
 * Time and chance of a simulated mesh: everything in it happens by this clock, this wheel and these numbers, so that a
 * seed says all that happens. The wheel is the proxies' own, and turns as often as theirs.
 */
export class SimWorld implements Clock {
  readonly random: Random;
  readonly wheel: TimerWheel;
  readonly #events = new EventQueue();
  #nowMs = 0;

  constructor(seed: number) {
    this.random = seededRandom(seed);
    this.wheel = new TimerWheel(this);
  }

  nowMs(): number {
    return this.#nowMs;
  }

  wallMs(): number {
    return this.#nowMs;
  }

  after(delayMs: number, task: Task): void {
    this.#events.push(this.#nowMs + delayMs, task);
  }

  /** Lets everything happen that is due until then. */
  run(untilMs: number): void {
    for (;;) {
      const tickMs = (Math.floor(this.#nowMs / WHEEL_TICK_MS) + 1) * WHEEL_TICK_MS;
      const nextMs = Math.min(this.#events.nextMs, this.wheel.size > 0 ? tickMs : Infinity);
      if (nextMs > untilMs) break;
      this.#nowMs = nextMs;
      if (nextMs === tickMs) this.wheel.advance();
      if (this.#events.nextMs <= nextMs) this.#events.pop()?.();
    }
    this.#nowMs = untilMs;
  }

  /** A draw of a log-normal distribution: what latencies look like. A tenth of its logarithm's spread is `sigma` 0.1. */
  latencyMs(medianMs: number, sigma: number): number {
    // Box-Muller; 1 - unit is never 0.
    const normal = Math.sqrt(-2 * Math.log(1 - this.random.unit())) * Math.cos(2 * Math.PI * this.random.unit());
    return medianMs * Math.exp(sigma * normal);
  }
}
