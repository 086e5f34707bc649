import type { Address } from "../../shared/address.ts";
import { CONNECT_TIMEOUT_MS } from "../../shared/defaults.ts";
import { PROXY_ENDPOINTS_MAX } from "../../shared/limits.ts";
import { LOCAL_APP_CLUSTER, type Cluster, type LoadAssignment } from "../../shared/model/cluster.ts";
import { NO_POLICIES } from "../../shared/model/cluster-policy.ts";
import type { Listener } from "../../shared/model/listener.ts";
import type { RouteConfig } from "../../shared/model/route.ts";
import type { Snapshot } from "../../shared/model/snapshot.ts";
import type { Random } from "../../shared/random.ts";
import { err, ok, type Result } from "../../shared/result.ts";
import { violation, type Violation } from "../../shared/violation.ts";
import { compileRoutes, type RouteTemplate } from "../router/compile-routes.ts";
import {
  checkAssignment,
  checkCluster,
  compileCluster,
  endpointsOf,
  isLive,
  type CompiledCluster,
} from "./compile-cluster.ts";
import type { ClusterStates } from "./cluster-states.ts";
import type { EndpointStates } from "./endpoint-states.ts";
import type { ClusterRuntime, ListenerRuntime, RouteTable, Runtime } from "./runtime.ts";

/** A runtime that may be swapped in, and what its snapshot names without holding it. */
export interface Compilation {
  /** Usable even when something is missing: a missing cluster is 503 NC, missing endpoints 503 UH, missing routes 404 NR. */
  readonly runtime: Runtime;
  /** Nothing is wrong with the snapshot; better wait for these before the swap, or for as long as seems right. */
  readonly missing: readonly Missing[];
}

export interface Missing {
  readonly type: "route" | "cluster" | "assignment";
  readonly name: string;
  /** For people: `listener "outbound"`. */
  readonly neededBy: string;
}

export interface CompileContext {
  readonly endpoints: EndpointStates;
  readonly clusters: ClusterStates;
  readonly cache: CompileCache;
  readonly random: Random;
  /** The revision the snapshot stands for. */
  readonly revision: number;
  /** Where the app beside the proxy listens; undefined when there is none. Becomes the cluster `local-app`. */
  readonly localApp: Address | undefined;
}

/**
 * What the last compilation made of each resource, so that the next one redoes only what changed. Resources are compared by
 * identity: whoever builds snapshots keeps the object of a resource whose content did not change.
 */
export class CompileCache {
  readonly templates = new WeakMap<RouteConfig, RouteTemplate>();
  clusters: ReadonlyMap<string, CompiledCluster> = new Map();
  localApp: Cluster | undefined = undefined;
}

/**
 * Snapshot in, runtime out; or everything that is wrong with it, each path beginning with the resource
 * (`RouteConfiguration[web].virtual_hosts[0].domains[1]`), for the NACK. Does not touch the runtime in use: it only makes
 * new endpoints known to `context.endpoints`.
 */
export function compile(snapshot: Snapshot, context: CompileContext): Result<Compilation, readonly Violation[]> {
  const violations: Violation[] = [];
  const templates = compileTemplates(snapshot, context.cache, violations);
  const all = withLocalApp(snapshot.clusters, context);
  const stale = [...all.values()].filter((cluster) => !isCurrent(cluster, snapshot, context.cache));
  violations.push(...checkClusters(stale, snapshot), ...checkEndpointCount(all, snapshot));
  if (violations.length > 0) return err(violations);

  const compiled = compileClusters(all, snapshot, context);
  const clusters = new Map<string, ClusterRuntime>();
  for (const [name, { runtime }] of compiled) clusters.set(name, runtime);
  context.cache.clusters = compiled;
  const listeners = bindListeners(snapshot.listeners, templates, clusters);
  const missing = [
    ...missingAssignments(all, snapshot),
    ...missingForListeners(snapshot.listeners, templates, clusters),
  ];
  const rateLimits = [...snapshot.listeners.values()].flatMap((one) => templateOf(one, templates)?.rateLimits ?? []);
  return ok({ runtime: { revision: context.revision, listeners, clusters, rateLimits }, missing });
}

interface Templates {
  /** By the name of the route configuration. */
  readonly named: ReadonlyMap<string, RouteTemplate>;
  /** By the name of the listener that holds its routes itself. */
  readonly inline: ReadonlyMap<string, RouteTemplate>;
}

function compileTemplates(snapshot: Snapshot, cache: CompileCache, violations: Violation[]): Templates {
  const named = new Map<string, RouteTemplate>();
  const inline = new Map<string, RouteTemplate>();
  for (const [name, config] of snapshot.routes) {
    const template = compileTemplate(config, cache, `RouteConfiguration[${name}]`, violations);
    if (template !== undefined) named.set(name, template);
  }
  for (const [name, { routes }] of snapshot.listeners) {
    if (routes.kind !== "inline") continue;
    const template = compileTemplate(routes.config, cache, `Listener[${name}].route_config`, violations);
    if (template !== undefined) inline.set(name, template);
  }
  return { named, inline };
}

function compileTemplate(
  config: RouteConfig,
  cache: CompileCache,
  path: string,
  violations: Violation[],
): RouteTemplate | undefined {
  const known = cache.templates.get(config);
  if (known !== undefined) return known;
  const result = compileRoutes(config);
  if (result.ok) cache.templates.set(config, result.value);
  else violations.push(...below(path, result.error));
  return result.ok ? result.value : undefined;
}

/** The proxy's own knowledge of its app wins: what a control plane could say about it would be another machine's. */
function withLocalApp(clusters: ReadonlyMap<string, Cluster>, context: CompileContext): ReadonlyMap<string, Cluster> {
  if (context.localApp === undefined && clusters.has(LOCAL_APP_CLUSTER)) return clusters;
  context.cache.localApp ??= localAppCluster(context.localApp);
  return new Map(clusters).set(LOCAL_APP_CLUSTER, context.cache.localApp);
}

function localAppCluster(address: Address | undefined): Cluster {
  const endpoints =
    address === undefined ? [] : [{ address, weight: 1, health: "healthy" as const, version: "", priority: 0 }];
  return {
    name: LOCAL_APP_CLUSTER,
    discovery: { kind: "static", endpoints },
    connectTimeoutMs: CONNECT_TIMEOUT_MS,
    lb: { kind: "round-robin" },
    panicThresholdPercent: 0,
    policies: NO_POLICIES,
    service: LOCAL_APP_CLUSTER,
    version: "",
  };
}

function assignmentOf(cluster: Cluster, snapshot: Snapshot): LoadAssignment | undefined {
  return cluster.discovery.kind === "eds" ? snapshot.assignments.get(cluster.discovery.assignmentName) : undefined;
}

/** Whether the last compilation's result still holds for this cluster. */
function isCurrent(cluster: Cluster, snapshot: Snapshot, cache: CompileCache): boolean {
  const before = cache.clusters.get(cluster.name);
  if (before === undefined || before.cluster !== cluster) return false;
  return before.assignment === assignmentOf(cluster, snapshot) && isLive(before);
}

function compileClusters(
  all: ReadonlyMap<string, Cluster>,
  snapshot: Snapshot,
  context: CompileContext,
): ReadonlyMap<string, CompiledCluster> {
  const compiled = new Map<string, CompiledCluster>();
  for (const [name, cluster] of all) {
    const before = context.cache.clusters.get(name);
    const keeps = before !== undefined && isCurrent(cluster, snapshot, context.cache);
    compiled.set(name, keeps ? before : compileCluster(cluster, assignmentOf(cluster, snapshot), before, context));
  }
  return compiled;
}

/** Only what changed is checked: the rest passed when it was compiled. */
function checkClusters(clusters: readonly Cluster[], snapshot: Snapshot): Violation[] {
  const checked = new Set<LoadAssignment>();
  return clusters.flatMap((cluster) => {
    const own = below(`Cluster[${cluster.name}]`, checkCluster(cluster));
    const assignment = assignmentOf(cluster, snapshot);
    if (assignment === undefined || checked.has(assignment)) return own;
    checked.add(assignment);
    return [...own, ...below(`ClusterLoadAssignment[${assignment.name}]`, checkAssignment(assignment))];
  });
}

/** Counts an address once for each cluster that names it: an upper bound that costs nothing. */
function checkEndpointCount(clusters: ReadonlyMap<string, Cluster>, snapshot: Snapshot): Violation[] {
  let count = 0;
  for (const cluster of clusters.values()) count += endpointsOf(cluster, assignmentOf(cluster, snapshot)).length;
  if (count <= PROXY_ENDPOINTS_MAX) return [];
  return [violation("", `the clusters have ${count} endpoints, a proxy takes at most ${PROXY_ENDPOINTS_MAX}`)];
}

function below(path: string, violations: readonly Violation[]): Violation[] {
  return violations.map((one) => violation(one.path === "" ? path : `${path}.${one.path}`, one.message));
}

/** Stands in for routes that have not come yet. */
const noRoutes: RouteTable = { match: () => undefined, knowsHost: () => false };

function bindListeners(
  listeners: ReadonlyMap<string, Listener>,
  templates: Templates,
  clusters: ReadonlyMap<string, ClusterRuntime>,
): ReadonlyMap<string, ListenerRuntime> {
  const bound = new Map<string, ListenerRuntime>();
  for (const [key, listener] of listeners) {
    const { name, direction, bind, statPrefix } = listener;
    const routes = templateOf(listener, templates)?.bind(clusters) ?? noRoutes;
    bound.set(key, { name, direction, bind, statPrefix, routes });
  }
  return bound;
}

function templateOf({ name, routes }: Listener, templates: Templates): RouteTemplate | undefined {
  return routes.kind === "inline" ? templates.inline.get(name) : templates.named.get(routes.routeConfigName);
}

function missingAssignments(clusters: ReadonlyMap<string, Cluster>, snapshot: Snapshot): Missing[] {
  const missing: Missing[] = [];
  for (const { name, discovery } of clusters.values()) {
    if (discovery.kind !== "eds" || snapshot.assignments.has(discovery.assignmentName)) continue;
    missing.push({ type: "assignment", name: discovery.assignmentName, neededBy: `cluster "${name}"` });
  }
  return missing;
}

function missingForListeners(
  listeners: ReadonlyMap<string, Listener>,
  templates: Templates,
  clusters: ReadonlyMap<string, ClusterRuntime>,
): Missing[] {
  const missing = new Map<string, Missing>();
  for (const listener of listeners.values()) {
    const template = templateOf(listener, templates);
    const neededBy = `listener "${listener.name}"`;
    if (template === undefined && listener.routes.kind === "rds") {
      const name = listener.routes.routeConfigName;
      missing.set(`route ${name}`, { type: "route", name, neededBy });
    }
    for (const name of template?.clusterNames() ?? []) {
      if (!clusters.has(name))
        missing.set(`cluster ${name}`, { type: "cluster", name, neededBy: `a route of ${neededBy}` });
    }
  }
  return [...missing.values()];
}
