import { unreachable } from "../../shared/assert.ts";
import type { Catalog, Kind, Route, Row, ServiceEndpoint, TrafficSplit } from "./catalog.ts";
import { describeKey, keyOf, type RowKey } from "./row-key.ts";

/** The row of a key, or undefined. */
export function findRow(catalog: Catalog, key: RowKey): Row | undefined {
  switch (key.kind) {
    case "ServicePolicy":
      return catalog.policies.get(key.serviceName);
    case "ServiceEndpoint":
      return catalog.endpoints.get(key.serviceName)?.find((row) => row.podIp === key.podIp && row.port === key.port);
    case "TrafficSplit":
      return catalog.splits.get(key.destinationService)?.find((row) => row.sourceService === key.sourceService);
    case "Route":
      return routesByName(catalog.routes).get(key.name);
    default:
      return unreachable(key);
  }
}

/** All rows of a kind in the order of their keys: the order of lists and pages. Computed once per content. */
export function rowsOf(catalog: Catalog, kind: Kind): readonly Row[] {
  const part = partOf(catalog, kind);
  const known = sortedRows.get(part);
  if (known !== undefined) return known;
  const rows = [...part.values()].flat().sort((a, b) => compareText(sortKey(a), sortKey(b)));
  sortedRows.set(part, rows);
  return rows;
}

/** The text that {@link rowsOf} sorts by; unique within a kind, and what a page token holds. */
export function sortKey(row: Row): string {
  return describeKey(keyOf(row));
}

export function compareText(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

export function compareEndpoints(a: ServiceEndpoint, b: ServiceEndpoint): number {
  return compareText(a.podIp, b.podIp) || a.port - b.port;
}

/** The general row (null) first. */
export function compareSplits(a: TrafficSplit, b: TrafficSplit): number {
  return compareText(a.sourceService ?? "", b.sourceService ?? "");
}

export function compareRoutes(a: Route, b: Route): number {
  return a.position - b.position || compareText(a.name, b.name);
}

type Part = ReadonlyMap<string, Row | readonly Row[]>;

// Derived from immutable maps, so the entry of a map that is gone goes with it.
const sortedRows = new WeakMap<Part, readonly Row[]>();
const namedRoutes = new WeakMap<Catalog["routes"], ReadonlyMap<string, Route>>();

function routesByName(routes: Catalog["routes"]): ReadonlyMap<string, Route> {
  const known = namedRoutes.get(routes);
  if (known !== undefined) return known;
  const byName = new Map([...routes.values()].flat().map((route) => [route.name, route]));
  namedRoutes.set(routes, byName);
  return byName;
}

function partOf(catalog: Catalog, kind: Kind): Part {
  switch (kind) {
    case "ServicePolicy":
      return catalog.policies;
    case "ServiceEndpoint":
      return catalog.endpoints;
    case "TrafficSplit":
      return catalog.splits;
    case "Route":
      return catalog.routes;
    default:
      return unreachable(kind);
  }
}
