import { unreachable } from "../../shared/assert.ts";
import { parseAddress, type Address } from "../../shared/address.ts";
import { INBOUND_PORT, OUTBOUND_PORT } from "../../shared/defaults.ts";
import { LOCAL_APP_CLUSTER } from "../../shared/model/cluster.ts";
import type { Listener } from "../../shared/model/listener.ts";
import type { RateLimitPolicy } from "../../shared/model/rate-limit.ts";
import type { Route, RouteConfig } from "../../shared/model/route.ts";
import type { ServicePolicy } from "../catalog/service-policy.ts";
import type { Mesh } from "./mesh.ts";
import type { NodeClass } from "./node-class.ts";
import { rateLimitOf } from "./rate-limit.ts";

/** The route table of all calls that leave a workload, shared by Heddle's proxies and Envoys. */
export const OUTBOUND_ROUTES = "outbound";

/**
 * The listeners of a node. Heddle's proxies bind where their own flags say; the address here is the default. An Envoy
 * has no such flags, so it names its address in the node's metadata (`heddle.outbound`). A gRPC client opens no
 * socket: it asks for a listener by the name of the service it calls.
 *
 * Proxies of services without a rate limit share one map, which never changes.
 */
export function buildListeners(nodeClass: NodeClass, mesh: Mesh): ReadonlyMap<string, Listener> {
  switch (nodeClass.kind) {
    case "heddle":
      return limitedListeners(mesh.members.get(nodeClass.limited)?.policy) ?? unlimitedListeners;
    case "envoy":
      return new Map([["outbound", outbound(envoyBind(nodeClass.outbound))]]);
    case "grpc":
      return new Map([...mesh.routing.keys()].map((service) => [service, apiListener(service)]));
    default:
      return unreachable(nodeClass.kind);
  }
}

function outbound(bind: Address): Listener {
  return {
    name: "outbound",
    direction: "outbound",
    bind,
    routes: { kind: "rds", routeConfigName: OUTBOUND_ROUTES },
    statPrefix: "outbound",
  };
}

function envoyBind(text: string | undefined): Address {
  const parsed = parseAddress(text ?? "");
  return parsed.ok ? parsed.value : { host: "127.0.0.1", port: OUTBOUND_PORT };
}

function proxyListeners(rateLimit: RateLimitPolicy | undefined): ReadonlyMap<string, Listener> {
  return new Map([
    ["inbound", inbound(rateLimit)],
    ["outbound", outbound({ host: "127.0.0.1", port: OUTBOUND_PORT })],
  ]);
}

const unlimitedListeners = proxyListeners(undefined);

const cache = new WeakMap<ServicePolicy, ReadonlyMap<string, Listener>>();

/** Undefined without a limit. */
function limitedListeners(policy: ServicePolicy | undefined): ReadonlyMap<string, Listener> | undefined {
  const rateLimit = rateLimitOf(policy);
  if (policy === undefined || rateLimit === undefined) return undefined;
  const listeners = cache.get(policy) ?? proxyListeners(rateLimit);
  cache.set(policy, listeners);
  return listeners;
}

function inbound(rateLimit: RateLimitPolicy | undefined): Listener {
  return {
    name: "inbound",
    direction: "inbound",
    bind: { host: "127.0.0.1", port: INBOUND_PORT },
    routes: { kind: "inline", config: inboundRoutes(rateLimit) },
    statPrefix: "inbound",
  };
}

/** Everything goes to the app. */
function inboundRoutes(rateLimit: RateLimitPolicy | undefined): RouteConfig {
  const route: Route = {
    name: "inbound",
    match: { path: { kind: "prefix", value: "/" }, caseSensitive: true, headers: [], query: [] },
    action: {
      kind: "forward",
      clusters: [{ cluster: LOCAL_APP_CLUSTER, weight: 1 }],
      // The caller's proxy owns the deadline and the retries; a second limit here could only cut a longer one short.
      timeoutMs: 0,
      retry: undefined,
      hashOn: [],
      prefixRewrite: undefined,
      regexRewrite: undefined,
      hostRewrite: undefined,
      mirrors: [],
    },
    fault: undefined,
    rateLimit,
  };
  const host = { name: "inbound", domains: ["*"], routes: [route] };
  return { name: "inbound", ignorePortInHost: false, virtualHosts: [host] };
}

function apiListener(service: string): Listener {
  return {
    name: service,
    direction: "outbound",
    bind: undefined,
    routes: { kind: "rds", routeConfigName: service },
    statPrefix: service,
  };
}
