import { unreachable } from "../../shared/assert.ts";
import type { RespondAction, Route, RouteAction, RouteConfig, VirtualHost } from "../../shared/model/route.ts";
import { err, ok, type Result } from "../../shared/result.ts";
import { violation, type Violation } from "../../shared/violation.ts";
import type { ClusterRuntime, RedirectRuntime, RouteTable } from "../runtime/runtime.ts";
import { compileFault, type Fault } from "./fault.ts";
import { compileForward, type ForwardTemplate } from "./forward.ts";
import { compileHeaderMatch } from "./header-match.ts";
import { compileHosts, type HostMatch } from "./host-match.ts";
import { compilePathMatch } from "./path-match.ts";
import { compileQueryMatch } from "./query-match.ts";
import { compileRedirect } from "./redirect.ts";
import { compileRateLimit, type RouteLimit } from "./route-limit.ts";
import { BoundVirtualHost, HostRouteTable, type BoundRoute, type RouteTests } from "./route-table.ts";

/** The name under which Envoy looks for the faults of a route. */
const FAULT_FILTER = "envoy.filters.http.fault";
const RATE_LIMIT_FILTER = "envoy.filters.http.local_ratelimit";

/**
 * Compiles a route configuration, or says everything that is wrong with it, with paths as in Envoy's RouteConfiguration:
 * these become the words of a NACK. A cluster the routes name need not exist yet; see {@link RouteTemplate.bind}.
 */
export function compileRoutes(config: RouteConfig): Result<RouteTemplate, readonly Violation[]> {
  const violations: Violation[] = [];
  const domains = config.virtualHosts.map((virtualHost) => virtualHost.domains);
  const hosts = compileHosts(domains, "virtual_hosts", violations);
  const virtualHosts = config.virtualHosts.map((virtualHost, index) =>
    compileVirtualHost(virtualHost, `virtual_hosts[${index}]`, violations),
  );
  return violations.length > 0 ? err(violations) : ok(new RouteTemplate(hosts, config.ignorePortInHost, virtualHosts));
}

/**
 * A compiled route configuration whose clusters are still names. Endpoints change far more often than routes: binding again
 * costs one lookup per named cluster, and only virtual hosts with a changed cluster are rebuilt.
 */
export class RouteTemplate {
  readonly #hosts: HostMatch;
  readonly #ignorePort: boolean;
  readonly #virtualHosts: readonly VirtualHostTemplate[];
  /** Of all its routes, with repetitions. */
  readonly rateLimits: readonly RouteLimit[];
  #table: RouteTable | undefined;

  constructor(hosts: HostMatch, ignorePort: boolean, virtualHosts: readonly VirtualHostTemplate[]) {
    this.#hosts = hosts;
    this.#ignorePort = ignorePort;
    this.#virtualHosts = virtualHosts;
    this.rateLimits = virtualHosts.flatMap((virtualHost) => virtualHost.rateLimits);
  }

  /** Every cluster the routes name, with repetitions. */
  *clusterNames(): Iterable<string> {
    for (const virtualHost of this.#virtualHosts) yield* virtualHost.clusterNames;
  }

  /** The table over these clusters; the same table again as long as the clusters it names are the same objects. */
  bind(clusters: ReadonlyMap<string, ClusterRuntime>): RouteTable {
    let changed = false;
    const bound = this.#virtualHosts.map((virtualHost) => {
      const before = virtualHost.bound;
      const after = virtualHost.bind(clusters);
      changed ||= before !== after;
      return after;
    });
    if (this.#table !== undefined && !changed) return this.#table;
    const table = new HostRouteTable(this.#hosts, this.#ignorePort, bound);
    this.#table = table;
    return table;
  }
}

class VirtualHostTemplate {
  readonly clusterNames: readonly string[];
  readonly rateLimits: readonly RouteLimit[];
  bound: BoundVirtualHost | undefined;
  readonly #routes: readonly RouteSkeleton[];
  #boundTo: readonly (ClusterRuntime | undefined)[] = [];

  constructor(routes: readonly RouteSkeleton[]) {
    this.#routes = routes;
    this.clusterNames = [...new Set(routes.flatMap(({ action }) => ("bind" in action ? action.clusterNames : [])))];
    this.rateLimits = routes.flatMap(({ rateLimit }) => (rateLimit === undefined ? [] : [rateLimit]));
  }

  bind(clusters: ReadonlyMap<string, ClusterRuntime>): BoundVirtualHost {
    const same = this.clusterNames.every((name, index) => clusters.get(name) === this.#boundTo[index]);
    if (this.bound !== undefined && same) return this.bound;
    this.#boundTo = this.clusterNames.map((name) => clusters.get(name));
    this.bound = new BoundVirtualHost(this.#routes.map((route, index) => bindRoute(route, index, clusters)));
    return this.bound;
  }
}

interface RouteSkeleton {
  readonly name: string;
  readonly tests: RouteTests;
  readonly action: ForwardTemplate | RedirectRuntime | RespondAction;
  readonly fault: Fault | undefined;
  readonly rateLimit: RouteLimit | undefined;
}

function bindRoute(
  { tests, action, ...others }: RouteSkeleton,
  index: number,
  clusters: ReadonlyMap<string, ClusterRuntime>,
): BoundRoute {
  return { index, tests, runtime: { ...others, action: "bind" in action ? action.bind(clusters) : action } };
}

function compileVirtualHost(virtualHost: VirtualHost, path: string, violations: Violation[]): VirtualHostTemplate {
  return new VirtualHostTemplate(
    virtualHost.routes.map((route, index) => compileRoute(route, `${path}.routes[${index}]`, violations)),
  );
}

function compileRoute(route: Route, path: string, violations: Violation[]): RouteSkeleton {
  const { match } = route;
  const tests: RouteTests = {
    path: compilePathMatch(match.path, match.caseSensitive, violations, `${path}.match`),
    headers: match.headers.map((header, index) =>
      compileHeaderMatch(header, `${path}.match.headers[${index}]`, violations),
    ),
    query: match.query.map((query, index) =>
      compileQueryMatch(query, `${path}.match.query_parameters[${index}]`, violations),
    ),
  };
  return {
    name: route.name,
    tests,
    action: compileAction(route.action, tests, path, violations),
    fault:
      route.fault === undefined
        ? undefined
        : compileFault(route.fault, `${path}.typed_per_filter_config["${FAULT_FILTER}"]`, violations),
    rateLimit:
      route.rateLimit === undefined
        ? undefined
        : compileRateLimit(route.rateLimit, `${path}.typed_per_filter_config["${RATE_LIMIT_FILTER}"]`, violations),
  };
}

function compileAction(
  action: RouteAction,
  tests: RouteTests,
  path: string,
  violations: Violation[],
): RouteSkeleton["action"] {
  switch (action.kind) {
    case "forward":
      return compileForward(action, tests.path, `${path}.route`, violations);
    case "redirect":
      return compileRedirect(action, tests.path, `${path}.redirect`, violations);
    case "respond":
      if (!Number.isInteger(action.status) || action.status < 200 || action.status > 599) {
        violations.push(violation(`${path}.direct_response.status`, `${action.status} is not in 200-599`));
      }
      return action;
    default:
      return unreachable(action);
  }
}
