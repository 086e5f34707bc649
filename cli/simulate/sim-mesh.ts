import { compileCluster } from "../../data-plane/runtime/compile-cluster.ts";
import { ClusterStates } from "../../data-plane/runtime/cluster-states.ts";
import { EndpointStates } from "../../data-plane/runtime/endpoint-states.ts";
import { HealthChecker } from "../../data-plane/upstream/health-checker.ts";
import { EndpointWatch } from "../../data-plane/upstream/endpoint-watch.ts";
import type { Cluster } from "../../shared/model/cluster.ts";
import type { PolicySet } from "./policy-sets.ts";
import { SimCaller } from "./sim-caller.ts";
import { Replica, type ServiceShape } from "./sim-service.ts";
import type { SimWorld } from "./sim-world.ts";

/** A chain of services: each replica of one calls the next through a proxy of its own; the client calls the first. */
export interface SimMesh {
  readonly client: SimCaller;
  /** All proxies, the client's first. */
  readonly callers: readonly SimCaller[];
  readonly watches: readonly EndpointWatch[];
  /** Of each service, in the order of the chain. */
  readonly replicas: readonly (readonly Replica[])[];
}

const SILENT = { info: () => {}, warn: () => {} };
const PORT = 80;

/** `services` in the order in which they call each other, one at least. */
export function buildMesh(world: SimWorld, services: readonly ServiceShape[], set: PolicySet): SimMesh {
  const callers: SimCaller[] = [];
  const watches: EndpointWatch[] = [];
  const layers: (readonly Replica[])[] = [];
  const callerOf = (shape: ServiceShape, replicas: readonly Replica[]): SimCaller => {
    const context = { endpoints: new EndpointStates(), clusters: new ClusterStates(), random: world.random };
    const { runtime } = compileCluster(clusterOf(shape, set), undefined, undefined, context);
    const { wheel, random } = world;
    const checker = new HealthChecker(wheel, random);
    const watch = new EndpointWatch(runtime, { wheel, clock: world, random, checker, log: SILENT, news: undefined });
    runtime.state.results = watch;
    watches.push(watch);
    const byKey = new Map(
      runtime.endpoints.flatMap(({ key }, index) => replicas.slice(index, index + 1).map((replica) => [key, replica])),
    );
    const caller = new SimCaller(world, runtime, set.rules, byKey);
    callers.push(caller);
    return caller;
  };
  let below: { readonly shape: ServiceShape; readonly replicas: readonly Replica[] } | undefined = undefined;
  for (const shape of services.toReversed()) {
    const next: typeof below = below;
    const replicas: readonly Replica[] = Array.from({ length: shape.replicas }, (_, number) => {
      return new Replica(world, shape, number, next === undefined ? undefined : callerOf(next.shape, next.replicas));
    });
    layers.unshift(replicas);
    below = { shape, replicas };
  }
  if (below === undefined) throw new Error("a mesh has at least one service");
  const client = callerOf(below.shape, below.replicas);
  return { client, callers: [client, ...callers.slice(0, -1)], watches, replicas: layers };
}

function clusterOf({ name, replicas }: ServiceShape, { policies }: PolicySet): Cluster {
  const endpoints = Array.from({ length: replicas }, (_, number) => ({
    address: { host: `10.0.0.${number + 1}`, port: PORT },
    weight: 1,
    health: "healthy" as const,
    version: "",
    priority: 0,
  }));
  return {
    name,
    discovery: { kind: "static", endpoints },
    connectTimeoutMs: 1_000,
    lb: { kind: "round-robin" },
    panicThresholdPercent: 50,
    policies,
    service: name,
    version: "",
  };
}
