import { DIRECT_SERVICE, MESH_SERVICE, RETRIES, SERVICES, TIMEOUT_MS, V1_PERCENT } from "./peer.ts";

/** Envoy's default of 1,024 parallel requests and connections per cluster is lifted out of the way. */
const THRESHOLD = 100_000;

/**
 * Envoy as the caller's proxy, with the work of Heddle's: a virtual host for each service with a canary route and a weighted
 * split, retry policy and timeout, request ids, its own counters and histograms. It makes no trace context here, which
 * Heddle does.
 */
export function outboundBootstrap(port: number, v1Port: number, v2Port: number, calleePort: number): object {
  const endpoints = (service: string): [string, number][] => [
    [`${service}|v1`, service === MESH_SERVICE ? calleePort : v1Port],
    [`${service}|v2`, v2Port],
  ];
  return bootstrap(
    port,
    SERVICES.map(serviceHost),
    SERVICES.flatMap(endpoints).map(([name, clusterPort]) => cluster(name, clusterPort)),
  );
}

/** Envoy before the app: one route, no retries. */
export function inboundBootstrap(port: number, appPort: number): object {
  const route = { match: { prefix: "/" }, route: { cluster: "app", timeout: seconds(TIMEOUT_MS) } };
  return bootstrap(port, [{ name: "app", domains: ["*"], routes: [route] }], [cluster("app", appPort)]);
}

function serviceHost(service: string): object {
  const v1Weight = service === DIRECT_SERVICE ? V1_PERCENT : 100;
  const common = {
    timeout: seconds(TIMEOUT_MS),
    retry_policy: {
      retry_on: "connect-failure,reset,gateway-error",
      num_retries: RETRIES,
      retry_back_off: { base_interval: "0.025s", max_interval: "0.25s" },
    },
  };
  const canary = { name: "x-canary", string_match: { exact: "true" } };
  const clusters = [
    { name: `${service}|v1`, weight: v1Weight },
    { name: `${service}|v2`, weight: 100 - v1Weight },
  ];
  return {
    name: service,
    domains: [service],
    routes: [
      { match: { prefix: "/", headers: [canary] }, route: { ...common, cluster: `${service}|v2` } },
      { match: { prefix: "/" }, route: { ...common, weighted_clusters: { clusters } } },
    ],
  };
}

function cluster(name: string, port: number): object {
  const limits = { max_connections: THRESHOLD, max_pending_requests: THRESHOLD, max_requests: THRESHOLD };
  return {
    name,
    type: "STATIC",
    lb_policy: "LEAST_REQUEST",
    connect_timeout: "1s",
    circuit_breakers: { thresholds: [limits] },
    load_assignment: {
      cluster_name: name,
      endpoints: [{ lb_endpoints: [{ endpoint: { address: address(port) } }] }],
    },
  };
}

function bootstrap(port: number, virtualHosts: readonly object[], clusters: readonly object[]): object {
  const router = { "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router" };
  const manager = {
    "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
    stat_prefix: "bench",
    codec_type: "HTTP1",
    generate_request_id: true,
    preserve_external_request_id: true,
    route_config: { virtual_hosts: virtualHosts },
    http_filters: [{ name: "envoy.filters.http.router", typed_config: router }],
  };
  const filters = [{ name: "envoy.filters.network.http_connection_manager", typed_config: manager }];
  return {
    admin: { address: address(0) },
    static_resources: {
      listeners: [{ name: "bench", address: address(port), filter_chains: [{ filters }] }],
      clusters,
    },
  };
}

function address(port: number): object {
  return { socket_address: { address: "127.0.0.1", port_value: port } };
}

function seconds(ms: number): string {
  return `${ms / 1_000}s`;
}
