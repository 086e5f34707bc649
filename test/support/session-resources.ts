import type { Cluster, LoadAssignment } from "../../shared/model/cluster.ts";
import { NO_POLICIES } from "../../shared/model/cluster-policy.ts";
import type { Listener } from "../../shared/model/listener.ts";
import type { RouteConfig } from "../../shared/model/route.ts";

/** Small resources for stories about the session; a `mark` tells two contents of one name apart. */
export function cluster(name: string, mark = 0): Cluster {
  return {
    name,
    discovery: { kind: "eds", assignmentName: name },
    connectTimeoutMs: 1_000 + mark,
    lb: { kind: "round-robin" },
    panicThresholdPercent: 50,
    policies: NO_POLICIES,
    service: name,
    version: "",
  };
}

export function assignment(name: string, port = 9_000): LoadAssignment {
  const endpoint = { address: { host: "127.0.0.1", port }, weight: 1, health: "healthy", version: "v1", priority: 0 };
  return { name, endpoints: [{ ...endpoint, health: "healthy" }] };
}

export function listener(name: string, routeConfigName = name): Listener {
  return {
    name,
    direction: "outbound",
    bind: { host: "127.0.0.1", port: 15_001 },
    routes: { kind: "rds", routeConfigName },
    statPrefix: name,
  };
}

/** One virtual host per cluster, mapped one to one. */
export function routeConfig(name: string, clusters: readonly string[], mark = 0): RouteConfig {
  return {
    name,
    ignorePortInHost: true,
    virtualHosts: clusters.map((one) => ({
      name: one,
      domains: [one],
      routes: [
        {
          name: `${one}-${mark}`,
          match: { path: { kind: "prefix", value: "/" }, caseSensitive: true, headers: [], query: [] },
          action: {
            kind: "forward",
            clusters: [{ cluster: one, weight: 1 }],
            timeoutMs: undefined,
            retry: undefined,
            hashOn: [],
            prefixRewrite: undefined,
            regexRewrite: undefined,
            hostRewrite: undefined,
            mirrors: [],
          },
          fault: undefined,
          rateLimit: undefined,
        },
      ],
    })),
  };
}
