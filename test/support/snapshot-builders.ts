import { CompileCache, compile, type Compilation, type CompileContext } from "../../data-plane/runtime/compile.ts";
import { ClusterStates } from "../../data-plane/runtime/cluster-states.ts";
import { EndpointStates } from "../../data-plane/runtime/endpoint-states.ts";
import type { ClusterRuntime, Runtime } from "../../data-plane/runtime/runtime.ts";
import { parseAddress } from "../../shared/address.ts";
import type { Cluster, Endpoint, LoadAssignment } from "../../shared/model/cluster.ts";
import { NO_POLICIES } from "../../shared/model/cluster-policy.ts";
import type { Listener } from "../../shared/model/listener.ts";
import type { RouteConfig } from "../../shared/model/route.ts";
import type { Snapshot } from "../../shared/model/snapshot.ts";
import { seededRandom } from "../../shared/random.ts";
import { describeViolations } from "../../shared/violation.ts";

/** `"10.0.0.1:80"`, healthy, of weight 1, unless told otherwise. */
export function endpoint(text: string, parts: Partial<Endpoint> = {}): Endpoint {
  const address = parseAddress(text);
  if (!address.ok) throw new Error(address.error);
  return { address: address.value, weight: 1, health: "healthy", version: "", priority: 0, ...parts };
}

export function edsCluster(name: string, parts: Partial<Cluster> = {}): Cluster {
  return {
    name,
    discovery: { kind: "eds", assignmentName: name },
    connectTimeoutMs: 1_000,
    lb: { kind: "round-robin" },
    panicThresholdPercent: 50,
    policies: NO_POLICIES,
    service: name,
    version: "",
    ...parts,
  };
}

export function assignment(name: string, addresses: readonly string[]): LoadAssignment {
  return { name, endpoints: addresses.map((text) => endpoint(text)) };
}

export function outbound(routeConfigName: string): Listener {
  const routes = { kind: "rds", routeConfigName } as const;
  return {
    name: "outbound",
    direction: "outbound",
    bind: { host: "127.0.0.1", port: 15_001 },
    routes,
    statPrefix: "outbound",
  };
}

export interface SnapshotParts {
  readonly listeners?: readonly Listener[];
  readonly routes?: readonly RouteConfig[];
  readonly clusters?: readonly Cluster[];
  readonly assignments?: readonly LoadAssignment[];
}

export function snapshotOf(parts: SnapshotParts): Snapshot {
  const byName = <T extends { readonly name: string }>(list: readonly T[] = []): ReadonlyMap<string, T> =>
    new Map(list.map((one) => [one.name, one]));
  return {
    listeners: byName(parts.listeners),
    routes: byName(parts.routes),
    clusters: byName(parts.clusters),
    assignments: byName(parts.assignments),
  };
}

export function compileContext(parts: Partial<CompileContext> = {}): CompileContext {
  return {
    endpoints: new EndpointStates(),
    clusters: new ClusterStates(),
    cache: new CompileCache(),
    random: seededRandom(1),
    revision: 1,
    localApp: undefined,
    ...parts,
  };
}

/** Compiles; a snapshot that is refused fails the test. */
export function compiled(snapshot: Snapshot, context: CompileContext): Compilation {
  const result = compile(snapshot, context);
  if (!result.ok) throw new Error(describeViolations(result.error));
  return result.value;
}

export function clusterOf(runtime: Runtime, name: string): ClusterRuntime {
  const cluster = runtime.clusters.get(name);
  if (cluster === undefined) throw new Error(`no cluster ${name}`);
  return cluster;
}
