import type { Catalog, Route, ServiceEndpoint, TrafficSplit } from "../catalog/catalog.ts";
import type { ServicePolicy } from "../catalog/service-policy.ts";

/**
 * A catalog regrouped by service: what a snapshot is built from.
 *
 * Identity carries meaning. A part whose rows did not change is the same object as in the mesh before, so that
 * everything made from it (resources, their bytes, their versions) can be kept by a WeakMap and an edit of one
 * service costs the work of one service. Equal content in a new object is still correct, only slower.
 */
export interface Mesh {
  readonly revision: number;
  /** What clusters and assignments are made from, by service name, sorted. */
  readonly members: ReadonlyMap<string, MemberRows>;
  /** What virtual hosts are made from, by service name, sorted. The same names as `members`. */
  readonly routing: ReadonlyMap<string, RoutingRows>;
  /** Services that some split or route names as its source: only these see routes of their own. */
  readonly sources: ReadonlySet<string>;
}

export interface MemberRows {
  readonly service: string;
  readonly policy: ServicePolicy | undefined;
  readonly endpoints: readonly ServiceEndpoint[];
  /** Versions that a split or a route names, sorted: each gets a subset cluster. */
  readonly versions: readonly string[];
  /** Versions for which a row without a version counts (seeds.md C16: the first side of a split). */
  readonly firstVersions: readonly string[];
}

export interface RoutingRows {
  readonly service: string;
  readonly routes: readonly Route[];
  /** The service itself first, then every service its routes forward to. */
  readonly targets: readonly Target[];
}

/** A service as a destination: how its calls divide and what policy they run under. */
export interface Target {
  readonly service: string;
  readonly policy: ServicePolicy | undefined;
  readonly splits: readonly TrafficSplit[];
}

export const emptyMesh: Mesh = { revision: 0, members: new Map(), routing: new Map(), sources: new Set() };

/** The version that a route's destination means when no split of the service says otherwise (seeds.md C16). */
const FIRST_VERSION = "v1";

/** Regroups `catalog`; parts equal to those of `previous` keep their identity. */
export function readMesh(catalog: Catalog, previous: Mesh): Mesh {
  const named = namedVersions(catalog);
  const names = serviceNames(catalog, named);
  return {
    revision: catalog.revision,
    members: keepIdentity(previous.members, names, (name) => readMembers(catalog, name, named.get(name)), sameMembers),
    routing: keepIdentity(previous.routing, names, (name) => readRouting(catalog, name), sameRouting),
    sources: readSources(catalog),
  };
}

/** Every service that has a row or that a route forwards to. One without endpoints still answers: 503, not 404. */
function serviceNames(catalog: Catalog, named: ReadonlyMap<string, unknown>): readonly string[] {
  const names = new Set([
    ...catalog.endpoints.keys(),
    ...catalog.policies.keys(),
    ...catalog.splits.keys(),
    ...catalog.routes.keys(),
    ...named.keys(),
  ]);
  return [...names].sort();
}

/** By service: the versions that splits and routes name. A service that a route names without a version has none. */
function namedVersions(catalog: Catalog): ReadonlyMap<string, ReadonlySet<string>> {
  const named = new Map<string, Set<string>>();
  const name = (service: string, version: string | null): void => {
    const versions = named.get(service) ?? new Set();
    if (version !== null) versions.add(version);
    named.set(service, versions);
  };
  for (const splits of catalog.splits.values()) {
    for (const split of splits) {
      name(split.destinationService, split.v1Version);
      name(split.destinationService, split.v2Version);
    }
  }
  for (const routes of catalog.routes.values()) {
    for (const route of routes) for (const to of route.destinations) name(to.service, to.version);
  }
  return named;
}

function readSources(catalog: Catalog): ReadonlySet<string> {
  const sources = new Set<string>();
  for (const rows of [...catalog.splits.values(), ...catalog.routes.values()]) {
    for (const row of rows) if (row.sourceService !== null) sources.add(row.sourceService);
  }
  return sources;
}

function readMembers(catalog: Catalog, service: string, named: ReadonlySet<string> | undefined): MemberRows {
  const splits = catalog.splits.get(service) ?? [];
  const first = splits.length === 0 ? [FIRST_VERSION] : splits.map((split) => split.v1Version);
  return {
    service,
    policy: catalog.policies.get(service),
    endpoints: catalog.endpoints.get(service) ?? NO_ROWS,
    versions: [...(named ?? [])].sort(),
    firstVersions: [...new Set(first)].sort(),
  };
}

function readRouting(catalog: Catalog, service: string): RoutingRows {
  const routes = catalog.routes.get(service) ?? NO_ROWS;
  const targets = new Set([service, ...routes.flatMap((route) => route.destinations.map((to) => to.service))]);
  return {
    service,
    routes,
    targets: [...targets].map((target) => ({
      service: target,
      policy: catalog.policies.get(target),
      splits: catalog.splits.get(target) ?? NO_ROWS,
    })),
  };
}

/** One shared empty list, so that "no rows" is the same object every time. */
const NO_ROWS: readonly never[] = [];

function keepIdentity<T>(
  previous: ReadonlyMap<string, T>,
  names: readonly string[],
  read: (name: string) => T,
  same: (a: T, b: T) => boolean,
): ReadonlyMap<string, T> {
  let changed = previous.size !== names.length;
  const next = new Map<string, T>();
  for (const name of names) {
    const before = previous.get(name);
    const now = read(name);
    const kept = before !== undefined && same(before, now);
    next.set(name, kept ? before : now);
    if (!kept) changed = true;
  }
  return changed ? next : previous;
}

function sameMembers(a: MemberRows, b: MemberRows): boolean {
  return (
    a.policy === b.policy &&
    a.endpoints === b.endpoints &&
    sameTexts(a.versions, b.versions) &&
    sameTexts(a.firstVersions, b.firstVersions)
  );
}

function sameRouting(a: RoutingRows, b: RoutingRows): boolean {
  return (
    a.routes === b.routes &&
    a.targets.length === b.targets.length &&
    a.targets.every((target, index) => {
      const other = b.targets[index];
      return target.service === other?.service && target.policy === other.policy && target.splits === other.splits;
    })
  );
}

function sameTexts(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((text, index) => text === b[index]);
}
