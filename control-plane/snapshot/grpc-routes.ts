import type { PathMatch, Route, RouteConfig, VirtualHost } from "../../shared/model/route.ts";

/**
 * A virtual host as gRPC clients take it (xds.md 3.2-3.4): they refuse a whole table for a redirect, a direct response
 * or a query match, know no prefix by segments, and retry by gRPC's own words only. Rules they cannot follow are left
 * out, so that the rest keeps working. The client asked for the table by its service, so it holds for every host.
 */
export function forGrpc(host: VirtualHost): RouteConfig {
  const routes = host.routes.flatMap((route) => grpcRoute(route));
  return {
    name: host.name,
    virtualHosts: [{ name: host.name, domains: ["*"], routes }],
    ignorePortInHost: false,
  };
}

function grpcRoute(route: Route): readonly Route[] {
  if (route.action.kind !== "forward" || route.match.query.length > 0) return [];
  const { retry } = route.action;
  return [
    {
      ...route,
      match: { ...route.match, path: grpcPath(route.match.path) },
      action: {
        ...route.action,
        retry: retry === undefined ? undefined : { ...retry, retryOn: ["unavailable"], avoidPrevious: false },
        prefixRewrite: undefined,
        regexRewrite: undefined,
        hostRewrite: undefined,
        mirrors: [],
      },
    },
  ];
}

function grpcPath(path: PathMatch): PathMatch {
  if (path.kind !== "segment-prefix") return path;
  const literal = path.value.replace(/[\\^$.*+?()[\]{}|]/g, String.raw`\$&`);
  return { kind: "regex", value: `${literal}(/.*)?` };
}
