import { fixedChoice } from "../../data-plane/balancer/endpoint-choice.ts";
import { ClusterState, ServiceState } from "../../data-plane/runtime/cluster-state.ts";
import { NO_POLICIES } from "../../shared/model/cluster-policy.ts";
import { RequestHead } from "../../data-plane/http1/message.ts";
import { compileRoutes } from "../../data-plane/router/compile-routes.ts";
import type { ClusterRuntime, RouteRuntime, RouteTable } from "../../data-plane/runtime/runtime.ts";
import type {
  ForwardAction,
  HeaderMatch,
  PathMatch,
  QueryMatch,
  Route,
  RouteConfig,
  ValueMatch,
  VirtualHost,
} from "../../shared/model/route.ts";
import { describeViolations } from "../../shared/violation.ts";

/** `head("GET web/a?b=1", { "x-a": "1" })`: a request as the codec would hand it over. */
export function head(line: string, headers: Readonly<Record<string, string | readonly string[]>> = {}): RequestHead {
  const match = /^(\S+) ([^/?]*)([^?]*)(\?.*)?$/.exec(line);
  if (match === null) throw new Error(`not a request line: ${line}`);
  const request = new RequestHead();
  request.method = match[1] ?? "";
  request.authority = match[2] ?? "";
  request.hostname = request.authority.replace(/:\d+$/, "");
  request.path = match[3] ?? "";
  request.query = match[4] ?? "";
  request.headers = Object.entries(headers).flatMap(([name, value]) => [value].flat().flatMap((line) => [name, line]));
  return request;
}

export function forward(cluster: string, parts: Partial<ForwardAction> = {}): ForwardAction {
  return {
    kind: "forward",
    clusters: [{ cluster, weight: 1 }],
    timeoutMs: undefined,
    retry: undefined,
    hashOn: [],
    prefixRewrite: undefined,
    regexRewrite: undefined,
    hostRewrite: undefined,
    mirrors: [],
    ...parts,
  };
}

export interface RouteParts {
  readonly path?: PathMatch;
  readonly caseSensitive?: boolean;
  readonly headers?: readonly HeaderMatch[];
  readonly query?: readonly QueryMatch[];
  readonly action?: Route["action"];
}

/** Matches every path and forwards to the cluster of the same name, unless told otherwise. */
export function route(name: string, parts: RouteParts = {}): Route {
  return {
    name,
    fault: undefined,
    rateLimit: undefined,
    match: {
      path: parts.path ?? { kind: "prefix", value: "/" },
      caseSensitive: parts.caseSensitive ?? true,
      headers: parts.headers ?? [],
      query: parts.query ?? [],
    },
    action: parts.action ?? forward(name),
  };
}

export function header(name: string, value: ValueMatch | string, parts: Partial<HeaderMatch> = {}): HeaderMatch {
  return {
    name,
    value: typeof value === "string" ? exactly(value) : value,
    invert: false,
    treatMissingAsEmpty: false,
    ...parts,
  };
}

export function exactly(value: string): ValueMatch {
  return { kind: "exact", value, ignoreCase: false };
}

export function virtualHost(domains: readonly string[], routes: readonly Route[]): VirtualHost {
  return { name: domains.join(","), domains, routes };
}

export function routeConfig(virtualHosts: readonly VirtualHost[], ignorePortInHost = false): RouteConfig {
  return { name: "web", virtualHosts, ignorePortInHost };
}

export function clusterRuntime(name: string): ClusterRuntime {
  return {
    name,
    service: name,
    version: "",
    isOutside: false,
    connectTimeoutMs: 1_000,
    lb: { kind: "random" },
    policies: NO_POLICIES,
    state: new ClusterState(name, new ServiceState(name)),
    endpoints: [],
    choice: fixedChoice([], { pick: () => undefined }),
  };
}

/** Compiles and binds to a cluster for each name; a configuration that is refused fails the test. */
export function tableOf(config: RouteConfig, clusterNames: readonly string[] = []): RouteTable {
  const compiled = compileRoutes(config);
  if (!compiled.ok) throw new Error(describeViolations(compiled.error));
  return compiled.value.bind(new Map(clusterNames.map((name) => [name, clusterRuntime(name)])));
}

/** What a one-route table does with everything. */
export function onlyRoute(parts: RouteParts, clusterNames: readonly string[] = ["c"]): RouteRuntime {
  const table = tableOf(
    routeConfig([virtualHost(["*"], [route("only", { action: forward("c"), ...parts })])]),
    clusterNames,
  );
  const probe = parts.path === undefined || parts.path.kind === "regex" ? "/" : parts.path.value;
  const found = table.match(head(`GET web${probe}`));
  if (found === undefined) throw new Error("the route does not match its own path");
  return found;
}

/** Everything that is wrong with a configuration, as `path: message` lines; none when it compiles. */
export function problemsOf(config: RouteConfig): string[] {
  const compiled = compileRoutes(config);
  return compiled.ok ? [] : compiled.error.map(({ path, message }) => `${path}: ${message}`);
}
