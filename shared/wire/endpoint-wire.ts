import { isIP } from "node:net";

import type { Address } from "../address.ts";
import { HealthStatus } from "../generated/envoy/config/core/v3/health_check.ts";
import type { Address as WireAddress } from "../generated/envoy/config/core/v3/address.ts";
import { ClusterLoadAssignment } from "../generated/envoy/config/endpoint/v3/endpoint.ts";
import type { LbEndpoint } from "../generated/envoy/config/endpoint/v3/endpoint_components.ts";
import type { Endpoint, LoadAssignment } from "../model/cluster.ts";
import { err, ok, type Result } from "../result.ts";
import { violation, type Violation } from "../violation.ts";
import { decodeMessage, encodeMessage } from "./any.ts";
import { assignmentRules, localityRules, lbEndpointRules, addressRules, socketAddressRules } from "./endpoint-rules.ts";
import { join, refuseUnsupported } from "./field-rules.ts";

/** The bytes of a ClusterLoadAssignment. */
export function encodeLoadAssignment(assignment: LoadAssignment): Buffer {
  return encodeMessage(ClusterLoadAssignment, loadAssignmentMessage(assignment.name, assignment.endpoints));
}

/** The model of a ClusterLoadAssignment, or everything in it that Heddle cannot use. */
export function decodeLoadAssignment(bytes: Uint8Array): Result<LoadAssignment, Violation[]> {
  const message = decodeMessage(ClusterLoadAssignment, bytes);
  if (!message.ok) return err([violation("", message.error)]);
  const found: Violation[] = [];
  const name = message.value.clusterName;
  if (name === "") found.push(violation("cluster_name", "must not be empty"));
  const endpoints = readEndpoints(message.value, { path: "", hostNames: false }, found);
  return found.length > 0 ? err(found) : ok({ name, endpoints });
}

/**
 * One group per priority. Proxyless gRPC clients refuse a group without a locality and skip one without a weight, so
 * both are always there; Envoy asks for neither. Written out in full: fromPartial would copy each level once more.
 */
export function loadAssignmentMessage(name: string, endpoints: readonly Endpoint[]): ClusterLoadAssignment {
  const priorities = [...new Set(endpoints.map((endpoint) => endpoint.priority))].sort((a, b) => a - b);
  return {
    clusterName: name,
    endpoints: priorities.map((priority) => ({
      locality: { region: "", zone: "", subZone: "" },
      metadata: undefined,
      lbEndpoints: endpoints.filter((endpoint) => endpoint.priority === priority).map(lbEndpointMessage),
      loadBalancingWeight: 1,
      priority,
      proximity: undefined,
    })),
    namedEndpoints: {},
    policy: undefined,
  };
}

const healthStatuses = {
  healthy: HealthStatus.HEALTHY,
  unhealthy: HealthStatus.UNHEALTHY,
  draining: HealthStatus.DRAINING,
} as const;

function lbEndpointMessage({ address, health, weight, version }: Endpoint): LbEndpoint {
  const endpoint = {
    address: addressMessage(address),
    healthCheckConfig: undefined,
    hostname: "",
    additionalAddresses: [],
  };
  return {
    hostIdentifier: { $case: "endpoint", value: endpoint },
    healthStatus: healthStatuses[health],
    metadata: version === "" ? undefined : { filterMetadata: { "envoy.lb": { version } }, typedFilterMetadata: {} },
    loadBalancingWeight: weight,
  };
}

export function addressMessage(address: Address): WireAddress {
  return {
    address: {
      $case: "socketAddress",
      value: {
        protocol: 0,
        address: address.host,
        portSpecifier: { $case: "portValue", value: address.port },
        resolverName: "",
        ipv4Compat: false,
      },
    },
  };
}

/** How strictly to read addresses: only clusters resolved by DNS may name hosts. */
export interface EndpointContext {
  readonly path: string;
  readonly hostNames: boolean;
}

export function readEndpoints(
  message: ClusterLoadAssignment,
  context: EndpointContext,
  found: Violation[],
): readonly Endpoint[] {
  refuseUnsupported(message, assignmentRules, context.path, found);
  const drops = message.policy?.dropOverloads.length ?? 0;
  if (drops > 0) found.push(violation(join(context.path, "policy.drop_overloads"), "is not supported by Heddle"));
  const endpoints: Endpoint[] = [];
  for (const [index, locality] of message.endpoints.entries()) {
    const path = join(context.path, `endpoints[${index}]`);
    refuseUnsupported(locality, localityRules, path, found);
    for (const [position, entry] of locality.lbEndpoints.entries()) {
      const at = { ...context, path: join(path, `lb_endpoints[${position}]`) };
      const endpoint = readEndpoint(entry, locality.priority, at, found);
      if (endpoint !== undefined) endpoints.push(endpoint);
    }
  }
  return endpoints;
}

function readEndpoint(
  message: LbEndpoint,
  priority: number,
  context: EndpointContext,
  found: Violation[],
): Endpoint | undefined {
  refuseUnsupported(message, lbEndpointRules, context.path, found);
  const health = readHealth(message.healthStatus);
  if (health === undefined) {
    found.push(violation(join(context.path, "health_status"), `${message.healthStatus} is not known to Heddle`));
  }
  if (message.hostIdentifier?.$case !== "endpoint") {
    found.push(violation(join(context.path, "endpoint"), "must be set"));
    return undefined;
  }
  const path = join(context.path, "endpoint.address");
  const address = readAddress(message.hostIdentifier.value.address, { ...context, path }, found);
  if (address === undefined || health === undefined) return undefined;
  const weight = message.loadBalancingWeight ?? 1;
  return { address, weight, health, version: readVersion(message), priority };
}

/** UNKNOWN counts as healthy; DEGRADED too, because there is no second choice among healthy endpoints here. */
function readHealth(status: HealthStatus): Endpoint["health"] | undefined {
  switch (status) {
    case HealthStatus.UNKNOWN:
    case HealthStatus.HEALTHY:
    case HealthStatus.DEGRADED:
      return "healthy";
    case HealthStatus.UNHEALTHY:
    case HealthStatus.TIMEOUT:
      return "unhealthy";
    case HealthStatus.DRAINING:
      return "draining";
    default:
      return undefined;
  }
}

function readVersion(message: LbEndpoint): string {
  const version: unknown = message.metadata?.filterMetadata["envoy.lb"]?.["version"];
  return typeof version === "string" ? version : "";
}

/** A TCP address, or undefined with the reason in `found`. */
export function readAddress(
  message: WireAddress | undefined,
  context: EndpointContext,
  found: Violation[],
): Address | undefined {
  const before = found.length;
  if (message?.address === undefined) {
    found.push(violation(context.path, "must be set"));
    return undefined;
  }
  if (message.address.$case !== "socketAddress") {
    refuseUnsupported(message, addressRules, context.path, found);
    return undefined;
  }
  const path = join(context.path, "socket_address");
  const socket = message.address.value;
  refuseUnsupported(socket, socketAddressRules, path, found);
  if (!context.hostNames && isIP(socket.address) === 0) {
    found.push(violation(join(path, "address"), `"${socket.address}" is not an IP address`));
  } else if (socket.address === "") {
    found.push(violation(join(path, "address"), "must not be empty"));
  }
  const port = socket.portSpecifier?.$case === "portValue" ? socket.portSpecifier.value : undefined;
  if (port === undefined) found.push(violation(join(path, "port_value"), "must be set"));
  else if (port > 65_535) found.push(violation(join(path, "port_value"), `${port} is not in 0-65535`));
  return found.length > before || port === undefined ? undefined : { host: socket.address, port };
}
