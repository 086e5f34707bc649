import type { Any } from "../generated/google/protobuf/any.ts";
import { HTTPFault } from "../generated/envoy/extensions/filters/http/fault/v3/fault.ts";
import { LocalRateLimit } from "../generated/envoy/extensions/filters/http/local_ratelimit/v3/local_rate_limit.ts";
import { Router } from "../generated/envoy/extensions/filters/http/router/v3/router.ts";
import {
  HttpConnectionManager,
  HttpConnectionManager_CodecType,
} from "../generated/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.ts";
import type { Listener, RouteSource } from "../model/listener.ts";
import type { NodeKind } from "../model/node.ts";
import { violation, type Violation } from "../violation.ts";
import { decodeMessage, packAny, typeUrlOf } from "./any.ts";
import { adsConfigSource, requireAds } from "./config-source-wire.ts";
import { join, refuseUnsupported } from "./field-rules.ts";
import { connectionManagerRules, rdsRules } from "./listener-rules.ts";
import { FAULT_FILTER, LOCAL_RATE_LIMIT_FILTER } from "./route-filters-wire.ts";
import { readRouteConfig, routeConfigMessage } from "./route-wire.ts";

const ROUTER = "envoy.filters.http.router";

export function connectionManagerAny(listener: Listener, kind: NodeKind): Any {
  return packAny(
    HttpConnectionManager,
    HttpConnectionManager.fromPartial({
      statPrefix: listener.statPrefix,
      routeSpecifier: routeSpecifier(listener, kind),
      httpFilters: filtersFor(kind, listener.statPrefix).map(([name, value]) => ({
        name,
        configType: { $case: "typedConfig", value },
      })),
    }),
  );
}

/**
 * The router comes last; each filter carries its configuration, by whose type Envoy and gRPC find it. Those before the
 * router do nothing until a route configures them. Heddle's proxies need no filter to obey a route; gRPC knows no limit.
 */
function filtersFor(kind: NodeKind, statPrefix: string): readonly (readonly [name: string, config: Any])[] {
  const fault = [FAULT_FILTER, packAny(HTTPFault, HTTPFault.fromPartial({}))] as const;
  const rateLimit = [
    LOCAL_RATE_LIMIT_FILTER,
    packAny(LocalRateLimit, LocalRateLimit.fromPartial({ statPrefix })),
  ] as const;
  const router = [ROUTER, packAny(Router, Router.fromPartial({}))] as const;
  switch (kind) {
    case "heddle":
      return [router];
    case "envoy":
      return [fault, rateLimit, router];
    case "grpc":
      return [fault, router];
  }
}

function routeSpecifier(listener: Listener, kind: NodeKind): NonNullable<HttpConnectionManager["routeSpecifier"]> {
  const source = listener.routes;
  if (source.kind === "rds") {
    return { $case: "rds", value: { configSource: adsConfigSource(), routeConfigName: source.routeConfigName } };
  }
  // Envoy would refuse an inline table that names a cluster it does not hold yet.
  return { $case: "routeConfig", value: { ...routeConfigMessage(source.config, kind), validateClusters: false } };
}

/** Undefined, with the reason in `found`, when there are no routes to serve. */
export function readConnectionManager(
  any: Any,
  path: string,
  found: Violation[],
): { readonly routes: RouteSource; readonly statPrefix: string } | undefined {
  const decoded = decodeMessage(HttpConnectionManager, any.value);
  if (!decoded.ok) {
    found.push(violation(path, decoded.error));
    return undefined;
  }
  const message = decoded.value;
  refuseUnsupported(message, connectionManagerRules, path, found);
  if (
    message.codecType !== HttpConnectionManager_CodecType.AUTO &&
    message.codecType !== HttpConnectionManager_CodecType.HTTP1
  ) {
    found.push(violation(join(path, "codec_type"), `${message.codecType} is not supported by Heddle`));
  }
  checkFilters(message, path, found);
  const routes = readRoutes(message, path, found);
  return routes === undefined ? undefined : { routes, statPrefix: message.statPrefix };
}

/** A filter that may be left out says so itself (is_optional) or is switched off; any other would be missed. */
function checkFilters(message: HttpConnectionManager, path: string, found: Violation[]): void {
  for (const [index, filter] of message.httpFilters.entries()) {
    const typeUrl = filter.configType?.$case === "typedConfig" ? filter.configType.value.typeUrl : "";
    if (typeUrl === typeUrlOf(Router) || filter.isOptional || filter.disabled) continue;
    if (filter.configType?.$case === "typedConfig" && waitsForRoute(filter.configType.value)) continue;
    const words = `"${typeUrl === "" ? filter.name : typeUrl}" is not supported by Heddle`;
    found.push(violation(join(path, `http_filters[${index}]`), words));
  }
  const last = message.httpFilters.at(-1)?.configType;
  if (last?.$case !== "typedConfig" || last.value.typeUrl !== typeUrlOf(Router)) {
    found.push(violation(join(path, "http_filters"), "the last filter must be the router"));
  }
}

/**
 * A filter that does nothing but what a route tells it to. One that acts by itself would act on all routes, also on those
 * of tables that come later.
 */
function waitsForRoute({ typeUrl, value }: Any): boolean {
  if (typeUrl === typeUrlOf(HTTPFault)) return value.length === 0;
  if (typeUrl !== typeUrlOf(LocalRateLimit)) return false;
  const message = decodeMessage(LocalRateLimit, value);
  return message.ok && message.value.tokenBucket === undefined;
}

function readRoutes(message: HttpConnectionManager, path: string, found: Violation[]): RouteSource | undefined {
  const specifier = message.routeSpecifier;
  switch (specifier?.$case) {
    case "rds": {
      const at = join(path, "rds");
      refuseUnsupported(specifier.value, rdsRules, at, found);
      requireAds(specifier.value.configSource, join(at, "config_source"), found);
      const { routeConfigName } = specifier.value;
      if (routeConfigName === "") found.push(violation(join(at, "route_config_name"), "must not be empty"));
      return { kind: "rds", routeConfigName };
    }
    case "routeConfig":
      return { kind: "inline", config: readRouteConfig(specifier.value, join(path, "route_config"), found) };
    case undefined:
      found.push(violation(path, "must have rds or route_config"));
      return undefined;
  }
}
