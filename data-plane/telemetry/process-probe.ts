import { monitorEventLoopDelay } from "node:perf_hooks";

/** How late the timers of a thread ran since they were last asked for. */
export interface LoopDelay {
  readonly meanMs: number;
  readonly maxMs: number;
}

export interface ProcessState {
  readonly residentBytes: number;
  readonly cpuSeconds: number;
  readonly startedWallMs: number;
}

/** A timer that is late tells that something kept the event loop busy. */
const RESOLUTION_MS = 50;
const NANOS_PER_MS = 1e6;

/** Starts watching this thread's event loop; each call tells of it since the last call. */
export function loopProbe(): () => LoopDelay {
  const delays = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  delays.enable();
  // The measured interval contains the period of the timer itself.
  const lateMs = (nanos: number): number => Math.max(0, nanos / NANOS_PER_MS - RESOLUTION_MS);
  return () => {
    const isMeasured = delays.count > 0;
    const delay = { meanMs: isMeasured ? lateMs(delays.mean) : 0, maxMs: isMeasured ? lateMs(delays.max) : 0 };
    delays.reset();
    return delay;
  };
}

/** Of all threads together. */
export function processState(): ProcessState {
  const { user, system } = process.cpuUsage();
  return {
    residentBytes: process.memoryUsage.rss(),
    cpuSeconds: (user + system) / 1e6,
    startedWallMs: performance.timeOrigin,
  };
}
