import { HttpListener } from "../../data-plane/listener/http-listener.ts";
import { CompileCache, compile } from "../../data-plane/runtime/compile.ts";
import { ClusterStates } from "../../data-plane/runtime/cluster-states.ts";
import { EndpointStates } from "../../data-plane/runtime/endpoint-states.ts";
import { RequestMetrics } from "../../data-plane/telemetry/request-metrics.ts";
import { Egress } from "../../data-plane/upstream/egress.ts";
import { systemClock } from "../../shared/clock.ts";
import type { Cluster, Endpoint, LoadAssignment } from "../../shared/model/cluster.ts";
import { NO_POLICIES } from "../../shared/model/cluster-policy.ts";
import type { Route, RouteConfig, VirtualHost } from "../../shared/model/route.ts";
import type { Snapshot } from "../../shared/model/snapshot.ts";
import { systemRandom } from "../../shared/random.ts";
import { TimerWheel, turnWheel } from "../../shared/timer-wheel.ts";
import { systemTimers } from "../../shared/timers.ts";

// One outbound listener of Heddle as it runs in a mesh of twenty services: compiled routes with a split and a header
// match, retry policy and timeout, least-request picking, trace context, request id, counters and histogram. Access log off.

const SERVICES = 20;
const upstreamPort = Number(process.argv[2]);
const endpoint: Endpoint = {
  address: { host: "127.0.0.1", port: upstreamPort },
  weight: 1,
  health: "healthy",
  version: "",
  priority: 0,
};

function cluster(name: string, service: string, version: string): Cluster {
  return {
    name,
    discovery: { kind: "eds", assignmentName: name },
    connectTimeoutMs: 1_000,
    lb: { kind: "least-request", choices: 2 },
    panicThresholdPercent: 50,
    policies: NO_POLICIES,
    service,
    version,
  };
}

function forward(
  name: string,
  headers: Route["match"]["headers"],
  split: readonly { cluster: string; weight: number }[],
): Route {
  return {
    name,
    match: { path: { kind: "prefix", value: "/" }, caseSensitive: true, headers, query: [] },
    action: {
      kind: "forward",
      clusters: split,
      timeoutMs: 5_000,
      retry: {
        retryOn: ["connect-failure", "reset", "gateway-error", "retriable-status-codes"],
        retries: 2,
        perTryTimeoutMs: undefined,
        retriableStatuses: [502, 503, 504],
        backoffBaseMs: 25,
        backoffMaxMs: 250,
        avoidPrevious: true,
        retryNonIdempotent: false,
        retryAfterMaxMs: 0,
        hedgeOnTryTimeout: false,
      },
      hashOn: [],
      prefixRewrite: undefined,
      regexRewrite: undefined,
      hostRewrite: undefined,
      mirrors: [],
    },
    fault: undefined,
    rateLimit: undefined,
  };
}

function virtualHost(service: string): VirtualHost {
  const canary = { name: "x-canary", invert: false, treatMissingAsEmpty: false };
  const isTrue = { kind: "exact", value: "true", ignoreCase: false } as const;
  return {
    name: service,
    domains: [service],
    routes: [
      forward(`${service}/canary`, [{ ...canary, value: isTrue }], [{ cluster: `${service}|v2`, weight: 1 }]),
      forward(
        `${service}/split`,
        [],
        [
          { cluster: `${service}|v1`, weight: 90 },
          { cluster: `${service}|v2`, weight: 10 },
        ],
      ),
    ],
  };
}

function snapshot(): Snapshot {
  const services = Array.from({ length: SERVICES }, (_, index) => (index === 7 ? "reviews" : `service-${index}`));
  const names = services.flatMap((service) => [`${service}|v1`, `${service}|v2`]);
  const routes: RouteConfig = { name: "web", ignorePortInHost: true, virtualHosts: services.map(virtualHost) };
  return {
    listeners: new Map([
      [
        "outbound",
        {
          name: "outbound",
          direction: "outbound",
          bind: undefined,
          routes: { kind: "rds", routeConfigName: "web" },
          statPrefix: "outbound",
        },
      ],
    ]),
    routes: new Map([["web", routes]]),
    clusters: new Map(names.map((name) => [name, cluster(name, name.slice(0, -3), name.slice(-2))])),
    assignments: new Map(names.map((name): [string, LoadAssignment] => [name, { name, endpoints: [endpoint] }])),
  };
}

const compiled = compile(snapshot(), {
  endpoints: new EndpointStates(),
  clusters: new ClusterStates(),
  cache: new CompileCache(),
  random: systemRandom,
  revision: 1,
  localApp: undefined,
});
if (!compiled.ok) throw new Error(JSON.stringify(compiled.error));
const { runtime } = compiled.value;

const wheel = new TimerWheel(systemClock);
turnWheel(wheel, systemTimers);
const listener = new HttpListener({
  name: "outbound",
  direction: "outbound",
  runtimeOf: () => runtime,
  sink: new RequestMetrics(),
  wheel,
  identity: { service: "web", version: "v1" },
  egress: new Egress(),
  onBug: (error) => {
    throw error;
  },
});
const { port } = await listener.listen({ host: "127.0.0.1", port: 0 });
process.send?.({ port });
process.on("disconnect", () => process.exit(0));
