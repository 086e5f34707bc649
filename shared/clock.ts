// Imported, because the global of this name is a getter that is called at each use.
import { performance } from "node:perf_hooks";

/** The only source of time. Decisions take `nowMs` as a parameter; shells read it here. */
export interface Clock {
  /** Monotonic milliseconds with a fraction, from an arbitrary origin. For durations and deadlines. */
  nowMs(): number;
  /** Unix time in milliseconds. For certificates, logs and stored rows only: it may jump. */
  wallMs(): number;
}

export const systemClock: Clock = {
  nowMs: () => performance.now(),
  wallMs: () => Date.now(),
};
