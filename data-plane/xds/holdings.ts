import { unreachable } from "../../shared/assert.ts";
import type { Cluster, LoadAssignment } from "../../shared/model/cluster.ts";
import type { Listener } from "../../shared/model/listener.ts";
import type { RouteConfig } from "../../shared/model/route.ts";
import type { Snapshot } from "../../shared/model/snapshot.ts";
import { err, ok, type Result } from "../../shared/result.ts";
import { violation, type Violation } from "../../shared/violation.ts";
import type { Decode, RawResource, ResourceDecoder, ResourceType } from "./discovery-message.ts";

/** A resource and the bytes it came as. Equal bytes keep the same object, so that later steps can compare identities. */
export interface Held<T> {
  readonly bytes: Uint8Array;
  readonly model: T;
}

/** Everything accepted from the stream, by type and name. Replaced, never changed. */
export interface Holdings {
  readonly clusters: ReadonlyMap<string, Held<Cluster>>;
  readonly endpoints: ReadonlyMap<string, Held<LoadAssignment>>;
  readonly listeners: ReadonlyMap<string, Held<Listener>>;
  readonly routes: ReadonlyMap<string, Held<RouteConfig>>;
}

export const noHoldings: Holdings = {
  clusters: new Map(),
  endpoints: new Map(),
  listeners: new Map(),
  routes: new Map(),
};

/**
 * The holdings after a response, or every reason why it is refused; `before` stays as it is. Clusters and listeners come
 * as full state: what is not in the response is gone. Assignments and route tables come in part: absence means nothing,
 * they go when nothing refers to them any more (xds.md 1.5).
 */
export function stage(
  before: Holdings,
  type: ResourceType,
  resources: readonly RawResource[],
  decoder: ResourceDecoder,
): Result<Holdings, readonly Violation[]> {
  switch (type) {
    case "clusters": {
      const clusters = decodeAll(type, resources, before.clusters, decoder.cluster);
      if (!clusters.ok) return clusters;
      const wanted = assignmentNames(clusters.value);
      return ok({ ...before, clusters: clusters.value, endpoints: keepOnly(before.endpoints, wanted) });
    }
    case "listeners": {
      const listeners = decodeAll(type, resources, before.listeners, decoder.listener);
      if (!listeners.ok) return listeners;
      const wanted = routeConfigNames(listeners.value);
      return ok({ ...before, listeners: listeners.value, routes: keepOnly(before.routes, wanted) });
    }
    case "endpoints": {
      const changed = decodeAll(type, resources, before.endpoints, decoder.loadAssignment);
      if (!changed.ok) return changed;
      return ok({ ...before, endpoints: merge(before.endpoints, changed.value, assignmentNames(before.clusters)) });
    }
    case "routes": {
      const changed = decodeAll(type, resources, before.routes, decoder.routeConfig);
      if (!changed.ok) return changed;
      return ok({ ...before, routes: merge(before.routes, changed.value, routeConfigNames(before.listeners)) });
    }
    default:
      return unreachable(type);
  }
}

/** Names to subscribe to for endpoints: those of the clusters that want them. Sorted. */
export const assignmentNames = oncePerMap((clusters: ReadonlyMap<string, Held<Cluster>>): readonly string[] => {
  const names = new Set<string>();
  for (const { model } of clusters.values()) {
    if (model.discovery.kind === "eds") names.add(model.discovery.assignmentName);
  }
  return [...names].toSorted();
});

/** Names to subscribe to for route tables: those of the listeners that want them. Sorted. */
export const routeConfigNames = oncePerMap((listeners: ReadonlyMap<string, Held<Listener>>): readonly string[] => {
  const names = new Set<string>();
  for (const { model } of listeners.values()) {
    if (model.routes.kind === "rds") names.add(model.routes.routeConfigName);
  }
  return [...names].toSorted();
});

/** Every cluster that a route sends to. */
export function* routedClusters({ listeners, routes }: Holdings): Generator<string> {
  yield* clustersOfTables(routes);
  yield* clustersOfListeners(listeners);
}

const clustersOfTables = oncePerMap((routes: ReadonlyMap<string, Held<RouteConfig>>): ReadonlySet<string> => {
  const names = new Set<string>();
  for (const { model } of routes.values()) addClusters(model, names);
  return names;
});

const clustersOfListeners = oncePerMap((listeners: ReadonlyMap<string, Held<Listener>>): ReadonlySet<string> => {
  const names = new Set<string>();
  for (const { model } of listeners.values())
    if (model.routes.kind === "inline") addClusters(model.routes.config, names);
  return names;
});

function addClusters(config: RouteConfig, names: Set<string>): void {
  for (const host of config.virtualHosts) {
    for (const { action } of host.routes) {
      if (action.kind === "forward") for (const { cluster } of action.clusters) names.add(cluster);
    }
  }
}

/** The holdings in model form; what is named and not there stands in as empty: no endpoints, no virtual hosts. */
export function toSnapshot(holdings: Holdings): Snapshot {
  const noEndpoints = (name: string): LoadAssignment => ({ name, endpoints: [] });
  const noRoutes = (name: string): RouteConfig => ({ name, virtualHosts: [], ignorePortInHost: false });
  return {
    clusters: models(holdings.clusters),
    assignments: withAll(models(holdings.endpoints), assignmentNames(holdings.clusters), noEndpoints),
    listeners: models(holdings.listeners),
    routes: withAll(models(holdings.routes), routeConfigNames(holdings.listeners), noRoutes),
  };
}

function decodeAll<T extends { readonly name: string }>(
  type: ResourceType,
  resources: readonly RawResource[],
  before: ReadonlyMap<string, Held<T>>,
  decode: Decode<T>,
): Result<Map<string, Held<T>>, readonly Violation[]> {
  const violations: Violation[] = [];
  const known = new Map<string, Held<T>>();
  // A response with little in it is decoded sooner than everything held is indexed.
  if (resources.length > before.size / 8) for (const held of before.values()) known.set(contentKey(held.bytes), held);
  const decoded = new Map<string, Held<T>>();
  for (const [index, resource] of resources.entries()) {
    const path = `${type}[${index}]`;
    if (resource.type !== type) {
      violations.push(violation(path, `is not of the response's type`));
      continue;
    }
    const held = known.get(contentKey(resource.bytes)) ?? decodeOne(path, resource.bytes, decode, violations);
    if (held === undefined) continue;
    if (decoded.has(held.model.name)) violations.push(violation(path, `the name "${held.model.name}" stands twice`));
    decoded.set(held.model.name, held);
  }
  return violations.length === 0 ? ok(decoded) : err(violations);
}

function decodeOne<T>(
  path: string,
  bytes: Uint8Array,
  decode: Decode<T>,
  violations: Violation[],
): Held<T> | undefined {
  const model = decode(bytes);
  if (model.ok) return { bytes, model: model.value };
  for (const { path: inner, message } of model.error) {
    violations.push(violation(inner === "" ? path : `${path}.${inner}`, message));
  }
  return undefined;
}

/** The bytes as a map key: one character per byte, so that equal content is found without decoding it. */
function contentKey(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
}

function models<T>(held: ReadonlyMap<string, Held<T>>): ReadonlyMap<string, T> {
  const result = new Map<string, T>();
  for (const [name, { model }] of held) result.set(name, model);
  return result;
}

function withAll<T>(
  present: ReadonlyMap<string, T>,
  names: readonly string[],
  make: (name: string) => T,
): ReadonlyMap<string, T> {
  const lacking = names.filter((name) => !present.has(name));
  if (lacking.length === 0) return present;
  return new Map([...present, ...lacking.map((name) => [name, make(name)] as const)]);
}

/**
 * Holdings are replaced and never changed, and a response replaces one or two of their maps: what was made of the others
 * still holds. With 1,000 services and a change of one assignment that is most of the work.
 */
function oncePerMap<K, V extends object>(
  make: (held: ReadonlyMap<string, Held<K>>) => V,
): (held: ReadonlyMap<string, Held<K>>) => V {
  const made = new WeakMap<ReadonlyMap<string, Held<K>>, V>();
  return (held) => {
    const known = made.get(held);
    if (known !== undefined) return known;
    const value = make(held);
    made.set(held, value);
    return value;
  };
}

/** Unrequested resources are ignored, as Envoy and gRPC do. */
function merge<T>(
  before: ReadonlyMap<string, Held<T>>,
  changed: ReadonlyMap<string, Held<T>>,
  wanted: readonly string[],
): ReadonlyMap<string, Held<T>> {
  const merged = new Map(before);
  for (const name of wanted) {
    const held = changed.get(name);
    if (held !== undefined) merged.set(name, held);
  }
  return merged;
}

function keepOnly<T>(held: ReadonlyMap<string, Held<T>>, wanted: readonly string[]): ReadonlyMap<string, Held<T>> {
  const kept = new Map<string, Held<T>>();
  for (const name of wanted) {
    const one = held.get(name);
    if (one !== undefined) kept.set(name, one);
  }
  return kept;
}
