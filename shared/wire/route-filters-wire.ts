import type { Any } from "../generated/google/protobuf/any.ts";
import { FilterConfig } from "../generated/envoy/config/route/v3/route_components.ts";
import { HTTPFault } from "../generated/envoy/extensions/filters/http/fault/v3/fault.ts";
import { LocalRateLimit } from "../generated/envoy/extensions/filters/http/local_ratelimit/v3/local_rate_limit.ts";
import type { NodeKind } from "../model/node.ts";
import type { RateLimitPolicy } from "../model/rate-limit.ts";
import type { FaultPolicy, Route } from "../model/route.ts";
import { violation, type Violation } from "../violation.ts";
import { decodeMessage, packAny, typeUrlOf } from "./any.ts";
import { faultMessage, readFault } from "./fault-wire.ts";
import { join, refuseUnsupported } from "./field-rules.ts";
import { localRateLimitMessage, readLocalRateLimit } from "./local-rate-limit-wire.ts";
import { filterConfigRules } from "./route-rules.ts";

/** The names of the filters in the connection manager, under which a route configures them. */
export const FAULT_FILTER = "envoy.filters.http.fault";
export const LOCAL_RATE_LIMIT_FILTER = "envoy.filters.http.local_ratelimit";

/** `typed_per_filter_config` of a route. Heddle's proxies read the limit from the route's metadata, gRPC has none. */
export function routeFilterConfigs({ fault, rateLimit }: Route, kind: NodeKind): Record<string, Any> {
  return {
    ...(fault === undefined ? {} : { [FAULT_FILTER]: packAny(HTTPFault, faultMessage(fault)) }),
    ...(rateLimit === undefined || kind !== "envoy"
      ? {}
      : { [LOCAL_RATE_LIMIT_FILTER]: packAny(LocalRateLimit, localRateLimitMessage(rateLimit)) }),
  };
}

/** What a table, a virtual host or a route says of the filters. A key that is there takes the place of what is above. */
export interface RouteFilters {
  readonly fault?: FaultPolicy | undefined;
  readonly rateLimit?: RateLimitPolicy | undefined;
}

/** Filters are told by the type of their configuration, as in the connection manager: names are free. */
export function readRouteFilters(
  configs: Readonly<Record<string, Any>>,
  path: string,
  found: Violation[],
): RouteFilters {
  let filters: RouteFilters = {};
  for (const [name, any] of Object.entries(configs)) {
    filters = { ...filters, ...readFilter(name, any, join(path, `typed_per_filter_config["${name}"]`), found) };
  }
  return filters;
}

function readFilter(name: string, any: Any, path: string, found: Violation[]): RouteFilters {
  switch (any.typeUrl) {
    case typeUrlOf(FilterConfig):
      return readWrapped(name, any, path, found);
    case typeUrlOf(HTTPFault): {
      const message = decode(HTTPFault, any, path, found);
      return message === undefined ? {} : { fault: readFault(message, path, found) };
    }
    case typeUrlOf(LocalRateLimit): {
      const message = decode(LocalRateLimit, any, path, found);
      return message === undefined ? {} : { rateLimit: readLocalRateLimit(message, path, found) };
    }
    default:
      found.push(violation(path, `"${any.typeUrl}" is not supported by Heddle`));
      return {};
  }
}

/** Switched off, a filter is told by its name alone. An unknown one that may be left out is left out. */
function readWrapped(name: string, any: Any, path: string, found: Violation[]): RouteFilters {
  const wrapper = decode(FilterConfig, any, path, found);
  if (wrapper === undefined) return {};
  refuseUnsupported(wrapper, filterConfigRules, path, found);
  const { config, disabled, isOptional } = wrapper;
  if (disabled) {
    if (name === FAULT_FILTER) return { fault: undefined };
    return name === LOCAL_RATE_LIMIT_FILTER ? { rateLimit: undefined } : {};
  }
  if (config === undefined) return {};
  const isKnown = config.typeUrl === typeUrlOf(HTTPFault) || config.typeUrl === typeUrlOf(LocalRateLimit);
  if (isOptional && !isKnown) return {};
  if (isKnown) return readFilter(name, config, join(path, "config"), found);
  found.push(violation(join(path, "config"), `"${config.typeUrl}" is not supported by Heddle`));
  return {};
}

function decode<T>(
  codec: Parameters<typeof decodeMessage<T>>[0],
  any: Any,
  path: string,
  found: Violation[],
): T | undefined {
  const message = decodeMessage(codec, any.value);
  if (message.ok) return message.value;
  found.push(violation(path, message.error));
  return undefined;
}
