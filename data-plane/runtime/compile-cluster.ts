import { formatAddress } from "../../shared/address.ts";
import { MAGLEV_TABLE_SIZE_MAX, WEIGHT_SUM_MAX } from "../../shared/limits.ts";
import type { Cluster, Endpoint, LbPolicy, LoadAssignment } from "../../shared/model/cluster.ts";
import type { Random } from "../../shared/random.ts";
import { violation, type Violation } from "../../shared/violation.ts";
import type { Member } from "../balancer/eligible.ts";
import { EndpointChoice, PLAIN } from "../balancer/endpoint-choice.ts";
import type { ClusterStates } from "./cluster-states.ts";
import type { EndpointStates } from "./endpoint-states.ts";
import type { ClusterRuntime } from "./runtime.ts";

/** A compiled cluster and the resources it came from: as long as they are the same objects, it is kept. */
export interface CompiledCluster {
  readonly cluster: Cluster;
  /** Undefined for a cluster that brings its own endpoints, or that still waits for its assignment. */
  readonly assignment: LoadAssignment | undefined;
  readonly runtime: ClusterRuntime;
}

export interface ClusterContext {
  readonly endpoints: EndpointStates;
  readonly clusters: ClusterStates;
  readonly random: Random;
}

/** `cluster` and `assignment` have passed their checks. `before` is what this cluster was compiled to last time. */
export function compileCluster(
  cluster: Cluster,
  assignment: LoadAssignment | undefined,
  before: CompiledCluster | undefined,
  context: ClusterContext,
): CompiledCluster {
  const members = membersOf(endpointsOf(cluster, assignment), context.endpoints);
  const { lb, panicThresholdPercent } = cluster;
  const handover = before?.runtime.choice.handOver();
  const runtime: ClusterRuntime = {
    name: cluster.name,
    service: cluster.service,
    version: cluster.version,
    isOutside: false,
    connectTimeoutMs: cluster.connectTimeoutMs,
    lb,
    policies: cluster.policies,
    state: context.clusters.obtain(cluster.name, cluster.service),
    endpoints: members.map(({ state }) => state),
    choice: new EndpointChoice({ lb, panicThresholdPercent, members }, PLAIN, handover, context.random),
  };
  return { cluster, assignment, runtime };
}

/** Whether every endpoint is still known under its address. A retired one may have come back as another state. */
export function isLive(compiled: CompiledCluster): boolean {
  return !compiled.runtime.endpoints.some((state) => state.isRetired);
}

export function endpointsOf(cluster: Cluster, assignment: LoadAssignment | undefined): readonly Endpoint[] {
  return cluster.discovery.kind === "eds" ? (assignment?.endpoints ?? []) : cluster.discovery.endpoints;
}

/** An address that stands twice counts once, with its first entry, as in Envoy. */
function membersOf(endpoints: readonly Endpoint[], states: EndpointStates): Member[] {
  const seen = new Set<string>();
  const members: Member[] = [];
  for (const { address, weight, health, priority } of endpoints) {
    const state = states.obtain(address);
    if (seen.has(state.key)) continue;
    seen.add(state.key);
    members.push({ state, weight, health, priority });
  }
  return members;
}

/** Everything that is wrong with a cluster, with paths as in Envoy's Cluster. */
export function checkCluster(cluster: Cluster): readonly Violation[] {
  const violations = checkPolicy(cluster.lb);
  if (!(cluster.connectTimeoutMs > 0)) {
    violations.push(violation("connect_timeout", `${cluster.connectTimeoutMs} ms is not above 0`));
  }
  if (!(cluster.panicThresholdPercent >= 0 && cluster.panicThresholdPercent <= 100)) {
    violations.push(
      violation("common_lb_config.healthy_panic_threshold", `${cluster.panicThresholdPercent} is not in 0-100`),
    );
  }
  if (cluster.discovery.kind !== "eds") {
    violations.push(...checkEndpoints(cluster.discovery.endpoints, "load_assignment.lb_endpoints"));
  }
  return violations;
}

/** Everything that is wrong with an assignment. Endpoints are numbered across localities. */
export function checkAssignment(assignment: LoadAssignment): readonly Violation[] {
  return checkEndpoints(assignment.endpoints, "lb_endpoints");
}

function checkPolicy(lb: LbPolicy): Violation[] {
  if (lb.kind === "least-request" && !(Number.isInteger(lb.choices) && lb.choices >= 2)) {
    return [violation("least_request_lb_config.choice_count", `${lb.choices} is not a whole number of 2 or more`)];
  }
  if (lb.kind === "ring-hash" && !(lb.ringSizeMin >= 1 && lb.ringSizeMin <= lb.ringSizeMax)) {
    const message = `${lb.ringSizeMin} must be at least 1 and at most maximum_ring_size (${lb.ringSizeMax})`;
    return [violation("ring_hash_lb_config.minimum_ring_size", message)];
  }
  if (lb.kind === "maglev" && !(lb.tableSize <= MAGLEV_TABLE_SIZE_MAX && isPrime(lb.tableSize))) {
    const message = `${lb.tableSize} is not a prime of at most ${MAGLEV_TABLE_SIZE_MAX}`;
    return [violation("maglev_lb_config.table_size", message)];
  }
  return [];
}

/** By trial division: at most 1,118 steps for the largest table. */
function isPrime(value: number): boolean {
  if (!Number.isInteger(value) || value < 2) return false;
  for (let divisor = 2; divisor * divisor <= value; divisor += 1) if (value % divisor === 0) return false;
  return true;
}

function checkEndpoints(endpoints: readonly Endpoint[], path: string): Violation[] {
  const violations: Violation[] = [];
  let sum = 0;
  for (const [index, { address, weight, priority }] of endpoints.entries()) {
    const place = `${path}[${index}]`;
    sum += weight;
    if (!Number.isInteger(address.port) || address.port < 1 || address.port > 65_535) {
      violations.push(
        violation(
          `${place}.endpoint.address.socket_address.port_value`,
          `port of ${formatAddress(address)} is not in 1-65535`,
        ),
      );
    }
    if (!Number.isInteger(weight) || weight < 1) {
      violations.push(violation(`${place}.load_balancing_weight`, `${weight} is not a whole number of 1 or more`));
    }
    if (!Number.isInteger(priority) || priority < 0 || priority > 128) {
      violations.push(violation(`${place}.priority`, `${priority} is not in 0-128`));
    }
  }
  if (sum > WEIGHT_SUM_MAX) violations.push(violation(path, `the weights sum to ${sum}, more than ${WEIGHT_SUM_MAX}`));
  return violations;
}
