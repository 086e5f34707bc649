import { unreachable } from "../../shared/assert.ts";
import * as defaults from "../../shared/defaults.ts";
import type { Cluster, Endpoint, LbPolicy, LoadAssignment } from "../../shared/model/cluster.ts";
import { NO_POLICIES, type ClusterPolicies } from "../../shared/model/cluster-policy.ts";
import type { NodeKind } from "../../shared/model/node.ts";
import type { ServiceEndpoint } from "../catalog/catalog.ts";
import type { ServicePolicy } from "../catalog/service-policy.ts";
import { clusterPolicies } from "./cluster-policies.ts";
import type { MemberRows } from "./mesh.ts";

/** Clusters and their endpoints, made in one walk so that they cannot disagree. */
export interface Members {
  readonly clusters: ReadonlyMap<string, Cluster>;
  readonly assignments: ReadonlyMap<string, LoadAssignment>;
}

/** The name of a service's cluster, or of the subset cluster of one version. */
export function clusterName(service: string, version: string | null): string {
  return version === null ? service : `${service}/${version}`;
}

/** All clusters of the mesh with their assignments, as a node of `kind` can use them. */
export function buildMembers(members: ReadonlyMap<string, MemberRows>, kind: NodeKind): Members {
  const clusters = new Map<string, Cluster>();
  const assignments = new Map<string, LoadAssignment>();
  for (const rows of members.values()) {
    const part = serviceMembers(rows, kind === "grpc");
    for (const cluster of part.clusters) clusters.set(cluster.name, cluster);
    for (const assignment of part.assignments) assignments.set(assignment.name, assignment);
  }
  return { clusters, assignments };
}

interface ServiceMembers {
  readonly clusters: readonly Cluster[];
  readonly assignments: readonly LoadAssignment[];
}

const cache = { proxy: new WeakMap<MemberRows, ServiceMembers>(), grpc: new WeakMap<MemberRows, ServiceMembers>() };

function serviceMembers(rows: MemberRows, isGrpc: boolean): ServiceMembers {
  const known = (isGrpc ? cache.grpc : cache.proxy).get(rows);
  if (known !== undefined) return known;
  const subsets: readonly (string | null)[] = [null, ...rows.versions];
  const made: ServiceMembers = {
    clusters: subsets.map((version) => cluster(rows, version, isGrpc)),
    assignments: subsets.map((version) => ({
      name: clusterName(rows.service, version),
      endpoints: assignmentEndpoints(rows, version),
    })),
  };
  (isGrpc ? cache.grpc : cache.proxy).set(rows, made);
  return made;
}

function cluster(rows: MemberRows, version: string | null, isGrpc: boolean): Cluster {
  const name = clusterName(rows.service, version);
  const { policy } = rows;
  return {
    name,
    discovery: { kind: "eds", assignmentName: name },
    connectTimeoutMs: policy.connectTimeoutMs,
    lb: isGrpc ? grpcLbPolicy(policy) : lbPolicy(policy),
    panicThresholdPercent: policy.panicThreshold,
    policies: isGrpc ? grpcPolicies(policy) : clusterPolicies(policy),
    service: rows.service,
    version: version ?? "",
  };
}

function lbPolicy({ lbPolicy: wanted }: ServicePolicy): LbPolicy {
  switch (wanted) {
    case "least_request":
      return { kind: "least-request", choices: defaults.LEAST_REQUEST_CHOICES };
    case "peak_ewma":
      return {
        kind: "peak-ewma",
        decayMs: defaults.PEAK_EWMA_DECAY_MS,
        defaultRttMs: defaults.PEAK_EWMA_DEFAULT_RTT_MS,
      };
    case "ring_hash":
      return { kind: "ring-hash", ringSizeMin: defaults.RING_SIZE_MIN, ringSizeMax: defaults.RING_SIZE_MAX };
    case "maglev":
      return { kind: "maglev", tableSize: defaults.MAGLEV_TABLE_SIZE };
    case "random":
      return { kind: "random" };
    case "round_robin":
      return { kind: "round-robin" };
    default:
      return unreachable(wanted);
  }
}

/** gRPC clients refuse all but round robin and ring hash (xds.md 3.4); maglev's nearest kin is the ring. */
function grpcLbPolicy(policy: ServicePolicy): LbPolicy {
  const lb = lbPolicy(policy);
  if (lb.kind !== "ring-hash" && lb.kind !== "maglev") return { kind: "round-robin" };
  return { kind: "ring-hash", ringSizeMin: defaults.RING_SIZE_MIN, ringSizeMax: defaults.RING_SIZE_MAX };
}

/** gRPC clients know outlier detection and a bound on requests; nobody reads the rest. */
function grpcPolicies(policy: ServicePolicy): ClusterPolicies {
  const { outlier, limits } = clusterPolicies(policy);
  return { ...NO_POLICIES, outlier, limits: { ...NO_POLICIES.limits, requests: limits.requests } };
}

function assignmentEndpoints(rows: MemberRows, version: string | null): readonly Endpoint[] {
  const chosen = rows.endpoints.filter((row) => version === null || isOfVersion(row, version, rows.firstVersions));
  return chosen.map((row) => ({
    address: { host: row.podIp, port: row.port },
    weight: row.weight,
    health: healthOf(row, rows.policy),
    version: row.version ?? "",
    priority: 0,
  }));
}

/**
 * `healthy = false` takes an endpoint out at once and does not count for panic (semantics.md 6): that is draining. What
 * its own proxy found counts for panic, and only as long as the policy asks for it: later nobody would report it well.
 */
function healthOf({ healthy, health }: ServiceEndpoint, { healthCheck }: ServicePolicy): Endpoint["health"] {
  if (!healthy) return "draining";
  const isAsked = healthCheck === "proxy" || healthCheck === "both";
  return isAsked && health === "failing" ? "unhealthy" : "healthy";
}

function isOfVersion(row: ServiceEndpoint, version: string, firstVersions: readonly string[]): boolean {
  return row.version === null ? firstVersions.includes(version) : row.version === version;
}
