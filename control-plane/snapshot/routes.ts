import { assert } from "../../shared/assert.ts";
import type {
  FaultPolicy,
  ForwardAction,
  HashPolicy,
  HeaderMatch,
  MirrorPolicy,
  PathMatch,
  Route,
  RouteConfig,
  RouteMatch,
  VirtualHost,
  WeightedCluster,
} from "../../shared/model/route.ts";
import type * as rows from "../catalog/catalog.ts";
import { describeKey, keyOf } from "../catalog/row-key.ts";
import type { NodeClass } from "./node-class.ts";
import { OUTBOUND_ROUTES } from "./listeners.ts";
import type { RoutingRows, Target } from "./mesh.ts";
import { divide, forced, splitFor } from "./division.ts";
import { faultPolicy } from "./fault-policy.ts";
import { forwardOf, hashPolicy, ruleForward, type Forward } from "./forwarding.ts";
import { forGrpc } from "./grpc-routes.ts";
import { exactly, headerMatch, headerMatches } from "./header-matches.ts";

/**
 * The route tables of a node. Proxies share one table, `outbound`, with a virtual host per service; a gRPC client asks
 * for the table of the one service it calls.
 *
 * Within a virtual host: Route rows by position, then the TrafficSplit (a header that forces the second side before the
 * weights), else the whole service. The first match wins.
 */
export function buildRoutes(
  routing: ReadonlyMap<string, RoutingRows>,
  nodeClass: NodeClass,
): ReadonlyMap<string, RouteConfig> {
  const hosts = reachable(routing).map((service) => virtualHost(service, nodeClass.source));
  if (nodeClass.kind === "grpc") return new Map(hosts.map((host) => [host.name, forGrpc(host)]));
  return new Map([[OUTBOUND_ROUTES, { name: OUTBOUND_ROUTES, virtualHosts: hosts, ignorePortInHost: true }]]);
}

/**
 * Hosts compare without case, so of services whose names differ only in case the first has the name: a table with the
 * same domain twice would be refused whole, and one odd name must not take the others down.
 */
function reachable(routing: ReadonlyMap<string, RoutingRows>): readonly RoutingRows[] {
  const folded = new Set<string>();
  return [...routing.values()].filter(({ service }) => {
    const name = service.toLowerCase();
    const isFirst = !folded.has(name);
    folded.add(name);
    return isFirst;
  });
}

const cache = new WeakMap<RoutingRows, Map<string, VirtualHost>>();

function virtualHost(routing: RoutingRows, source: string): VirtualHost {
  // Most services treat all callers alike; those share one object whatever the source.
  const key = isSpecialFor(routing, source) ? source : "";
  const bySource = cache.get(routing) ?? new Map<string, VirtualHost>();
  cache.set(routing, bySource);
  const known = bySource.get(key);
  if (known !== undefined) return known;
  const made = makeVirtualHost(routing, key);
  bySource.set(key, made);
  return made;
}

function isSpecialFor(routing: RoutingRows, source: string): boolean {
  const splits = routing.targets.flatMap((target) => target.splits);
  return (
    [...routing.routes, ...splits].some((row) => row.sourceService === source) ||
    routing.targets.some(({ isFaulty, policy }) => isFaulty && policy.faultSource === source)
  );
}

function makeVirtualHost(routing: RoutingRows, source: string): VirtualHost {
  const targets = new Map(routing.targets.map((target) => [target.service, target]));
  const self = targets.get(routing.service);
  assert(self !== undefined, `${routing.service} is missing among its own targets`);
  const ruled = routing.routes
    .filter((row) => row.sourceService === null || row.sourceService === source)
    .flatMap((row) => ruleRoutes(row, { self, targets, source }));
  const whole = forwardRoutes({
    name: splitName(self, source) ?? `service/${self.service}`,
    match: { path: { kind: "prefix", value: "/" }, caseSensitive: true, headers: [], query: [] },
    destinations: [{ service: self.service, version: null, weight: 1 }],
    forward: forwardOf(self.policy),
    scope: { self, targets, source },
  });
  return { name: routing.service, domains: [routing.service], routes: [...ruled, ...whole] };
}

/** An answer at once is not what a fault or a limit is for. */
const noPolicies = { fault: undefined, rateLimit: undefined };

interface Scope {
  readonly self: Target;
  readonly targets: ReadonlyMap<string, Target>;
  readonly source: string;
}

function splitName(target: Target, source: string): string | undefined {
  const split = splitFor(target.splits, source);
  return split === undefined ? undefined : `split/${describeKey(keyOf(split))}`;
}

/** What one Route row becomes: one route, and before it one for each header by which a destination's split is forced. */
function ruleRoutes(row: rows.Route, scope: Scope): readonly Route[] {
  const match: RouteMatch = {
    path: pathMatch(row),
    caseSensitive: true,
    headers: [...methodMatch(row.methods), ...headerMatches(row.headerMatch)],
    query: Object.entries(row.queryMatch ?? {}).map(([name, value]) => ({ name, value: exactly(value) })),
  };
  const name = `route/${row.name}`;
  if (row.directResponse !== null)
    return [{ name, match, action: { kind: "respond", ...row.directResponse }, ...noPolicies }];
  if (row.redirect !== null) return [{ name, match, action: redirectOf(row.redirect), ...noPolicies }];
  const destinations =
    row.destinations.length > 0 ? row.destinations : [{ service: scope.self.service, version: null, weight: 1 }];
  return forwardRoutes({ name, match, destinations, forward: ruleForward(row, scope.self.policy), scope });
}

interface Forwarding {
  readonly name: string;
  readonly match: RouteMatch;
  readonly destinations: readonly rows.RouteDestination[];
  readonly forward: Forward;
  readonly scope: Scope;
}

/** Any one of a split's headers forces its second side (seeds.md F4.20), so each gets a route before the weights. */
function forwardRoutes({ name, match, destinations, forward, scope }: Forwarding): readonly Route[] {
  const splits = destinations.map((to) =>
    to.version === null ? splitFor(scope.targets.get(to.service)?.splits ?? [], scope.source) : undefined,
  );
  const hashOn = hashPolicies(destinations, scope.targets);
  const subject = subjectOf(destinations, scope);
  const mirrors = mirrorsOf(subject);
  const policies = { fault: faultOf(subject, scope.source), rateLimit: undefined };
  const action = (clusters: readonly WeightedCluster[]): ForwardAction => ({ ...forward, clusters, hashOn, mirrors });
  return [
    ...forcingHeaders(splits).map(({ header, value }) => ({
      name: `${name}/${header}`,
      match: { ...match, headers: [...match.headers, headerMatch(header, value)] },
      action: action(forced(destinations, splits, { header, value })),
      ...policies,
    })),
    { name, match, action: action(divide(destinations, splits)), ...policies },
  ];
}

/**
 * Whose faults and mirror hold on a route: those of the one service that its calls go to; when they divide over several,
 * those of the service that was called.
 */
function subjectOf(destinations: readonly rows.RouteDestination[], { self, targets }: Scope): Target {
  const services = new Set(destinations.filter(({ weight }) => weight > 0).map(({ service }) => service));
  const [only = ""] = services;
  return (services.size === 1 ? targets.get(only) : undefined) ?? self;
}

function faultOf({ isFaulty, policy }: Target, source: string): FaultPolicy | undefined {
  const concerns = policy.faultSource === null || policy.faultSource === source;
  return isFaulty && concerns ? faultPolicy(policy) : undefined;
}

function mirrorsOf({ policy: { mirrorTo, mirrorPercent } }: Target): readonly MirrorPolicy[] {
  return mirrorTo === null ? [] : [{ cluster: mirrorTo, percent: mirrorPercent }];
}

interface ForcingHeader {
  readonly header: string;
  readonly value: string;
}

/** The headers that force a side of some split, each pair once. */
function forcingHeaders(splits: readonly (rows.TrafficSplit | undefined)[]): readonly ForcingHeader[] {
  const found = new Map<string, ForcingHeader>();
  for (const split of splits) {
    for (const [header, value] of Object.entries(split?.headerMatch ?? {})) {
      found.set(`${header}\n${value}`, { header, value });
    }
  }
  return [...found.values()];
}

function pathMatch(row: rows.Route): PathMatch {
  if (row.pathExact !== null) return { kind: "exact", value: row.pathExact };
  if (row.pathRegex !== null) return { kind: "regex", value: row.pathRegex };
  if (row.pathPrefix === null) return { kind: "prefix", value: "/" };
  // A prefix that ends in a slash is bounded by itself, and Envoy forbids it as path_separated_prefix.
  return { kind: row.pathPrefix.endsWith("/") ? "prefix" : "segment-prefix", value: row.pathPrefix };
}

function methodMatch(methods: readonly string[]): readonly HeaderMatch[] {
  const [only] = methods;
  if (only === undefined) return [];
  if (methods.length === 1) return [headerMatch(":method", only)];
  const value = methods.map((method) => method.replace(/[^A-Z]/g, String.raw`\$&`)).join("|");
  return [{ name: ":method", value: { kind: "regex", value }, invert: false, treatMissingAsEmpty: false }];
}

function redirectOf(redirect: rows.RouteRedirect): Route["action"] {
  const { status, stripQuery } = redirect;
  return {
    kind: "redirect",
    status,
    scheme: redirect.scheme ?? undefined,
    host: redirect.host ?? undefined,
    port: redirect.port ?? undefined,
    path: redirectPath(redirect),
    stripQuery,
  };
}

function redirectPath({ path, prefix }: rows.RouteRedirect): { kind: "full" | "prefix"; value: string } | undefined {
  if (path !== null) return { kind: "full", value: path };
  return prefix === null ? undefined : { kind: "prefix", value: prefix };
}

/** A hashing picker needs a key on the route; each destination's policy names its own, and equal ones count once. */
function hashPolicies(
  destinations: readonly rows.RouteDestination[],
  targets: ReadonlyMap<string, Target>,
): readonly HashPolicy[] {
  const texts = destinations.map((to) => targets.get(to.service)?.policy.hashOn ?? "");
  return [...new Set(texts)].filter((text) => text !== "").map(hashPolicy);
}
