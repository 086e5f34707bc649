import type { RequestHead } from "../http1/message.ts";
import type { RouteRuntime, RouteTable } from "../runtime/runtime.ts";
import type { HeaderTest } from "./header-match.ts";
import { NO_HOST, type HostMatch } from "./host-match.ts";
import type { PathTest } from "./path-match.ts";
import type { QueryTest } from "./query-match.ts";

/** What a route asks of a request; all parts must hold. */
export interface RouteTests {
  readonly path: PathTest;
  readonly headers: readonly HeaderTest[];
  readonly query: readonly QueryTest[];
}

/** A route that can answer: its tests, its place in the order, and what it does. */
export interface BoundRoute {
  readonly index: number;
  readonly tests: RouteTests;
  readonly runtime: RouteRuntime;
}

/** A compiled RouteConfiguration: hosts first, then the routes of one virtual host in order, first match wins. */
export class HostRouteTable implements RouteTable {
  readonly #hosts: HostMatch;
  readonly #ignorePort: boolean;
  readonly #virtualHosts: readonly BoundVirtualHost[];

  constructor(hosts: HostMatch, ignorePort: boolean, virtualHosts: readonly BoundVirtualHost[]) {
    this.#hosts = hosts;
    this.#ignorePort = ignorePort;
    this.#virtualHosts = virtualHosts;
  }

  // Hot: runs once per request. Allocates nothing for a host with an exact domain.
  match(head: RequestHead): RouteRuntime | undefined {
    const found = this.#hosts.find(this.#host(head));
    return found === NO_HOST ? undefined : this.#virtualHosts[found]?.match(head);
  }

  knowsHost(head: RequestHead): boolean {
    return this.#hosts.findNamed(this.#host(head)) !== NO_HOST;
  }

  #host(head: RequestHead): string {
    return this.#ignorePort ? head.hostname : head.authority;
  }
}

/** The routes of one virtual host. Must give what a scan in order would give. */
export class BoundVirtualHost {
  /** Routes that test an exact path and nothing else, the first of each path. */
  readonly #exact = new Map<string, BoundRoute>();
  /** All other routes, in order. */
  readonly #scanned: BoundRoute[] = [];

  constructor(routes: readonly BoundRoute[]) {
    for (const route of routes) {
      if (!testsOnlyExactPath(route.tests)) this.#scanned.push(route);
      else if (!this.#exact.has(route.tests.path.value)) this.#exact.set(route.tests.path.value, route);
    }
  }

  // Hot. The exact route found by one lookup bounds the scan: no route after it can come first.
  match(head: RequestHead): RouteRuntime | undefined {
    // A look-up hashes the path, which is a new string each time.
    const exact = this.#exact.size === 0 ? undefined : this.#exact.get(head.path);
    for (const route of this.#scanned) {
      if (exact !== undefined && route.index > exact.index) break;
      if (holds(route.tests, head)) return route.runtime;
    }
    return exact?.runtime;
  }
}

function testsOnlyExactPath({ path, headers, query }: RouteTests): boolean {
  return path.kind === "exact" && path.caseSensitive && headers.length === 0 && query.length === 0;
}

/** Whether one route matches. Hot. */
export function holds(tests: RouteTests, head: RequestHead): boolean {
  if (!tests.path.matches(head.path)) return false;
  for (const header of tests.headers) if (!header.matches(head)) return false;
  for (const parameter of tests.query) if (!parameter.matches(head.query)) return false;
  return true;
}
