import type { Cluster, LoadAssignment } from "./cluster.ts";
import type { Listener } from "./listener.ts";
import type { RouteConfig } from "./route.ts";

/** One consistent set of resources: what one proxy needs to route. Keys are the resources' names. */
export interface Snapshot {
  readonly listeners: ReadonlyMap<string, Listener>;
  readonly routes: ReadonlyMap<string, RouteConfig>;
  readonly clusters: ReadonlyMap<string, Cluster>;
  readonly assignments: ReadonlyMap<string, LoadAssignment>;
}

export const emptySnapshot: Snapshot = {
  listeners: new Map(),
  routes: new Map(),
  clusters: new Map(),
  assignments: new Map(),
};
