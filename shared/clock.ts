// Imported, because the global of this name is a getter that is called at each use.
import { performance } from "node:perf_hooks";

/** The only source of time. Decisions take `nowMs` as a parameter; shells read it here. */
export interface Clock {
  /** Monotonic milliseconds with a fraction, from an arbitrary origin. For durations and deadlines. */
  nowMs(): number;
  /** Unix time in milliseconds. For certificates, logs and stored rows only: it may jump. */
  wallMs(): number;
}

/** What turns this thread's `nowMs` into milliseconds that all threads of the process count alike: each has an origin of its own. */
export function threadClockOffsetMs(): number {
  return Number(process.hrtime.bigint()) / 1e6 - performance.now();
}

export const systemClock: Clock = {
  nowMs: () => performance.now(),
  wallMs: () => Date.now(),
};
