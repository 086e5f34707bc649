import type { Catalog, Route, ServiceEndpoint, TrafficSplit } from "../catalog/catalog.ts";
import { parseCluster } from "../catalog/cluster-ref.ts";
import { DEFAULT_POLICY } from "../catalog/default-policy.ts";
import { isFaultOn } from "../catalog/fault-end.ts";
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
  /** Services that some split, route or fault names as its source: only these see routes of their own. */
  readonly sources: ReadonlySet<string>;
  /** Services with a rate limit: only their proxies have an inbound listener of their own. */
  readonly limited: ReadonlySet<string>;
  /** When the first of the faults that are on ends, in Unix milliseconds: until then the mesh is as it is here. */
  readonly faultsEndWallMs: number | undefined;
}

export interface MemberRows {
  readonly service: string;
  /** The service's row, or the one of defaults. */
  readonly policy: ServicePolicy;
  readonly endpoints: readonly ServiceEndpoint[];
  /** Versions that a split, a route or a mirror names, sorted: each gets a subset cluster. */
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
  readonly policy: ServicePolicy;
  /** Its policy asks for a fault that is not over. */
  readonly isFaulty: boolean;
  readonly splits: readonly TrafficSplit[];
}

export const emptyMesh: Mesh = {
  revision: 0,
  members: new Map(),
  routing: new Map(),
  sources: new Set(),
  limited: new Set(),
  faultsEndWallMs: undefined,
};

/** The version that a route's destination means when no split of the service says otherwise (seeds.md C16). */
const FIRST_VERSION = "v1";

/**
 * Regroups `catalog` as it holds at `nowWallMs`, Unix milliseconds: a fault that is over is gone. Parts equal to those of
 * `previous` keep their identity.
 */
export function readMesh(catalog: Catalog, previous: Mesh, nowWallMs: number): Mesh {
  const named = namedVersions(catalog);
  const names = serviceNames(catalog, named);
  return {
    revision: catalog.revision,
    members: keepIdentity(previous.members, names, (name) => readMembers(catalog, name, named.get(name)), sameMembers),
    routing: keepIdentity(previous.routing, names, (name) => readRouting(catalog, name, nowWallMs), sameRouting),
    sources: readSources(catalog, nowWallMs),
    limited: new Set([...catalog.policies.values()].filter(isLimited).map(({ serviceName }) => serviceName)),
    faultsEndWallMs: firstFaultEnd(catalog, nowWallMs),
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

function isLimited({ rateLimitRequests }: ServicePolicy): boolean {
  return rateLimitRequests !== null;
}

function firstFaultEnd(catalog: Catalog, nowWallMs: number): number | undefined {
  let first: number | undefined;
  for (const policy of catalog.policies.values()) {
    if (policy.faultUntil === null || !isFaultOn(policy, nowWallMs)) continue;
    const endMs = Date.parse(policy.faultUntil);
    first = Math.min(first ?? endMs, endMs);
  }
  return first;
}

/** By service: the versions that splits, routes and mirrors name. One that is named without a version has none. */
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
  for (const { mirrorTo, fallbackService } of catalog.policies.values()) {
    if (fallbackService !== null) name(fallbackService, null);
    if (mirrorTo === null) continue;
    const { service, version } = parseCluster(mirrorTo);
    name(service, version);
  }
  return named;
}

function readSources(catalog: Catalog, nowWallMs: number): ReadonlySet<string> {
  const sources = new Set<string>();
  for (const rows of [...catalog.splits.values(), ...catalog.routes.values()]) {
    for (const row of rows) if (row.sourceService !== null) sources.add(row.sourceService);
  }
  for (const policy of catalog.policies.values()) {
    if (policy.faultSource !== null && isFaultOn(policy, nowWallMs)) sources.add(policy.faultSource);
  }
  return sources;
}

function readMembers(catalog: Catalog, service: string, named: ReadonlySet<string> | undefined): MemberRows {
  const splits = catalog.splits.get(service) ?? [];
  const first = splits.length === 0 ? [FIRST_VERSION] : splits.map((split) => split.v1Version);
  return {
    service,
    policy: policyOf(catalog, service),
    endpoints: catalog.endpoints.get(service) ?? NO_ROWS,
    versions: [...(named ?? [])].sort(),
    firstVersions: [...new Set(first)].sort(),
  };
}

function policyOf(catalog: Catalog, service: string): ServicePolicy {
  return catalog.policies.get(service) ?? DEFAULT_POLICY;
}

function readRouting(catalog: Catalog, service: string, nowWallMs: number): RoutingRows {
  const routes = catalog.routes.get(service) ?? NO_ROWS;
  const targets = new Set([service, ...routes.flatMap((route) => route.destinations.map((to) => to.service))]);
  return {
    service,
    routes,
    targets: [...targets].map((target) => ({
      service: target,
      policy: policyOf(catalog, target),
      isFaulty: isFaultOn(policyOf(catalog, target), nowWallMs),
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
      return (
        target.service === other?.service &&
        target.policy === other.policy &&
        target.isFaulty === other.isFaulty &&
        target.splits === other.splits
      );
    })
  );
}

function sameTexts(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((text, index) => text === b[index]);
}
