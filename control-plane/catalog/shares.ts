import type { Catalog, Row, ServiceEndpoint, TrafficSplit } from "./catalog.ts";
import { labelOf } from "./validate.ts";

/** One weighted way of a split or a route to a version. The first side of a split also takes endpoints without one (decision C16). */
export interface Share {
  readonly service: string;
  readonly version: { readonly name: string; readonly takesUnversioned: boolean };
  readonly weight: number;
  /** Who gives it, as messages name it. */
  readonly by: string;
}

/** The shares above 0 that a row gives to versions. */
export function sharesOf(row: Row): readonly Share[] {
  const by = labelOf(row);
  if (row.kind === "TrafficSplit") return splitShares(row, by);
  if (row.kind !== "Route") return [];
  return row.destinations.flatMap(({ service, version, weight }) =>
    version === null || weight === 0
      ? []
      : [{ service, version: { name: version, takesUnversioned: false }, weight, by }],
  );
}

function splitShares(split: TrafficSplit, by: string): readonly Share[] {
  const { destinationService: service, v1Version, v1Weight, v2Version, v2Weight } = split;
  const sides: readonly Share[] = [
    { service, version: { name: v1Version, takesUnversioned: true }, weight: v1Weight, by },
    { service, version: { name: v2Version, takesUnversioned: false }, weight: v2Weight, by },
  ];
  return sides.filter(({ weight }) => weight > 0);
}

export function servesShare(row: ServiceEndpoint, version: Share["version"]): boolean {
  return row.version === version.name || (row.version === null && version.takesUnversioned);
}

/** The endpoints of a service that carry traffic: one that is not healthy gets none. */
export function usableEndpoints(catalog: Catalog, service: string): readonly ServiceEndpoint[] {
  return (catalog.endpoints.get(service) ?? []).filter(({ healthy }) => healthy);
}
