import type { Timer, Timers } from "../../shared/timers.ts";
import type { ManualClock } from "./manual-clock.ts";

interface Task {
  dueMs: number;
  readonly periodMs: number | undefined;
  readonly run: () => void;
}

/** Wake-ups that come when a test lets time pass, in order and each at its own moment. */
export class ManualTimers implements Timers {
  readonly #clock: ManualClock;
  readonly #tasks = new Set<Task>();

  constructor(clock: ManualClock) {
    this.#clock = clock;
  }

  after(delayMs: number, run: () => void): Timer {
    return this.#add({ dueMs: this.#clock.now + delayMs, periodMs: undefined, run });
  }

  every(periodMs: number, run: () => void): Timer {
    return this.#add({ dueMs: this.#clock.now + periodMs, periodMs, run });
  }

  #add(task: Task): Timer {
    this.#tasks.add(task);
    return { cancel: () => this.#tasks.delete(task) };
  }

  /** How long until the next wake-up; undefined when none is waited for. */
  get nextMs(): number | undefined {
    const due = [...this.#tasks].map(({ dueMs }) => dueMs);
    return due.length === 0 ? undefined : Math.min(...due) - this.#clock.now;
  }

  pass(ms: number): void {
    const endMs = this.#clock.now + ms;
    for (;;) {
      const [next] = [...this.#tasks].filter(({ dueMs }) => dueMs <= endMs).sort((a, b) => a.dueMs - b.dueMs);
      if (next === undefined) break;
      this.#clock.now = Math.max(this.#clock.now, next.dueMs);
      if (next.periodMs === undefined) this.#tasks.delete(next);
      else next.dueMs += next.periodMs;
      next.run();
    }
    this.#clock.now = endMs;
  }
}
