import type { Order, Shape, Target } from "../load/order.ts";
import type { Way } from "../peers/peer.ts";

/** What one run of a case may tell. Times in microseconds of CPU, of all processes of the proxy. */
export type Figure =
  | "cpuUsPerRequest"
  | "cpuUsPerMiB"
  | "requestsPerSecond"
  | "busyPercent"
  | "p50Ms"
  | "p99Ms"
  | "p999Ms"
  | "rssMb"
  | "rssPeakMb"
  | "rssMbWarm"
  | "rssMb1000"
  | "kbPerConnection"
  | "generatorCpuPercent"
  | "generatorLateP99Ms";

export interface Case {
  readonly name: string;
  readonly title: string;
  readonly way: Way;
  /** In the table, the first one compared. */
  readonly figures: readonly Figure[];
  readonly order: (target: Target, seconds: number) => Order;
  /** Measured once per peer on fresh processes, before any load. */
  readonly isFresh?: true;
  /** Takes a path, or goes through a process, that no case took before: a compiler must first see some ten thousand requests. */
  readonly warmsUp?: true;
  /** Also through the proxy that writes an access log. */
  readonly isLogged?: true;
}

const CONNECTIONS = 32;
/** Few, so that the memory of big bodies in flight does not drown the caches of a small machine. */
const BIG_CONNECTIONS = 4;
const SLOW_READERS = 8;
const SLOW_BYTES_PER_SECOND = 8 * 1024 * 1024;
export const OPEN_LOOP_PER_SECOND = 5_000;
const OPEN_LOOP_CONNECTIONS = 64;
export const IDLE_CONNECTIONS = 1_000;

const RATES = ["cpuUsPerRequest", "requestsPerSecond", "busyPercent", "generatorCpuPercent", "rssPeakMb"] as const;
const BYTES = ["cpuUsPerMiB", "requestsPerSecond", "busyPercent", "generatorCpuPercent", "rssPeakMb"] as const;

export const CASES: readonly Case[] = [
  {
    name: "idle",
    title: `Memory: fresh, after requests, and with ${IDLE_CONNECTIONS} idle connections`,
    way: "outbound",
    figures: ["rssMb", "rssMbWarm", "rssMb1000", "kbPerConnection"],
    order: (target) => ({ kind: "idle", connections: IDLE_CONNECTIONS, ...target }),
    isFresh: true,
  },
  { ...closed("get", "Small GET, outbound", "outbound", "get"), isLogged: true },
  closed("get-30-fields", "GET with 30 fields, outbound", "outbound", "get-30-fields"),
  closed("post-16k", "POST of 16 KiB, outbound", "outbound", "post-16k"),
  {
    ...closed("chunked-1m", "Chunked 1 MiB both ways, outbound", "outbound", "chunked-1m", BIG_CONNECTIONS),
    figures: BYTES,
  },
  {
    ...closed("chunked-2k", "The same in chunks of 2 KiB, outbound", "outbound", "chunked-2k", BIG_CONNECTIONS),
    figures: BYTES,
  },
  {
    name: "slow-downloads",
    title: `${SLOW_READERS} parallel downloads of 8 MiB at 8 MiB/s, outbound`,
    way: "outbound",
    figures: ["cpuUsPerMiB", "rssPeakMb"],
    order: (target) => ({
      kind: "slow",
      connections: SLOW_READERS,
      bytesPerSecond: SLOW_BYTES_PER_SECOND,
      ...target,
    }),
  },
  closed("get-inbound", "Small GET, inbound", "inbound", "get"),
  closed("get-mesh", "Small GET, mesh hop through two proxies", "mesh", "get"),
  open("latency", `Latency at ${OPEN_LOOP_PER_SECOND} requests/s, outbound`, "outbound"),
  open("latency-mesh", `Latency at ${OPEN_LOOP_PER_SECOND} requests/s, mesh hop`, "mesh"),
];

function closed(name: string, title: string, way: Way, shape: Shape, connections = CONNECTIONS): Case {
  return {
    name,
    title: `${title} (closed loop, ${connections} connections)`,
    way,
    figures: RATES,
    warmsUp: true,
    order: (target, seconds) => ({ kind: "closed", shape, connections, seconds, ...target }),
  };
}

function open(name: string, title: string, way: Way): Case {
  return {
    name,
    title,
    way,
    figures: ["p99Ms", "p50Ms", "p999Ms", "cpuUsPerRequest", "generatorCpuPercent", "generatorLateP99Ms"],
    order: (target, seconds) => ({
      kind: "open",
      shape: "get",
      connections: OPEN_LOOP_CONNECTIONS,
      // A p99.9 wants many samples.
      seconds: 2 * seconds,
      perSecond: OPEN_LOOP_PER_SECOND,
      ...target,
    }),
  };
}
