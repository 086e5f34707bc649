import assert from "node:assert/strict";
import { describe, it } from "node:test";

import fc from "fast-check";

import { Listener as ListenerMessage } from "../../../shared/generated/envoy/config/listener/v3/listener.ts";
import { RouteConfiguration } from "../../../shared/generated/envoy/config/route/v3/route.ts";
import { HTTPFault } from "../../../shared/generated/envoy/extensions/filters/http/fault/v3/fault.ts";
import { LocalRateLimit } from "../../../shared/generated/envoy/extensions/filters/http/local_ratelimit/v3/local_rate_limit.ts";
import type { RetryPolicy, Route, RouteConfig } from "../../../shared/model/route.ts";
import { decodeListener, encodeListener } from "../../../shared/wire/listener-wire.ts";
import { decodeRouteConfig, encodeRouteConfig } from "../../../shared/wire/route-wire.ts";
import { listener, routeConfig } from "../../support/model-arbitraries.ts";
import { protoTree } from "../../support/proto-tree.ts";

const tables = routeConfig.map((value) => structuredClone(value));

describe("the policies of a route", () => {
  it("reach an Envoy as far as Envoy has words for them", () => {
    const asEnvoySays = (route: Route): Route => ({
      ...withRetry(route, { retryNonIdempotent: false }),
      fault: route.fault === undefined ? undefined : { ...route.fault, untilWallMs: undefined },
      rateLimit: route.rateLimit === undefined ? undefined : { ...route.rateLimit, scope: "local", failOpen: true },
    });
    fc.assert(
      fc.property(tables, (table) =>
        assert.deepEqual(decodeRouteConfig(encodeRouteConfig(table, "envoy")), {
          ok: true,
          value: eachRoute(table, asEnvoySays),
        }),
      ),
    );
  });

  it("reach a gRPC client without limits and waits that it does not know", () => {
    const asGrpcHears = (route: Route): Route => ({
      ...withRetry(route, { retryNonIdempotent: false, retryAfterMaxMs: 0 }),
      fault: route.fault === undefined ? undefined : { ...route.fault, untilWallMs: undefined },
      rateLimit: undefined,
    });
    fc.assert(
      fc.property(tables, (table) =>
        assert.deepEqual(decodeRouteConfig(encodeRouteConfig(table, "grpc")), {
          ok: true,
          value: eachRoute(table, asGrpcHears),
        }),
      ),
    );
  });

  it("let an Envoy repeat a POST only before it was sent, unless the policy allows it", () => {
    assert.deepEqual(conditionsOf({ retryOn: ["5xx"], retryNonIdempotent: false }), [":method", "idempotency-key"]);
    assert.deepEqual(conditionsOf({ retryOn: ["5xx"], retryNonIdempotent: true }), []);
    assert.deepEqual(conditionsOf({ retryOn: ["connect-failure"], retryNonIdempotent: false }), []);
  });
});

describe("a listener", () => {
  it("of any kind of node is read back", () => {
    const plain = listener.filter(({ routes }) => routes.kind === "rds").map((value) => structuredClone(value));
    for (const kind of ["heddle", "envoy", "grpc"] as const) {
      fc.assert(
        fc.property(plain, (value) =>
          assert.deepEqual(decodeListener(encodeListener(value, kind)), { ok: true, value }),
        ),
        { numRuns: 20 },
      );
    }
  });

  it("is refused when a filter acts by itself, on routes that nobody has seen yet", () => {
    const fault = encode(HTTPFault.$type, { abort: { http_status: 503 } });
    const limit = encode(LocalRateLimit.$type, { stat_prefix: "l", token_bucket: { max_tokens: 1 } });
    assert.deepEqual(filterPaths(HTTPFault.$type, fault), ["http_filters[0]"]);
    assert.deepEqual(filterPaths(LocalRateLimit.$type, limit), ["http_filters[0]"]);
    assert.deepEqual(filterPaths(LocalRateLimit.$type, encode(LocalRateLimit.$type, { stat_prefix: "l" })), []);
  });
});

describe("a route of a foreign control plane", () => {
  it("takes faults and limits from its virtual host or table, unless it says something itself", () => {
    const hurt = { [FAULT]: fault({ abort: { http_status: 503, percentage: { numerator: 5 } } }) };
    const table = { typed_per_filter_config: { [FAULT]: fault({ delay: { fixed_delay: { nanos: 5_000_000 } } }) } };
    const off = any("envoy.config.route.v3.FilterConfig", { disabled: true });
    const abort = { percent: 5, status: 503 };
    assert.deepEqual(routeOf({}, {}, table).fault?.delay, { percent: 0, ms: 5 });
    assert.deepEqual(routeOf({}, { typed_per_filter_config: hurt }, table).fault?.abort, abort);
    assert.deepEqual(routeOf({ typed_per_filter_config: hurt }, {}, table).fault?.delay, undefined);
    assert.equal(routeOf({ typed_per_filter_config: { [FAULT]: off } }, {}, table).fault, undefined);
  });

  it("takes mirrors, retries and hedging from its virtual host", () => {
    const mirror = (cluster: string): object => ({ request_mirror_policies: [{ cluster }] });
    const host = {
      ...mirror("b"),
      retry_policy: { retry_on: "5xx" },
      hedge_policy: { hedge_on_per_try_timeout: true },
    };
    const mirrorsOf = (route: Route): readonly object[] =>
      route.action.kind === "forward" ? route.action.mirrors : [];
    assert.deepEqual(mirrorsOf(routeOf({}, host, mirror("c"))), [{ cluster: "b", percent: 100 }]);
    assert.deepEqual(mirrorsOf(routeOf({}, {}, mirror("c"))), [{ cluster: "c", percent: 100 }]);
    const own = routeOf({ route: { cluster: "a", ...mirror("d"), hedge_policy: {} } }, host, {});
    assert.deepEqual(mirrorsOf(own), [{ cluster: "d", percent: 100 }]);
    assert.equal(retryOf(own)?.hedgeOnTryTimeout, false);
    assert.equal(retryOf(routeOf({}, host, {}))?.hedgeOnTryTimeout, true);
  });

  it("waits as Retry-After says, up to five minutes when no bound is set", () => {
    const waits = (backOff: object): number | undefined =>
      retryOf(routeOf({ route: { cluster: "a", retry_policy: { rate_limited_retry_back_off: backOff } } }, {}, {}))
        ?.retryAfterMaxMs;
    assert.equal(waits({ reset_headers: [{ name: "Retry-After" }] }), 300_000);
    assert.equal(waits({ reset_headers: [{ name: "Retry-After" }], max_interval: { seconds: 2 } }), 2_000);
    assert.equal(waits({ reset_headers: [{ name: "X-RateLimit-Reset", format: "UNIX_TIMESTAMP" }] }), 0);
  });

  it("is limited only where the limit is enabled and enforced", () => {
    const limited = (change: object): Route["rateLimit"] =>
      routeOf({ typed_per_filter_config: { l: any(LocalRateLimit.$type, { ...limit, ...change }) } }, {}, {}).rateLimit;
    assert.deepEqual(limited({}), {
      name: "l",
      requests: 5,
      perMs: 1_000,
      burst: 10,
      by: { kind: "total" },
      scope: "local",
      failOpen: true,
    });
    assert.equal(limited({ filter_enforced: undefined }), undefined);
    assert.equal(limited({ token_bucket: undefined }), undefined);
  });
});

const FAULT = "envoy.filters.http.fault";
const whole = { default_value: { numerator: 100 } };
const limit = {
  stat_prefix: "l",
  token_bucket: { max_tokens: 10, tokens_per_fill: { value: 5 }, fill_interval: { seconds: 1 } },
  filter_enabled: whole,
  filter_enforced: whole,
};

describe("a route's policies are refused, by path,", () => {
  const header = { request_headers: { header_name: "x-user", descriptor_key: "user" } };
  const keyed = {
    descriptors: [{ entries: [{ key: "user" }], token_bucket: limit.token_bucket }],
    rate_limits: [{ actions: [header] }],
  };
  const cases: readonly (readonly [string, string, object, readonly string[]])[] = [
    ["for an abort that a header asks for", HTTPFault.$type, { abort: { header_abort: {} } }, ["abort"]],
    ["for an abort with a gRPC status", HTTPFault.$type, { abort: { grpc_status: 5 } }, ["abort"]],
    ["for a status nobody sends", HTTPFault.$type, { abort: { http_status: 99 } }, ["abort.http_status"]],
    ["for a delay that a header asks for", HTTPFault.$type, { delay: { header_delay: {} } }, ["delay.header_delay"]],
    ["for a delay of nothing", HTTPFault.$type, { delay: { fixed_delay: {} } }, ["delay.fixed_delay"]],
    ["for a slow response", HTTPFault.$type, { response_rate_limit: { header_limit: {} } }, ["response_rate_limit"]],
    ["for a bound on faults", HTTPFault.$type, { max_active_faults: { value: 1 } }, ["max_active_faults"]],
    ["for faults of some nodes", HTTPFault.$type, { downstream_nodes: ["n"] }, ["downstream_nodes"]],
    [
      "for a limit of each connection",
      LocalRateLimit.$type,
      { ...limit, local_rate_limit_per_downstream_connection: true },
      ["local_rate_limit_per_downstream_connection"],
    ],
    [
      "for a bucket that holds nothing",
      LocalRateLimit.$type,
      { ...limit, token_bucket: { tokens_per_fill: { value: 0 } } },
      ["token_bucket.tokens_per_fill", "token_bucket.fill_interval", "token_bucket.max_tokens"],
    ],
    ["for another status", LocalRateLimit.$type, { ...limit, status: { code: 503 } }, ["status"]],
    [
      "for a limit on half of the requests",
      LocalRateLimit.$type,
      { ...limit, filter_enabled: { default_value: { numerator: 50 } } },
      ["filter_enabled"],
    ],
    [
      "for a limit of one user",
      LocalRateLimit.$type,
      { ...limit, descriptors: [{ entries: [{ key: "user", value: "ann" }], token_bucket: limit.token_bucket }] },
      ["descriptors"],
    ],
    [
      "for tokens from two buckets",
      LocalRateLimit.$type,
      { ...limit, ...keyed },
      ["always_consume_default_token_bucket"],
    ],
    ["for a filter it does not have", "acme.Own", {}, [""]],
  ];
  for (const [title, type, message, expected] of cases) {
    it(title, () => {
      const value = type === "acme.Own" ? { type_url: `type.googleapis.com/${type}` } : any(type, message);
      const at = 'virtual_hosts[0].routes[0].typed_per_filter_config["f"]';
      const found = refusals({ ...toWeb, typed_per_filter_config: { f: value } });
      assert.deepEqual(
        found,
        expected.map((path) => (path === "" ? at : `${at}.${path}`)),
      );
    });
  }

  it("for a mirror that a header names", () => {
    const route = { cluster: "a", request_mirror_policies: [{ cluster_header: "x" }] };
    const at = "virtual_hosts[0].routes[0].route.request_mirror_policies[0]";
    assert.deepEqual(refusals({ ...toWeb, route }), [`${at}.cluster_header`, `${at}.cluster`]);
  });

  it("for retries of some requests only", () => {
    const route = { cluster: "a", retry_policy: { retriable_request_headers: [{ name: "x-retry" }] } };
    const at = "virtual_hosts[0].routes[0].route.retry_policy.retriable_request_headers";
    assert.deepEqual(refusals({ ...toWeb, route }), [at]);
  });

  it("for metadata of ours that is something else", () => {
    const metadata = { typed_filter_metadata: { "heddle.route": { type_url: "type.googleapis.com/acme.Own" } } };
    const at = 'virtual_hosts[0].routes[0].metadata.typed_filter_metadata["heddle.route"]';
    assert.deepEqual(refusals({ ...toWeb, metadata }), [at]);
  });
});

const toWeb = { match: { prefix: "/" }, route: { cluster: "web" } };

function withRetry(route: Route, change: Partial<RetryPolicy>): Route {
  const { action } = route;
  if (action.kind !== "forward" || action.retry === undefined) return route;
  return { ...route, action: { ...action, retry: { ...action.retry, ...change } } };
}

function retryOf({ action }: Route): RetryPolicy | undefined {
  return action.kind === "forward" ? action.retry : undefined;
}

function eachRoute(table: RouteConfig, change: (route: Route) => Route): RouteConfig {
  return {
    ...table,
    virtualHosts: table.virtualHosts.map((host) => ({ ...host, routes: host.routes.map((route) => change(route)) })),
  };
}

/** The names of the headers that an Envoy's retries depend on. */
function conditionsOf(change: Partial<RetryPolicy>): readonly string[] | undefined {
  const host = { retry_policy: { retry_on: "5xx" } };
  const route = withRetry(routeOf({}, host, {}), change);
  const table: RouteConfig = {
    name: "t",
    virtualHosts: [{ name: "v", domains: ["*"], routes: [route] }],
    ignorePortInHost: false,
  };
  const message = RouteConfiguration.decode(encodeRouteConfig(table, "envoy")).virtualHosts[0]?.routes[0]?.action;
  if (message?.$case !== "route") return undefined;
  return message.value.retryPolicy?.retriableRequestHeaders.map(({ name }) => name);
}

/** The model of one route to "web", changed, in a virtual host and a table that are changed, too. */
function routeOf(route: object, host: object, table: object): Route {
  const virtualHost = { name: "v", domains: ["*"], routes: [{ ...toWeb, ...route }], ...host };
  const message = { name: "t", virtual_hosts: [virtualHost], ...table };
  const decoded = decodeRouteConfig(encode(RouteConfiguration.$type, message));
  assert.ok(decoded.ok, JSON.stringify(decoded));
  const read = decoded.value.virtualHosts[0]?.routes[0];
  assert.ok(read !== undefined);
  return read;
}

function refusals(route: object): readonly string[] {
  const message = { name: "t", virtual_hosts: [{ name: "v", domains: ["*"], routes: [route] }] };
  const decoded = decodeRouteConfig(encode(RouteConfiguration.$type, message));
  return decoded.ok ? [] : decoded.error.map(({ path }) => path);
}

/** Paths, within the connection manager, of what is refused about a filter before the router. */
function filterPaths(type: string, value: Uint8Array): readonly string[] {
  const manager = "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager";
  const router = "envoy.extensions.filters.http.router.v3.Router";
  const typed = (name: string, bytes: Uint8Array): object => ({
    name,
    typed_config: { type_url: `type.googleapis.com/${name}`, value: bytes },
  });
  const filters = [typed(type, value), typed(router, new Uint8Array())];
  const routes = { route_config_name: "r", config_source: { ads: {}, resource_api_version: "V3" } };
  const config = encode(manager, { stat_prefix: "s", rds: routes, http_filters: filters });
  const message = {
    name: "l",
    api_listener: { api_listener: { type_url: `type.googleapis.com/${manager}`, value: config } },
  };
  const decoded = decodeListener(encode(ListenerMessage.$type, message));
  return decoded.ok ? [] : decoded.error.map(({ path }) => path.replace(/^.*(?=http_filters)/, ""));
}

function fault(message: object): object {
  return any(HTTPFault.$type, message);
}

function any(type: string, message: object): object {
  return { type_url: `type.googleapis.com/${type}`, value: encode(type, message) };
}

function encode(type: string, message: object): Uint8Array {
  const codec = protoTree.lookupType(type);
  return codec.encode(codec.fromObject(message)).finish();
}
