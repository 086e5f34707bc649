import type { RouteConfiguration } from "../generated/envoy/config/route/v3/route.ts";
import type { HedgePolicy, VirtualHost } from "../generated/envoy/config/route/v3/route_components.ts";
import type { MirrorPolicy, RetryPolicy } from "../model/route.ts";
import type { Violation } from "../violation.ts";
import { join, refuseUnsupported } from "./field-rules.ts";
import { readMirrors } from "./mirror-wire.ts";
import { readRetryPolicy } from "./retry-wire.ts";
import { readRouteFilters, type RouteFilters } from "./route-filters-wire.ts";
import { hedgeRules } from "./route-rules.ts";

/** What holds for the routes that say nothing themselves; the two are never merged (xds.md 2.22). */
export interface RouteDefaults {
  readonly filters: RouteFilters;
  readonly mirrors: readonly MirrorPolicy[];
  readonly retry: RetryPolicy | undefined;
  readonly hedgeOnTryTimeout: boolean;
}

export function tableDefaults(message: RouteConfiguration, path: string, found: Violation[]): RouteDefaults {
  return {
    filters: readRouteFilters(message.typedPerFilterConfig, path, found),
    mirrors: readMirrors(message.requestMirrorPolicies, path, found),
    retry: undefined,
    hedgeOnTryTimeout: false,
  };
}

export function hostDefaults(
  message: VirtualHost,
  table: RouteDefaults,
  path: string,
  found: Violation[],
): RouteDefaults {
  const { retryPolicy } = message;
  const mirrors = readMirrors(message.requestMirrorPolicies, path, found);
  return {
    filters: { ...table.filters, ...readRouteFilters(message.typedPerFilterConfig, path, found) },
    mirrors: mirrors.length > 0 ? mirrors : table.mirrors,
    retry: retryPolicy === undefined ? undefined : readRetryPolicy(retryPolicy, join(path, "retry_policy"), found),
    hedgeOnTryTimeout: readHedge(message.hedgePolicy, path, found) ?? false,
  };
}

/** Undefined when nothing is said. */
export function readHedge(message: HedgePolicy | undefined, path: string, found: Violation[]): boolean | undefined {
  if (message === undefined) return undefined;
  refuseUnsupported(message, hedgeRules, join(path, "hedge_policy"), found);
  return message.hedgeOnPerTryTimeout;
}
