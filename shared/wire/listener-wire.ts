import type { Any } from "../generated/google/protobuf/any.ts";
import { TrafficDirection } from "../generated/envoy/config/core/v3/base.ts";
import { Listener as ListenerMessage } from "../generated/envoy/config/listener/v3/listener.ts";
import type { FilterChain } from "../generated/envoy/config/listener/v3/listener_components.ts";
import type { Listener } from "../model/listener.ts";
import type { NodeKind } from "../model/node.ts";
import { err, ok, type Result } from "../result.ts";
import { violation, type Violation } from "../violation.ts";
import { decodeMessage, encodeMessage, typeUrlOf } from "./any.ts";
import { connectionManagerAny, readConnectionManager } from "./connection-manager-wire.ts";
import { HttpConnectionManager } from "../generated/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.ts";
import { addressMessage, readAddress } from "./endpoint-wire.ts";
import { join, refuseUnsupported } from "./field-rules.ts";
import { filterChainMatchRules, filterChainRules, listenerRules } from "./listener-rules.ts";
import { TYPE_URL_PREFIX } from "./resource-types.ts";
import { requirePlainText } from "./transport-wire.ts";

const HTTP_CONNECTION_MANAGER = "envoy.filters.network.http_connection_manager";

/** They look at the first bytes of a connection only to choose among chains, and there is one. */
const harmlessListenerFilters = new Set([
  `${TYPE_URL_PREFIX}envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector`,
  `${TYPE_URL_PREFIX}envoy.extensions.filters.listener.http_inspector.v3.HttpInspector`,
]);

const directions = {
  unspecified: TrafficDirection.UNSPECIFIED,
  inbound: TrafficDirection.INBOUND,
  outbound: TrafficDirection.OUTBOUND,
} as const;

/** The bytes of a Listener. One without a bind address becomes an `api_listener`, which only gRPC clients use. */
export function encodeListener(listener: Listener, kind: NodeKind = "heddle"): Buffer {
  const manager = connectionManagerAny(listener, kind);
  const message = ListenerMessage.fromPartial({
    name: listener.name,
    trafficDirection: directions[listener.direction],
    ...(listener.bind === undefined
      ? { apiListener: { apiListener: manager } }
      : {
          address: addressMessage(listener.bind),
          filterChains: [
            { filters: [{ name: HTTP_CONNECTION_MANAGER, configType: { $case: "typedConfig", value: manager } }] },
          ],
        }),
  });
  return encodeMessage(ListenerMessage, message);
}

/** The model of a Listener, or everything in it that Heddle cannot use. */
export function decodeListener(bytes: Uint8Array): Result<Listener, Violation[]> {
  const decoded = decodeMessage(ListenerMessage, bytes);
  if (!decoded.ok) return err([violation("", decoded.error)]);
  const message = decoded.value;
  const found: Violation[] = [];
  refuseUnsupported(message, listenerRules, "", found);
  if (message.name === "") found.push(violation("name", "must not be empty"));
  const direction = readDirection(message, found);
  const bind = readBind(message, found);
  const manager = findManager(message, found);
  const read = manager === undefined ? undefined : readConnectionManager(manager.any, manager.path, found);
  if (found.length > 0 || direction === undefined || read === undefined) return err(found);
  return ok({ name: message.name, direction, bind, routes: read.routes, statPrefix: read.statPrefix });
}

function readDirection(message: ListenerMessage, found: Violation[]): Listener["direction"] | undefined {
  switch (message.trafficDirection) {
    case TrafficDirection.UNSPECIFIED:
      return "unspecified";
    case TrafficDirection.INBOUND:
      return "inbound";
    case TrafficDirection.OUTBOUND:
      return "outbound";
    default:
      found.push(violation("traffic_direction", `${message.trafficDirection} is not known to Heddle`));
      return undefined;
  }
}

function readBind(message: ListenerMessage, found: Violation[]): Listener["bind"] {
  if (message.bindToPort === false) found.push(violation("bind_to_port", "false is not supported by Heddle"));
  for (const [index, filter] of message.listenerFilters.entries()) {
    const typeUrl = filter.configType?.$case === "typedConfig" ? filter.configType.value.typeUrl : "";
    if (harmlessListenerFilters.has(typeUrl)) continue;
    const words = `"${typeUrl === "" ? filter.name : typeUrl}" is not supported by Heddle`;
    found.push(violation(`listener_filters[${index}]`, words));
  }
  if (message.apiListener !== undefined) return undefined;
  return readAddress(message.address, { path: "address", hostNames: false }, found);
}

interface Located {
  readonly any: Any;
  readonly path: string;
}

/** Where the one HTTP connection manager stands: in the api_listener, or alone in the only filter chain. */
function findManager(message: ListenerMessage, found: Violation[]): Located | undefined {
  if (message.apiListener !== undefined) {
    const any = message.apiListener.apiListener;
    if (any !== undefined) return requireManager(any, "api_listener.api_listener", found);
    found.push(violation("api_listener.api_listener", "must be set"));
    return undefined;
  }
  const [chain] = message.filterChains;
  if (chain === undefined || message.filterChains.length !== 1) {
    found.push(violation("filter_chains", `${message.filterChains.length} chains: Heddle supports exactly one`));
    return undefined;
  }
  return readChain(chain, "filter_chains[0]", found);
}

function readChain(chain: FilterChain, path: string, found: Violation[]): Located | undefined {
  refuseUnsupported(chain, filterChainRules, path, found);
  if (chain.filterChainMatch !== undefined) {
    refuseUnsupported(chain.filterChainMatch, filterChainMatchRules, join(path, "filter_chain_match"), found);
  }
  requirePlainText(chain.transportSocket, join(path, "transport_socket"), found);
  let manager: Located | undefined;
  for (const [index, filter] of chain.filters.entries()) {
    const at = join(path, `filters[${index}]`);
    if (filter.configType?.$case !== "typedConfig") {
      found.push(violation(join(at, "typed_config"), "must be set"));
      continue;
    }
    manager = requireManager(filter.configType.value, join(at, "typed_config"), found) ?? manager;
  }
  if (chain.filters.length !== 1) {
    found.push(violation(join(path, "filters"), `${chain.filters.length} filters: Heddle supports exactly one`));
  }
  return manager;
}

function requireManager(any: Any, path: string, found: Violation[]): Located | undefined {
  if (any.typeUrl === typeUrlOf(HttpConnectionManager)) return { any, path };
  found.push(violation(path, `"${any.typeUrl}" is not supported by Heddle`));
  return undefined;
}
