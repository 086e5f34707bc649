import { single, type MetricFamily } from "../telemetry/prometheus-text.ts";
import type { Tally } from "./tally.ts";

/** How one worker stands; the main thread is number 0. */
export interface WorkerState {
  readonly worker: number;
  readonly isServing: boolean;
}

/** How the workers share the load, and what became of them. For a proxy with more than one. */
export function workerFamilies(
  states: readonly WorkerState[],
  restarts: number,
  tallies: readonly Tally[],
): readonly MetricFamily[] {
  return [
    {
      name: "heddle_worker_up",
      help: "1 for a worker that serves.",
      type: "gauge",
      samples: states.map(({ worker, isServing }) => ({
        suffix: "",
        labels: [["worker", String(worker)]],
        value: isServing ? 1 : 0,
      })),
    },
    {
      name: "heddle_worker_requests_total",
      help: "Finished requests by worker.",
      type: "counter",
      samples: tallies.map((tally) => ({
        suffix: "",
        labels: [["worker", String(tally.worker)]],
        value: requestsOf(tally),
      })),
    },
    single("counter", "heddle_worker_restarts_total", "Workers started anew after their thread had ended.", restarts),
  ];
}

function requestsOf({ families }: Tally): number {
  const requests = families.find(({ name }) => name === "heddle_requests_total");
  return requests?.samples.reduce((sum, { value }) => sum + value, 0) ?? 0;
}
