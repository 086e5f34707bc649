import { encodeLastGood } from "../../data-plane/xds/last-good-format.ts";
import type { Cluster } from "../../shared/model/cluster.ts";
import type { VirtualHost } from "../../shared/model/route.ts";
import { encodeCluster } from "../../shared/wire/cluster-wire.ts";
import { encodeLoadAssignment } from "../../shared/wire/endpoint-wire.ts";
import { encodeListener } from "../../shared/wire/listener-wire.ts";
import { encodeRouteConfig } from "../../shared/wire/route-wire.ts";
import { SERVICES, TIMEOUT_MS } from "../peers/peer.ts";
import type { PolicySet } from "./policy-sets.ts";

const ROUTES = "web";

/**
 * The file from which a proxy starts when it has no control plane: the services of the bench, each with one endpoint and the
 * policies of a set. No control plane says "no policies at all", so the bench writes what one would have sent.
 */
export function snapshotFile(set: PolicySet, port: number): Buffer {
  const listener = encodeListener({
    name: "outbound",
    direction: "outbound",
    bind: undefined,
    routes: { kind: "rds", routeConfigName: ROUTES },
    statPrefix: "outbound",
  });
  const routes = encodeRouteConfig({
    name: ROUTES,
    ignorePortInHost: true,
    virtualHosts: SERVICES.map((service) => virtualHost(service, set)),
  });
  const endpoint = {
    address: { host: "127.0.0.1", port },
    weight: 1,
    health: "healthy",
    version: "",
    priority: 0,
  } as const;
  const types = {
    clusters: SERVICES.map((service) => encodeCluster(cluster(service, set))),
    endpoints: SERVICES.map((name) => encodeLoadAssignment({ name, endpoints: [endpoint] })),
    listeners: [listener],
    routes: [routes],
  };
  return encodeLastGood({
    savedWallMs: Date.now(),
    snapshot: {
      meshId: "bench",
      types: (["clusters", "endpoints", "listeners", "routes"] as const).map((type) => ({
        type,
        version: "r1.bench",
        resources: types[type],
      })),
    },
  });
}

function cluster(service: string, { cluster: policies }: PolicySet): Cluster {
  return {
    name: service,
    discovery: { kind: "eds", assignmentName: service },
    connectTimeoutMs: 1_000,
    lb: { kind: "least-request", choices: 2 },
    panicThresholdPercent: 50,
    policies,
    service,
    version: "",
  };
}

function virtualHost(service: string, { retry, fault, rateLimit }: PolicySet): VirtualHost {
  return {
    name: service,
    domains: [service],
    routes: [
      {
        name: `service/${service}`,
        match: { path: { kind: "prefix", value: "/" }, caseSensitive: true, headers: [], query: [] },
        action: {
          kind: "forward",
          clusters: [{ cluster: service, weight: 1 }],
          timeoutMs: TIMEOUT_MS,
          retry,
          hashOn: [],
          prefixRewrite: undefined,
          regexRewrite: undefined,
          hostRewrite: undefined,
          mirrors: [],
        },
        fault,
        rateLimit,
      },
    ],
  };
}
