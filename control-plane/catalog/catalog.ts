import type { ServicePolicy } from "./service-policy.ts";

/**
 * What operators declare, as rows. Property names are the column names in camel case; null is SQL's NULL.
 * A catalog is immutable: a commit makes a new one that shares every unchanged part, so that a reader can tell by
 * identity (`===`) what changed.
 */
export interface Catalog {
  /** The revision whose content this is. */
  readonly revision: number;
  /** By service name. */
  readonly policies: ReadonlyMap<string, ServicePolicy>;
  /** By service name, then sorted by address. A service with no rows is absent. */
  readonly endpoints: ReadonlyMap<string, readonly ServiceEndpoint[]>;
  /** By destination service, then sorted by source (the general row, null, first). */
  readonly splits: ReadonlyMap<string, readonly TrafficSplit[]>;
  /** By destination service, then sorted by position and name. */
  readonly routes: ReadonlyMap<string, readonly Route[]>;
}

export const KINDS = ["ServicePolicy", "ServiceEndpoint", "TrafficSplit", "Route"] as const;
export type Kind = (typeof KINDS)[number];

export interface ServiceEndpoint {
  readonly kind: "ServiceEndpoint";
  readonly serviceName: string;
  readonly podIp: string;
  readonly port: number;
  readonly version: string | null;
  readonly healthy: boolean;
  readonly weight: number;
  /** Node id of the proxy that holds the lease; null for a row written by hand. */
  readonly registeredBy: string | null;
  /** What the instance's own proxy found by its last health checks. */
  readonly health: "unknown" | "passing" | "failing";
}

export interface TrafficSplit {
  readonly kind: "TrafficSplit";
  readonly id: number;
  readonly sourceService: string | null;
  readonly destinationService: string;
  readonly v1Weight: number;
  readonly v2Weight: number;
  /** Lower-case names; null when none. */
  readonly headerMatch: Readonly<Record<string, string>> | null;
  readonly updatedAt: string;
  readonly v1Version: string;
  readonly v2Version: string;
}

export interface Route {
  readonly kind: "Route";
  readonly name: string;
  readonly destinationService: string;
  readonly sourceService: string | null;
  readonly position: number;
  readonly pathExact: string | null;
  readonly pathPrefix: string | null;
  readonly pathRegex: string | null;
  readonly methods: readonly string[];
  readonly headerMatch: Readonly<Record<string, string>> | null;
  readonly queryMatch: Readonly<Record<string, string>> | null;
  readonly destinations: readonly RouteDestination[];
  readonly redirect: RouteRedirect | null;
  readonly directResponse: RouteDirectResponse | null;
  readonly prefixRewrite: string | null;
  readonly hostRewrite: string | null;
  readonly timeoutMs: number | null;
  readonly retryAttempts: number | null;
  readonly updatedAt: string;
}

export interface RouteDestination {
  readonly service: string;
  readonly version: string | null;
  readonly weight: number;
}

export interface RouteRedirect {
  readonly status: 301 | 302 | 303 | 307 | 308;
  readonly scheme: string | null;
  readonly host: string | null;
  readonly port: number | null;
  readonly path: string | null;
  readonly prefix: string | null;
  readonly stripQuery: boolean;
}

export interface RouteDirectResponse {
  readonly status: number;
  readonly body: string;
}

export type Row = ServicePolicy | ServiceEndpoint | TrafficSplit | Route;

export const emptyCatalog: Catalog = {
  revision: 0,
  policies: new Map(),
  endpoints: new Map(),
  splits: new Map(),
  routes: new Map(),
};
