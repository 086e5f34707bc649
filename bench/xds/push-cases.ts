/** What one case may tell. CPU is that of all threads of the control plane, the admin call and the build included. */
export type PushFigure =
  | "lastAckMs"
  | "receiptP50Ms"
  | "receiptP99Ms"
  | "cpuMsPerStream"
  | "swarmCpuMsPerStream"
  | "connectSeconds"
  | "idleKbPerStream"
  | "kbPerStream"
  | "restartSeconds";

export interface PushCase {
  readonly streams: number;
  readonly services: number;
}

/** Of each service. */
export const ENDPOINTS = 10;

export const PUSH_CASES: readonly PushCase[] = [
  { streams: 100, services: 20 },
  { streams: 1_000, services: 20 },
  { streams: 4_000, services: 20 },
  { streams: 1_000, services: 1_000 },
];

export function caseName({ streams, services }: PushCase): string {
  return `${streams} streams x ${services} services`;
}

/**
 * CPU per stream and edit that the control plane may take. The call, the commit and the build of an edit are there once
 * however many streams there are, so that fewer streams than these say little.
 */
export const CPU_MS_PER_STREAM_MAX = 0.1;
export const STREAMS_JUDGED_MIN = 1_000;
