import type { Snapshot } from "../../shared/model/snapshot.ts";
import { buildMembers, type Members } from "./clusters.ts";
import { buildListeners } from "./listeners.ts";
import type { MemberRows, Mesh, RoutingRows } from "./mesh.ts";
import type { NodeClass } from "./node-class.ts";
import { buildRoutes } from "./routes.ts";

/**
 * What a node of this class shall hold. Pure. The maps keep their identity as long as what they are made from does
 * (see Mesh), and nodes of different classes share those maps that do not differ between them.
 */
export function buildSnapshot(mesh: Mesh, nodeClass: NodeClass): Snapshot {
  const flavour = nodeClass.kind === "grpc" ? "grpc" : "proxy";
  const members = remember(membersCache, mesh.members, flavour, () => buildMembers(mesh.members, nodeClass.kind));
  const routes = remember(routesCache, mesh.routing, `${flavour}\n${nodeClass.source}`, () =>
    buildRoutes(mesh.routing, nodeClass),
  );
  // Only gRPC clients have a listener per service; an Envoy's one is made anew, which costs less than to remember.
  const listeners =
    flavour === "proxy"
      ? buildListeners(nodeClass, mesh)
      : remember(listenersCache, mesh.routing, flavour, () => buildListeners(nodeClass, mesh));
  return { listeners, routes, clusters: members.clusters, assignments: members.assignments };
}

const membersCache = new WeakMap<ReadonlyMap<string, MemberRows>, Map<string, Members>>();
const routesCache = new WeakMap<ReadonlyMap<string, RoutingRows>, Map<string, Snapshot["routes"]>>();
const listenersCache = new WeakMap<ReadonlyMap<string, RoutingRows>, Map<string, Snapshot["listeners"]>>();

function remember<K extends object, V>(cache: WeakMap<K, Map<string, V>>, from: K, key: string, make: () => V): V {
  const made = cache.get(from) ?? new Map<string, V>();
  cache.set(from, made);
  const known = made.get(key);
  if (known !== undefined) return known;
  const value = make();
  made.set(key, value);
  return value;
}
