import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { Cluster } from "../../../shared/generated/envoy/config/cluster/v3/cluster.ts";
import { ClusterLoadAssignment } from "../../../shared/generated/envoy/config/endpoint/v3/endpoint.ts";
import { Listener } from "../../../shared/generated/envoy/config/listener/v3/listener.ts";
import { RouteConfiguration } from "../../../shared/generated/envoy/config/route/v3/route.ts";
import type { Result } from "../../../shared/result.ts";
import { describeViolations, type Violation } from "../../../shared/violation.ts";
import { decodeCluster } from "../../../shared/wire/cluster-wire.ts";
import { decodeLoadAssignment } from "../../../shared/wire/endpoint-wire.ts";
import { decodeListener } from "../../../shared/wire/listener-wire.ts";
import { decodeRouteConfig } from "../../../shared/wire/route-wire.ts";
import { protoTree, readReference } from "../../support/proto-tree.ts";

type Decoded = Result<object, readonly Violation[]>;

/** Decodes a message given as protobuf JSON with the names of the proto files, encoded by a codec of another make. */
function decode(kind: { readonly $type: string }, message: object): Decoded {
  return decodeAs(kind.$type, encodeJson(kind.$type, message));
}

function decodeAs(type: string, bytes: Uint8Array): Decoded {
  switch (type) {
    case Cluster.$type:
      return decodeCluster(bytes);
    case ClusterLoadAssignment.$type:
      return decodeLoadAssignment(bytes);
    case Listener.$type:
      return decodeListener(bytes);
    default:
      return decodeRouteConfig(bytes);
  }
}

function paths(result: Decoded): readonly string[] {
  return result.ok ? [] : result.error.map(({ path }) => path);
}

const ads = { ads: {}, resource_api_version: "V3" };
const eds = { name: "web", type: "EDS", eds_cluster_config: { eds_config: ads } };
const withRoute = (route: object): object => ({
  name: "r",
  virtual_hosts: [{ name: "v", domains: ["*"], routes: [route] }],
});
const toWeb = { match: { prefix: "/" }, route: { cluster: "web" } };

const timing = {
  timeout: { seconds: 1 },
  interval: { seconds: 5 },
  unhealthy_threshold: { value: 3 },
  healthy_threshold: { value: 2 },
};
const checkNumbers = ["interval", "timeout", "unhealthy_threshold", "healthy_threshold"].map(
  (field) => `health_checks[0].${field}`,
);

describe("a cluster is refused, by path,", () => {
  const cases: readonly (readonly [string, object, readonly string[]])[] = [
    ["for TLS", { transport_socket: { name: "envoy.transport_sockets.tls" } }, ["transport_socket"]],
    ["for TLS by metadata", { transport_socket_matches: [{ name: "m" }] }, ["transport_socket_matches"]],
    ["for subsets", { lb_subset_config: { panic_mode_any: true } }, ["lb_subset_config"]],
    ["for HTTP/2", { http2_protocol_options: {} }, ["http2_protocol_options"]],
    ["for a policy it does not have", { lb_policy: "CLUSTER_PROVIDED" }, ["lb_policy"]],
    ["for a policy nobody has", { lb_policy: 77 }, ["lb_policy"]],
    ["for another policy's options", { maglev_lb_config: { table_size: { value: 7 } } }, ["lb_config"]],
    [
      "for weights of localities",
      { common_lb_config: { locality_weighted_lb_config: {} } },
      ["common_lb_config.locality_weighted_lb_config"],
    ],
    [
      "for endpoints from elsewhere",
      { eds_cluster_config: { eds_config: { path: "/x" } } },
      ["eds_cluster_config.eds_config.ads"],
    ],
    ["for no source of endpoints", { eds_cluster_config: undefined }, ["eds_cluster_config"]],
    ["for a kind of discovery it does not have", { type: "ORIGINAL_DST" }, ["type"]],
    [
      "for ejecting by chance",
      { outlier_detection: { enforcing_consecutive_5xx: { value: 50 }, interval: { seconds: 0 } } },
      ["outlier_detection.enforcing_consecutive_5xx", "outlier_detection.interval"],
    ],
    [
      "for ejecting by failures to connect alone",
      { outlier_detection: { enforcing_consecutive_5xx: { value: 0 }, split_external_local_origin_errors: true } },
      ["outlier_detection.split_external_local_origin_errors"],
    ],
    [
      "for bounds of each endpoint",
      { circuit_breakers: { per_host_thresholds: [{ max_connections: { value: 1 } }] } },
      ["circuit_breakers.per_host_thresholds"],
    ],
    [
      "for a check it cannot make",
      { health_checks: [{ ...timing, tcp_health_check: {}, alt_port: { value: 1 } }] },
      ["health_checks[0].alt_port", "health_checks[0]"],
    ],
    [
      "for a check that asks for more than a 2xx",
      {
        health_checks: [
          { ...timing, http_health_check: { path: "/", host: "h", expected_statuses: [{ start: 200, end: 400 }] } },
        ],
      },
      ["health_checks[0].http_health_check.host", "health_checks[0].http_health_check.expected_statuses[0]"],
    ],
    ["for a check without its numbers", { health_checks: [{ http_health_check: { path: "/" } }] }, checkNumbers],
    [
      "for metadata of ours that is something else",
      { metadata: { typed_filter_metadata: { "heddle.policy": { type_url: "type.googleapis.com/acme.Own" } } } },
      ['metadata.typed_filter_metadata["heddle.policy"]'],
    ],
    ["for everything at once", { name: "", lb_policy: 77, type: "ORIGINAL_DST" }, ["name", "type", "lb_policy"]],
  ];
  for (const [title, change, expected] of cases) {
    it(title, () => assert.deepEqual(paths(decode(Cluster, { ...eds, ...change })), expected));
  }

  it("for a field outside our subset, by its number", () => {
    const bytes = Cluster.encode({
      ...Cluster.fromPartial({ name: "web" }),
      // 48, upstream_config, as a tag.
      _unknownFields: { [(48 << 3) | 2]: [Buffer.from([0])] },
    }).finish();
    assert.ok(paths(decodeCluster(bytes)).includes("field 48"));
  });
});

describe("a cluster is accepted", () => {
  it("with tuning and statistics that do not decide where requests go", () => {
    const change = {
      alt_stat_name: "x",
      circuit_breakers: { thresholds: [{ track_remaining: true }, { priority: "HIGH" }] },
      outlier_detection: { max_ejection_time_jitter: { seconds: 1 }, always_eject_one_host: { value: true } },
      health_checks: [{ ...timing, no_traffic_interval: { seconds: 60 }, http_health_check: { path: "/" } }],
      lrs_server: { self: {} },
    };
    assert.equal(describeResult(decode(Cluster, { ...eds, ...change })), "accepted");
  });

  it("with the first load balancing policy of a list that Heddle knows", () => {
    const strange = { name: "x", typed_config: { type_url: "type.googleapis.com/acme.Own", value: Buffer.alloc(0) } };
    const url = "type.googleapis.com/envoy.extensions.load_balancing_policies.maglev.v3.Maglev";
    const known = { name: "y", typed_config: { type_url: url, value: Buffer.alloc(0) } };
    const policies = [strange, known].map((extension) => ({ typed_extension_config: extension }));
    const decoded = decodeCluster(encodeJson(Cluster.$type, { ...eds, load_balancing_policy: { policies } }));
    assert.ok(decoded.ok);
    assert.deepEqual(decoded.value.lb, { kind: "maglev", tableSize: 65_537 });
  });
});

describe("a route table is refused, by path,", () => {
  const at = "virtual_hosts[0].routes[0]";
  const cases: readonly (readonly [string, object, readonly string[]])[] = [
    [
      "for header mutations",
      { ...toWeb, request_headers_to_add: [{ header: { key: "a" } }] },
      [`${at}.request_headers_to_add`],
    ],
    [
      "for a filter's own rules",
      { ...toWeb, typed_per_filter_config: { rbac: {} } },
      [`${at}.typed_per_filter_config["rbac"]`],
    ],
    ["for a match on cookies", { ...toWeb, match: { prefix: "/", cookies: [{ name: "a" }] } }, [`${at}.match.cookies`]],
    ["for a match on gRPC", { ...toWeb, match: { prefix: "/", grpc: {} } }, [`${at}.match.grpc`]],
    ["for no path to match", { ...toWeb, match: {} }, [`${at}.match`]],
    [
      "for half of the requests",
      { ...toWeb, match: { prefix: "/", runtime_fraction: { default_value: { numerator: 50 } } } },
      [`${at}.match.runtime_fraction`],
    ],
    ["for a cluster named by a header", { ...toWeb, route: { cluster_header: "x" } }, [`${at}.route`]],
    [
      "for subsets of a cluster",
      { ...toWeb, route: { cluster: "a", metadata_match: {} } },
      [`${at}.route.metadata_match`],
    ],
    [
      "for weights of 0",
      { ...toWeb, route: { weighted_clusters: { clusters: [{ name: "a" }] } } },
      [`${at}.route.weighted_clusters`],
    ],
    [
      "for cookies it would have to make",
      { ...toWeb, route: { cluster: "a", hash_policy: [{ cookie: { name: "c", ttl: {} } }] } },
      [`${at}.route.hash_policy[0].cookie.ttl`],
    ],
    [
      "for a retry plug-in",
      { ...toWeb, route: { cluster: "a", retry_policy: { retry_priority: { name: "p" } } } },
      [`${at}.route.retry_policy.retry_priority`],
    ],
    ["for no action", { match: { prefix: "/" } }, [at]],
  ];
  for (const [title, route, expected] of cases) {
    it(title, () => assert.deepEqual(paths(decode(RouteConfiguration, withRoute(route))), expected));
  }

  it("for TLS on a virtual host", () => {
    const host = { name: "v", domains: ["*"], require_tls: "ALL" };
    assert.deepEqual(paths(decode(RouteConfiguration, { virtual_hosts: [host] })), ["virtual_hosts[0].require_tls"]);
  });
});

describe("a route", () => {
  it("without a retry policy takes that of its virtual host", () => {
    const host = { name: "v", domains: ["*"], retry_policy: { retry_on: "5xx, reset" }, routes: [toWeb] };
    const decoded = decodeRouteConfig(encodeJson(RouteConfiguration.$type, { virtual_hosts: [host] }));
    assert.ok(decoded.ok);
    const action = decoded.value.virtualHosts[0]?.routes[0]?.action;
    assert.ok(action?.kind === "forward");
    assert.deepEqual(action.retry?.retryOn, ["5xx", "reset"]);
    assert.equal(action.retry?.retries, 1);
    assert.equal(action.retry?.backoffMaxMs, 250);
  });
});

describe("an assignment is refused, by path,", () => {
  const at = "endpoints[0].lb_endpoints[0]";
  const lists = (endpoint: object): object => ({ cluster_name: "web", endpoints: [{ lb_endpoints: [endpoint] }] });
  const socket = (address: object): object => ({ endpoint: { address: { socket_address: address } } });
  const cases: readonly (readonly [string, object, readonly string[]])[] = [
    [
      "for a host name",
      lists(socket({ address: "web.local", port_value: 80 })),
      [`${at}.endpoint.address.socket_address.address`],
    ],
    [
      "for UDP",
      lists(socket({ address: "10.0.0.1", port_value: 80, protocol: "UDP" })),
      [`${at}.endpoint.address.socket_address.protocol`],
    ],
    ["for no port", lists(socket({ address: "10.0.0.1" })), [`${at}.endpoint.address.socket_address.port_value`]],
    ["for a pipe", lists({ endpoint: { address: { pipe: { path: "/x" } } } }), [`${at}.endpoint.address.pipe`]],
    [
      "for a health nobody knows",
      lists({ ...socket({ address: "10.0.0.1", port_value: 80 }), health_status: 77 }),
      [`${at}.health_status`],
    ],
    [
      "for requests to drop",
      { cluster_name: "web", policy: { drop_overloads: [{ category: "c" }] } },
      ["policy.drop_overloads"],
    ],
    ["for no name", { endpoints: [] }, ["cluster_name"]],
  ];
  for (const [title, message, expected] of cases) {
    it(title, () => assert.deepEqual(paths(decode(ClusterLoadAssignment, message)), expected));
  }
});

const golden = readReference<readonly { readonly type_url: string; readonly base64: string }[]>("xds/golden.json");

describe("resources of other control planes", { skip: "skip" in golden ? golden.skip : false }, () => {
  const entries = "data" in golden ? golden.data : [];
  const outcome = (index: number): string => {
    const entry = entries[index];
    assert.ok(entry !== undefined);
    return describeResult(
      decodeAs(entry.type_url.replace("type.googleapis.com/", ""), Buffer.from(entry.base64, "base64")),
    );
  };

  it("are accepted when they use what Heddle has: for Envoy", () => {
    assert.deepEqual([0, 1, 2, 3].map(outcome), ["accepted", "accepted", "accepted", "accepted"]);
  });

  it("are accepted when they use what Heddle has: for proxyless gRPC", () => {
    assert.deepEqual([4, 5, 6].map(outcome), ["accepted", "accepted", "accepted"]);
  });

  it("are refused with every reason when they use more", () => {
    assert.match(outcome(8), /transport_socket: .*UpstreamTlsContext/);
    assert.match(outcome(9), /typed_extension_protocol_options.*http_protocol_options/);
    assert.match(outcome(11), /policy\.drop_overloads/);
    for (const word of [
      "request_headers_to_add",
      "rate_limits",
      "require_tls",
      "grpc",
      "auto_host_rewrite",
      "runtime_fraction",
    ]) {
      assert.match(outcome(12), new RegExp(word));
    }
    for (const word of [
      "default_filter_chain",
      "filter_chain_match.server_names",
      "DownstreamTlsContext",
      "network.rbac",
      "fault",
      "ratelimit",
    ]) {
      assert.match(outcome(13), new RegExp(word));
    }
  });
});

function describeResult(result: Decoded): string {
  return result.ok ? "accepted" : describeViolations(result.error);
}

function encodeJson(type: string, message: object): Uint8Array {
  const codec = protoTree.lookupType(type);
  return codec.encode(codec.fromObject(message)).finish();
}
