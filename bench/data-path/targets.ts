import { medianOf, pairedRatio } from "../figures/spread.ts";
import type { Result } from "../figures/result.ts";
import { verdictOf, type TargetReached } from "../figures/target-table.ts";
import type { Figure } from "./cases.ts";

/** A number that the proxy must reach, as a quotient with a peer of the same run or on its own. */
interface Target {
  readonly title: string;
  readonly case: string;
  readonly figure: Figure;
  readonly max: number;
  /** The peer measured; default heddle. */
  readonly peer?: string;
  /** Undefined: the figure itself is compared. */
  readonly beside?: string;
  readonly unit?: string;
}

const CPU = "cpuUsPerRequest";

const TARGETS: readonly Target[] = [
  { title: "small GET, CPU of Envoy's", case: "get", figure: CPU, beside: "envoy", max: 0.6 },
  { title: "small GET, CPU of HAProxy's", case: "get", figure: CPU, beside: "haproxy", max: 1.8 },
  { title: "small GET, CPU of node:http's", case: "get", figure: CPU, beside: "node-http", max: 0.45 },
  { title: "mesh hop, CPU of two Envoys'", case: "get-mesh", figure: CPU, beside: "envoy", max: 0.6 },
  { title: "POST 16 KiB, CPU of Envoy's", case: "post-16k", figure: CPU, beside: "envoy", max: 1.2 },
  { title: "chunked 1 MiB, CPU of Envoy's", case: "chunked-1m", figure: "cpuUsPerMiB", beside: "envoy", max: 1.2 },
  { title: "p99 at a fixed rate, of Envoy's", case: "latency", figure: "p99Ms", beside: "envoy", max: 1 },
  { title: "JSON access log on, of it off", case: "get", figure: CPU, peer: "heddle-log", beside: "heddle", max: 1.15 },
  { title: "memory when idle", case: "idle", figure: "rssMb", max: 90, unit: "MB" },
  { title: "memory per idle connection", case: "idle", figure: "kbPerConnection", max: 20, unit: "KB" },
];

/** Those targets whose case and peers were in the run. */
export function judgeTargets(rows: Result["rows"]): readonly TargetReached[] {
  const rounds = (peer: string, target: Target): readonly number[] | undefined =>
    rows.find((row) => row.case === target.case && row.peer === peer)?.figures[target.figure];
  return TARGETS.flatMap((target) => {
    const { title, max, peer = "heddle", beside, unit = "x" } = target;
    const own = rounds(peer, target);
    const theirs = beside === undefined ? [] : rounds(beside, target);
    if (own === undefined || theirs === undefined) return [];
    const value = beside === undefined ? medianOf(own) : pairedRatio(own, theirs);
    return [{ title, value, max, unit, verdict: verdictOf(value, max) }];
  });
}
