import { violation, type Violation } from "../../shared/violation.ts";
import type { RowChange } from "../store/store.ts";
import type { Catalog, Route, ServiceEndpoint, TrafficSplit } from "./catalog.ts";
import { servesShare, sharesOf, usableEndpoints, type Share } from "./shares.ts";
import { labelOf } from "./validate.ts";

/**
 * What a change takes away from running traffic (DESIGN 8): each sentence is a reason to refuse it unless it is forced.
 *
 * - A service must not lose its last usable endpoint, nor more than half of its usable endpoints at once. In a mesh every
 *   service can be called by its name, so this holds for all, with or without a split or a route.
 * - A version that gets a share of a split or of a route must not lose its last usable endpoint.
 *
 * Endpoints that are not healthy carry no traffic: to delete them breaks nothing. A share given to a version that has no
 * endpoint yet is no loss: `warnChange` tells of it. The control plane's own changes (a proxy that registers,
 * drains, or loses its lease) do not pass here: they tell what has already happened.
 */
export function guardChange(before: Catalog, after: Catalog, changes: readonly RowChange[]): readonly Violation[] {
  const services = new Set(
    changes.flatMap(({ before: row }) => (row?.kind === "ServiceEndpoint" ? [row.serviceName] : [])),
  );
  const callers = services.size === 0 ? new Map<string, readonly Caller[]>() : callersByService(after);
  return [...services].flatMap((service) => guardService(before, after, service, callers.get(service) ?? []));
}

/** A split or a route that leads to a service, and the weighted ways to versions in it. */
interface Caller {
  readonly label: string;
  readonly shares: readonly Share[];
}

function callersByService(catalog: Catalog): ReadonlyMap<string, readonly Caller[]> {
  const callers = new Map<string, Caller[]>();
  for (const row of [...catalog.splits.values(), ...catalog.routes.values()].flat()) {
    const shares = Map.groupBy(sharesOf(row), (share) => share.service);
    for (const service of servicesOf(row)) {
      const list = callers.get(service) ?? [];
      list.push({ label: labelOf(row), shares: shares.get(service) ?? [] });
      callers.set(service, list);
    }
  }
  return callers;
}

function servicesOf(row: TrafficSplit | Route): ReadonlySet<string> {
  const destinations = row.kind === "Route" ? row.destinations.map(({ service }) => service) : [];
  return new Set([row.destinationService, ...destinations]);
}

function guardService(
  before: Catalog,
  after: Catalog,
  service: string,
  callers: readonly Caller[],
): readonly Violation[] {
  const usableBefore = usableEndpoints(before, service);
  const usableAfter = usableEndpoints(after, service);
  const stays = new Set(usableAfter.map(addressOf));
  const lost = usableBefore.filter((row) => !stays.has(addressOf(row))).length;
  if (usableBefore.length > 0 && usableAfter.length === 0) {
    const words = `${service} would lose its last usable endpoint${describeCallers(callers)}, and calls to it would fail with 503`;
    return [forceable("endpoints", words)];
  }
  if (lost * 2 > usableBefore.length) {
    const words = `${service} would lose ${lost} of its ${usableBefore.length} usable endpoints at once, more than half`;
    return [forceable("endpoints", words + describeCallers(callers))];
  }
  return callers.flatMap(({ shares }) => lostVersions(shares, usableBefore, usableAfter));
}

function addressOf({ podIp, port }: ServiceEndpoint): string {
  return `${podIp} ${port}`;
}

function lostVersions(
  shares: readonly Share[],
  usableBefore: readonly ServiceEndpoint[],
  usableAfter: readonly ServiceEndpoint[],
): readonly Violation[] {
  const serves = (rows: readonly ServiceEndpoint[], { version }: Share): boolean =>
    rows.some((row) => servesShare(row, version));
  return shares
    .filter((share) => serves(usableBefore, share) && !serves(usableAfter, share))
    .map(({ service, by, version, weight }) =>
      forceable(
        "endpoints",
        `${service} would lose its last usable endpoint of version ${version.name}, to which ${by} gives weight ${weight}`,
      ),
    );
}

/** Who sends calls there by name, for the operator to judge. */
function describeCallers(callers: readonly Caller[]): string {
  if (callers.length === 0) return "";
  const shown = callers.slice(0, 3).map(({ label }) => label);
  const more = callers.length > 3 ? ` and ${callers.length - 3} more` : "";
  return ` (${shown.join(", ")}${more} lead${callers.length === 1 ? "s" : ""} to it)`;
}

function forceable(path: string, text: string): Violation {
  return violation(path, `${text}. If that is meant, repeat it with --force`);
}
