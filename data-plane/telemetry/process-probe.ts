import { monitorEventLoopDelay } from "node:perf_hooks";

import type { ProcessState } from "./proxy-metrics.ts";

/** A timer that is late tells that something kept the event loop busy. */
const RESOLUTION_MS = 50;
const NANOS_PER_MS = 1e6;

/** Starts watching the event loop; each call tells of the process now and of the loop since the last call. */
export function processProbe(): () => ProcessState {
  const delays = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  delays.enable();
  // The measured interval contains the period of the timer itself.
  const lateMs = (nanos: number): number => Math.max(0, nanos / NANOS_PER_MS - RESOLUTION_MS);
  return () => {
    const { user, system } = process.cpuUsage();
    const isMeasured = delays.count > 0;
    const state: ProcessState = {
      residentBytes: process.memoryUsage.rss(),
      cpuSeconds: (user + system) / 1e6,
      startedWallMs: performance.timeOrigin,
      loopDelayMeanMs: isMeasured ? lateMs(delays.mean) : 0,
      loopDelayMaxMs: isMeasured ? lateMs(delays.max) : 0,
    };
    delays.reset();
    return state;
  };
}
