import { parentPort, workerData } from "node:worker_threads";

// Wakes the generator when requests are due. Timers of an event loop count in whole milliseconds; a thread that may block
// can wait for a fraction of one.

interface Pace {
  readonly gapMs: number;
  /** As performance.timeOrigin + performance.now(): the origin of a thread's own clock differs. */
  readonly startMs: number;
  readonly count: number;
}

// The parent passes this very shape in bench/load/open-loop.ts.
const { gapMs, startMs, count } = workerData as Pace;
const never = new Int32Array(new SharedArrayBuffer(4));

for (let tick = 0; tick < count; tick += 1) {
  const waitMs = startMs + tick * gapMs - (performance.timeOrigin + performance.now());
  if (waitMs > 0) Atomics.wait(never, 0, 0, waitMs);
  parentPort?.postMessage(tick);
}
