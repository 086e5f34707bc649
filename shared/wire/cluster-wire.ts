import { ENVOY_CONNECT_TIMEOUT_MS, PANIC_THRESHOLD_PERCENT } from "../defaults.ts";
import { Cluster as ClusterMessage, Cluster_DiscoveryType } from "../generated/envoy/config/cluster/v3/cluster.ts";
import type { Cluster } from "../model/cluster.ts";
import type { NodeKind } from "../model/node.ts";
import { err, ok, type Result } from "../result.ts";
import { violation, type Violation } from "../violation.ts";
import { decodeMessage, encodeMessage } from "./any.ts";
import { clusterPolicyFields, readClusterExtras } from "./cluster-policy-wire.ts";
import { clusterRules, commonLbRules, edsConfigRules } from "./cluster-rules.ts";
import { adsConfigSource, requireAds } from "./config-source-wire.ts";
import { decodeDuration, encodeDuration } from "./duration-wire.ts";
import { loadAssignmentMessage, readEndpoints } from "./endpoint-wire.ts";
import { refuseUnsupported } from "./field-rules.ts";
import { lbPolicyFields, readBalancing } from "./lb-policy-wire.ts";
import { requirePlainText, requireHttp1 } from "./transport-wire.ts";

/** The bytes of a Cluster, as a node of `kind` can use it. */
export function encodeCluster(cluster: Cluster, kind: NodeKind = "heddle"): Buffer {
  const message = ClusterMessage.fromPartial({
    name: cluster.name,
    ...discoveryFields(cluster),
    connectTimeout: encodeDuration(cluster.connectTimeoutMs),
    ...lbPolicyFields(cluster.lb, cluster.policies.slowStart),
    ...(cluster.panicThresholdPercent === PANIC_THRESHOLD_PERCENT
      ? {}
      : { commonLbConfig: { healthyPanicThreshold: { value: cluster.panicThresholdPercent } } }),
    ...clusterPolicyFields(cluster, kind),
  });
  return encodeMessage(ClusterMessage, message);
}

/** The model of a Cluster, or everything in it that Heddle cannot use. */
export function decodeCluster(bytes: Uint8Array): Result<Cluster, Violation[]> {
  const decoded = decodeMessage(ClusterMessage, bytes);
  if (!decoded.ok) return err([violation("", decoded.error)]);
  const message = decoded.value;
  const found: Violation[] = [];
  refuseUnsupported(message, clusterRules, "", found);
  if (message.name === "") found.push(violation("name", "must not be empty"));
  requirePlainText(message.transportSocket, "transport_socket", found);
  requireHttp1(message.typedExtensionProtocolOptions, "typed_extension_protocol_options", found);
  const discovery = readDiscovery(message, found);
  const balancing = readBalancing(message, found);
  const timeout = message.connectTimeout;
  const panicThresholdPercent = readPanicThreshold(message, found);
  const { policies, service, version, lb } = readClusterExtras(message, found);
  if (found.length > 0 || discovery === undefined || balancing === undefined) return err(found);
  return ok({
    name: message.name,
    discovery,
    connectTimeoutMs: timeout === undefined ? ENVOY_CONNECT_TIMEOUT_MS : decodeDuration(timeout),
    lb: lb ?? balancing.lb,
    panicThresholdPercent,
    policies: { ...policies, slowStart: balancing.slowStart },
    service,
    version,
  });
}

function discoveryFields(cluster: Cluster): Parameters<typeof ClusterMessage.fromPartial>[0] {
  const { discovery } = cluster;
  switch (discovery.kind) {
    case "eds": {
      const serviceName = discovery.assignmentName === cluster.name ? "" : discovery.assignmentName;
      return {
        clusterDiscoveryType: { $case: "type", value: Cluster_DiscoveryType.EDS },
        edsClusterConfig: { edsConfig: adsConfigSource(), serviceName },
      };
    }
    case "static":
    case "dns": {
      const { STATIC, STRICT_DNS } = Cluster_DiscoveryType;
      return {
        clusterDiscoveryType: { $case: "type", value: discovery.kind === "static" ? STATIC : STRICT_DNS },
        loadAssignment: loadAssignmentMessage(cluster.name, discovery.endpoints),
      };
    }
  }
}

function readDiscovery(message: ClusterMessage, found: Violation[]): Cluster["discovery"] | undefined {
  const specifier = message.clusterDiscoveryType;
  if (specifier?.$case === "clusterType") {
    found.push(violation("cluster_type", "is not supported by Heddle"));
    return undefined;
  }
  // A message without a type is a static cluster (Envoy Cluster.type, enum value 0).
  const type = specifier?.value ?? Cluster_DiscoveryType.STATIC;
  switch (type) {
    case Cluster_DiscoveryType.EDS:
      return readEds(message, found);
    case Cluster_DiscoveryType.STATIC:
      return { kind: "static", endpoints: readInline(message, false, found) };
    case Cluster_DiscoveryType.STRICT_DNS:
    case Cluster_DiscoveryType.LOGICAL_DNS:
      return { kind: "dns", endpoints: readInline(message, true, found) };
    default:
      found.push(violation("type", `${type} is not supported by Heddle`));
      return undefined;
  }
}

function readEds(message: ClusterMessage, found: Violation[]): Cluster["discovery"] {
  const config = message.edsClusterConfig;
  if (config === undefined) {
    found.push(violation("eds_cluster_config", "must be set for a cluster of type EDS"));
    return { kind: "eds", assignmentName: message.name };
  }
  refuseUnsupported(config, edsConfigRules, "eds_cluster_config", found);
  requireAds(config.edsConfig, "eds_cluster_config.eds_config", found);
  return { kind: "eds", assignmentName: config.serviceName === "" ? message.name : config.serviceName };
}

function readInline(message: ClusterMessage, hostNames: boolean, found: Violation[]): ReturnType<typeof readEndpoints> {
  if (message.edsClusterConfig !== undefined) {
    found.push(violation("eds_cluster_config", "must not be set unless the type is EDS"));
  }
  if (message.loadAssignment === undefined) {
    found.push(violation("load_assignment", "must be set unless the type is EDS"));
    return [];
  }
  return readEndpoints(message.loadAssignment, { path: "load_assignment", hostNames }, found);
}

function readPanicThreshold(message: ClusterMessage, found: Violation[]): number {
  const common = message.commonLbConfig;
  if (common === undefined) return PANIC_THRESHOLD_PERCENT;
  refuseUnsupported(common, commonLbRules, "common_lb_config", found);
  if (common.localityConfigSpecifier?.$case === "localityWeightedLbConfig") {
    found.push(violation("common_lb_config.locality_weighted_lb_config", "is not supported by Heddle"));
  }
  return common.healthyPanicThreshold?.value ?? PANIC_THRESHOLD_PERCENT;
}
