import { readdirSync } from "node:fs";
import { monitorEventLoopDelay } from "node:perf_hooks";

/** How late the timers of a thread ran since they were last asked for. */
export interface LoopDelay {
  readonly meanMs: number;
  readonly maxMs: number;
}

export interface ProcessState {
  readonly residentBytes: number;
  readonly openFiles: number;
  readonly cpuSeconds: number;
  readonly startedWallMs: number;
}

/** Of the heap of one thread. */
export interface ThreadMemory {
  readonly heapUsedBytes: number;
  readonly externalBytes: number;
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
    openFiles: openFiles(),
    cpuSeconds: (user + system) / 1e6,
    startedWallMs: performance.timeOrigin,
  };
}

export function threadMemory(): ThreadMemory {
  const { heapUsed, external } = process.memoryUsage();
  return { heapUsedBytes: heapUsed, externalBytes: external };
}

/** Linux tells, in a folder with an entry for each. */
function openFiles(): number {
  try {
    return readdirSync("/proc/self/fd").length;
  } catch {
    return 0;
  }
}
