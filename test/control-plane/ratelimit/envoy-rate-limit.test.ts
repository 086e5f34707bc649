import assert from "node:assert/strict";
import { once } from "node:events";
import { request, type IncomingMessage } from "node:http";
import { describe, it } from "node:test";

import type { Address } from "../../../shared/address.ts";
import { applyBundle, freePort, openControlPlane } from "../../support/control-plane.ts";
import { openApp } from "../../support/proxies.ts";
import { findEnvoy, startConfiguredEnvoy, until } from "../../support/envoy.ts";

// A real Envoy that asks Heddle's control plane whether a request may pass (its filter envoy.filters.http.ratelimit).

const found = findEnvoy();
const skip = "skip" in found ? found.skip : false;
const FILTERS = "type.googleapis.com/envoy.extensions.filters.http";
const ADDRESS = "127.0.0.1";

function listener(port: number): object {
  const rateLimitFilter = {
    "@type": `${FILTERS}.ratelimit.v3.RateLimit`,
    domain: "reviews",
    failure_mode_deny: true,
    timeout: "5s",
    enable_x_ratelimit_headers: "DRAFT_VERSION_03",
    rate_limit_service: {
      transport_api_version: "V3",
      grpc_service: { envoy_grpc: { cluster_name: "heddle" } },
    },
  };
  const byCaller = { actions: [{ request_headers: { header_name: "x-caller", descriptor_key: "client" } }] };
  // Only a route that forwards is asked about.
  const everything = { match: { prefix: "/" }, route: { cluster: "app", rate_limits: [byCaller] } };
  const manager = {
    "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
    stat_prefix: "in",
    route_config: { virtual_hosts: [{ name: "all", domains: ["*"], routes: [everything] }] },
    http_filters: [
      { name: "ratelimit", typed_config: rateLimitFilter },
      { name: "router", typed_config: { "@type": `${FILTERS}.router.v3.Router` } },
    ],
  };
  return {
    name: "in",
    address: { socket_address: { address: ADDRESS, port_value: port } },
    filter_chains: [{ filters: [{ name: "http", typed_config: manager }] }],
  };
}

function cluster(name: string, { host, port }: Address): object {
  const endpoint = { address: { socket_address: { address: host, port_value: port } } };
  const load_assignment = { cluster_name: name, endpoints: [{ lb_endpoints: [{ endpoint }] }] };
  return { name, type: "STATIC", load_assignment };
}

/** It speaks HTTP/2. */
function heddleCluster(address: Address): object {
  const options = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";
  const protocol = {
    "@type": `type.googleapis.com/${options}`,
    explicit_http_config: { http2_protocol_options: {} },
  };
  return { ...cluster("heddle", address), typed_extension_protocol_options: { [options]: protocol } };
}

describe("a real Envoy", { skip }, () => {
  it("limits each of its callers by what the coordinator says", async (t) => {
    assert.ok("path" in found);
    const controlPlane = await openControlPlane(t);
    const value = { serviceName: "reviews", rateLimitRequests: 3, rateLimitUnit: "hour", rateLimitScope: "global" };
    await applyBundle(controlPlane, { resources: [{ kind: { $case: "servicePolicy", value } }] });
    const app = await openApp(t, "ok");
    const port = await freePort();
    const config = {
      admin: { address: { socket_address: { address: ADDRESS, port_value: 0 } } },
      static_resources: {
        listeners: [listener(port)],
        clusters: [cluster("app", app), heddleCluster(controlPlane.xds)],
      },
    };
    const envoy = await startConfiguredEnvoy(t, { path: found.path, config });
    await until(async () => (await envoy.admin("/ready")).includes("LIVE"));
    const call = async (caller: string): Promise<IncomingMessage> => {
      const sent = request({ host: ADDRESS, port, path: "/", headers: { "x-caller": caller }, agent: false });
      sent.end();
      const [response] = (await once(sent, "response")) as [IncomingMessage];
      response.resume();
      return response;
    };
    const answers: IncomingMessage[] = [];
    for (let count = 0; count < 5; count += 1) answers.push(await call("noisy"));
    assert.deepEqual(
      answers.map(({ statusCode }) => statusCode),
      [200, 200, 200, 429, 429],
    );
    assert.deepEqual(
      answers.map(({ headers }) => headers["x-ratelimit-remaining"]),
      ["2", "1", "0", "0", "0"],
    );
    assert.match(String(answers[0]?.headers["x-ratelimit-limit"]), /^3, 3;w=3600/);
    assert.equal(answers[4]?.headers["x-envoy-ratelimited"], "true");
    assert.equal((await call("quiet")).statusCode, 200);
  });
});
