import { parentPort, workerData } from "node:worker_threads";

import { SharedCount } from "../../../data-plane/workers/shared-count.ts";

interface Task {
  readonly memory: SharedArrayBuffer;
  /** How many are ready. */
  readonly gate: SharedArrayBuffer;
  readonly worker: number;
  readonly limit: number;
}

const ROUNDS = 20_000;

// One of two threads that go for the same limit; tells how often it was admitted, and found more than the limit inside.
const { memory, gate, worker, limit } = workerData as Task;
const count = new SharedCount(memory, worker, 0);
/** Those admitted, as everybody sees it without the count under test. */
const inside = new Int32Array(gate);
let admitted = 0;
let above = 0;
for (let round = 0; round < ROUNDS || admitted === 0; round += 1) {
  count.add(1);
  if (count.total <= limit) {
    admitted += 1;
    if (Atomics.add(inside, 0, 1) + 1 > limit) above += 1;
    Atomics.sub(inside, 0, 1);
  }
  count.add(-1);
}
parentPort?.postMessage({ admitted, above });
