import { cpuUsOf, rssKbOf } from "../figures/process-tree.ts";
import type { LoadGenerator } from "../load/load-generator.ts";
import type { Report } from "../load/order.ts";
import type { Door } from "../peers/peer.ts";
import { pause } from "../peers/program.ts";
import type { Case, Figure } from "./cases.ts";

export type Measured = Partial<Record<Figure, number>>;

const MIB = 1024 * 1024;
const RSS_SAMPLE_MS = 100;
/** A freshly started or just loaded process goes on collecting for a moment. */
const SETTLE_MS = 1_000;
/** Thousands of requests. */
const WARM_UP_SECONDS = 1;
/** A generator above this share of a core, or this late, would measure itself. */
export const GENERATOR_CPU_PERCENT_MAX = 70;
export const GENERATOR_LATE_P99_MS_MAX = 1;

/** One round: the load of the case through the door, and what that cost the processes behind it. */
export async function measureRound(
  testCase: Case,
  door: Door,
  generator: LoadGenerator,
  seconds: number,
): Promise<Measured> {
  let rssPeakKb = 0;
  const sampling = setInterval(() => (rssPeakKb = Math.max(rssPeakKb, rssKbOf(door.pids))), RSS_SAMPLE_MS);
  const cpuBeforeUs = cpuUsOf(door.pids);
  try {
    const report = await generator.run(testCase.order(door, seconds));
    const cpuUs = cpuUsOf(door.pids) - cpuBeforeUs;
    return { ...figuresOf(report, cpuUs), rssPeakMb: rssPeakKb / 1024 };
  } finally {
    clearInterval(sampling);
  }
}

function figuresOf(report: Report, cpuUs: number): Measured {
  const { requests, payloadBytes, elapsedMs, timing } = report;
  return {
    cpuUsPerRequest: cpuUs / requests,
    cpuUsPerMiB: cpuUs / (payloadBytes / MIB),
    requestsPerSecond: requests / (elapsedMs / 1_000),
    busyPercent: cpuUs / 10 / elapsedMs,
    generatorCpuPercent: report.cpuPercent,
    ...(timing === undefined ? {} : { p50Ms: timing.p50Ms, p99Ms: timing.p99Ms, p999Ms: timing.p999Ms }),
    ...(timing === undefined ? {} : { generatorLateP99Ms: timing.lateP99Ms }),
  };
}

/**
 * Memory of fresh processes with one idle connection, then after a while of requests on it, then with many; each of those
 * has carried one request. What a connection costs is counted from the second: the first requests make a program compile
 * and touch what it had only loaded, however many connections bring them.
 */
export async function measureIdle(testCase: Case, door: Door, generator: LoadGenerator): Promise<Measured> {
  const order = testCase.order(door, 0);
  if (order.kind !== "idle") throw new Error(`${testCase.name} is no case of idle connections`);
  const rssKbWith = async (connections: number): Promise<number> => {
    await generator.run({ ...order, connections });
    await pause(SETTLE_MS);
    return rssKbOf(door.pids);
  };
  const freshKb = await rssKbWith(1);
  const { port, authority } = order;
  await generator.run({ kind: "closed", shape: "get", connections: 1, seconds: WARM_UP_SECONDS, port, authority });
  const oneKb = await rssKbWith(1);
  const manyKb = await rssKbWith(order.connections);
  await generator.run({ ...order, connections: 0 });
  return {
    rssMb: freshKb / 1024,
    rssMbWarm: oneKb / 1024,
    rssMb1000: manyKb / 1024,
    kbPerConnection: (manyKb - oneKb) / (order.connections - 1),
  };
}

/** Why the figures of a round cannot be trusted, or undefined. Only latencies depend on the generator's own haste. */
export function invalidity(measured: Measured): string | undefined {
  if (measured.p99Ms === undefined) return undefined;
  const { generatorCpuPercent: cpu = 0, generatorLateP99Ms: late = 0 } = measured;
  if (cpu > GENERATOR_CPU_PERCENT_MAX) return `the generator used ${cpu.toFixed(0)} % of a core`;
  if (late > GENERATOR_LATE_P99_MS_MAX) return `the generator was ${late.toFixed(1)} ms late (p99)`;
  return undefined;
}
