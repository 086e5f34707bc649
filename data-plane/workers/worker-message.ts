import type { MessagePort } from "node:worker_threads";

import type { Address } from "../../shared/address.ts";
import type { Snapshot } from "../../shared/model/snapshot.ts";
import type { ProxyConfig } from "../config.ts";
import type { ListenerSpec, Side } from "../listener/listener-set.ts";
import { changesOf, withChanges, type MapChanges } from "./map-changes.ts";
import type { News } from "./worker-news.ts";
import type { Tally } from "./tally.ts";

/** What a thread is started with. */
export interface WorkerStart {
  readonly config: ProxyConfig;
  /** 1 for the first thread: worker 0 is the process's main thread. */
  readonly worker: number;
  /** Of the shared counts, and of the calls that the app makes. */
  readonly memory: SharedArrayBuffer;
  readonly callMemory: SharedArrayBuffer;
  readonly rows: ReadonlyMap<string, number>;
  /** Where the workers exchange news. */
  readonly meeting: string;
  /** Where its access log goes; undefined when it is off. */
  readonly lines: MessagePort | undefined;
}

/** What the main thread asks of another one. Each is done and answered in the order it came. */
export type WorkerTask =
  | { readonly kind: "swap"; readonly changes: SnapshotChanges; readonly rows: MapChanges<number> }
  | {
      readonly kind: "open";
      readonly spec: ListenerSpec;
      readonly address: Address;
      readonly flag: string;
      readonly rows: MapChanges<number>;
    }
  /** What the others have learnt, for a worker that has just begun. */
  | { readonly kind: "news"; readonly news: News }
  /** How the stream to the control plane stands: health checks depend on it. */
  | { readonly kind: "control-plane"; readonly isConnected: boolean }
  /** From then on it tells its load by itself. */
  | { readonly kind: "drain"; readonly side: Side }
  | { readonly kind: "tally" }
  /** Only to be answered. */
  | { readonly kind: "ping" }
  /** Requests in flight are given up. */
  | { readonly kind: "stop" };

export interface WorkerOrder {
  readonly id: number;
  readonly task: WorkerTask;
}

export type WorkerWord =
  | { readonly kind: "done"; readonly id: number; readonly tally: Tally | undefined }
  /** A port that could not be opened, in words for the operator. */
  | { readonly kind: "refused"; readonly id: number; readonly reason: string }
  | { readonly kind: "load"; readonly load: WorkerLoad };

/** What a drain waits for. */
export type WorkerLoad = Readonly<
  Record<"inbound" | "outbound", { readonly inFlight: number; readonly connections: number }>
>;

/** What differs between two snapshots: a push that changes one service of a thousand sends one to each thread. */
export interface SnapshotChanges {
  readonly revision: number;
  readonly listeners: MapChanges<ValueOf<Snapshot["listeners"]>>;
  readonly routes: MapChanges<ValueOf<Snapshot["routes"]>>;
  readonly clusters: MapChanges<ValueOf<Snapshot["clusters"]>>;
  readonly assignments: MapChanges<ValueOf<Snapshot["assignments"]>>;
}

type ValueOf<M> = M extends ReadonlyMap<string, infer V> ? V : never;

export function snapshotChanges(before: Snapshot, after: Snapshot, revision: number): SnapshotChanges {
  return {
    revision,
    listeners: changesOf(before.listeners, after.listeners),
    routes: changesOf(before.routes, after.routes),
    clusters: changesOf(before.clusters, after.clusters),
    assignments: changesOf(before.assignments, after.assignments),
  };
}

export function snapshotAfter(before: Snapshot, changes: SnapshotChanges): Snapshot {
  return {
    listeners: withChanges(before.listeners, changes.listeners),
    routes: withChanges(before.routes, changes.routes),
    clusters: withChanges(before.clusters, changes.clusters),
    assignments: withChanges(before.assignments, changes.assignments),
  };
}
