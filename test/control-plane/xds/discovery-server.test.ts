import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { Client, credentials, status } from "@grpc/grpc-js";

import { formatAddress } from "../../../shared/address.ts";
import { AppHealth, DrainRequest, MembershipClient, type DrainResponse } from "../../../shared/wire/membership-api.ts";
import {
  ListProxiesRequest,
  ListRequest,
  MeshClient,
  ServiceEndpointsClient,
  type Proxy,
  type ServiceEndpoint,
} from "../../../shared/wire/admin-api.ts";
import { decodeDigest } from "../../../shared/wire/digest-wire.ts";
import type { ControlPlane } from "../../../control-plane/app.ts";
import { AdsClient, nodeOf } from "../../support/ads-client.ts";
import { applyBundle, openControlPlane } from "../../support/control-plane.ts";
import { until } from "../../support/envoy.ts";

// The whole control plane over real sockets: what only the shells can get wrong.

function endpoint(serviceName: string, port: number): { kind: { $case: "serviceEndpoint"; value: object } } {
  return { kind: { $case: "serviceEndpoint", value: { serviceName, podIp: "10.0.0.1", port } } };
}

async function unary<T>(call: (done: (error: Error | null, answer: T) => void) => unknown): Promise<T> {
  return new Promise((resolve, reject) => call((error, answer) => (error === null ? resolve(answer) : reject(error))));
}

async function endpoints(controlPlane: ControlPlane): Promise<readonly ServiceEndpoint[]> {
  const client = new ServiceEndpointsClient(formatAddress(controlPlane.admin), credentials.createInsecure());
  const { items } = await unary<{ items: ServiceEndpoint[] }>((done) => client.list(ListRequest.fromPartial({}), done));
  client.close();
  return items;
}

async function proxies(controlPlane: ControlPlane): Promise<readonly Proxy[]> {
  const client = new MeshClient(formatAddress(controlPlane.admin), credentials.createInsecure());
  const answer = await unary<{ proxies: Proxy[] }>((done) =>
    client.listProxies(ListProxiesRequest.fromPartial({}), done),
  );
  client.close();
  return answer.proxies;
}

async function drain(controlPlane: ControlPlane, nodeId: string): Promise<DrainResponse> {
  const client = new MembershipClient(formatAddress(controlPlane.xds), credentials.createInsecure());
  try {
    return await unary((done) => client.drain(DrainRequest.fromPartial({ nodeId }), done));
  } finally {
    client.close();
  }
}

async function report(controlPlane: ControlPlane, nodeId: string, health: AppHealth, detail = ""): Promise<object> {
  const client = new MembershipClient(formatAddress(controlPlane.xds), credentials.createInsecure());
  try {
    return await unary((done) => client.reportHealth({ nodeId, health, detail }, done));
  } finally {
    client.close();
  }
}

describe("a stream", { timeout: 20_000 }, () => {
  it("ends with a reason when its first request names no node, and the server lives on", async (t) => {
    const controlPlane = await openControlPlane(t);
    const nameless = new AdsClient(t, controlPlane.xds);
    nameless.asks("clusters", []);
    assert.deepEqual(
      [(await nameless.ended).code, (await nameless.ended).details],
      [status.INVALID_ARGUMENT, "node: must be set in the first request"],
    );
    const forged = new AdsClient(t, controlPlane.xds);
    forged.asks("clusters", [], { node: nodeOf("a\nb") });
    assert.match((await forged.ended).details, /control characters/);
    const garbled = new AdsClient(t, controlPlane.xds);
    garbled.stream.write(Buffer.from([0xff, 0xff, 0xff]));
    assert.equal((await garbled.ended).code, status.INVALID_ARGUMENT);
    const good = new AdsClient(t, controlPlane.xds);
    good.asks("clusters", [], { node: nodeOf("web-1") });
    assert.equal((await good.next()).type, "clusters");
  });

  it("of incremental xDS is refused with words", async (t) => {
    const controlPlane = await openControlPlane(t);
    const client = new Client(formatAddress(controlPlane.xds), credentials.createInsecure());
    const pass = (bytes: Buffer): Buffer => bytes;
    const path = "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources";
    const stream = client.makeBidiStreamRequest(path, pass, pass);
    const error = await new Promise<{ code: number; details: string }>((resolve) => stream.on("error", resolve));
    client.close();
    assert.equal(error.code, status.UNIMPLEMENTED);
    assert.match(error.details, /StreamAggregatedResources/);
  });

  it("that asks for a type nobody serves gets silence for it, and the rest as ever", async (t) => {
    const controlPlane = await openControlPlane(t);
    const client = new AdsClient(t, controlPlane.xds);
    client.asks("secrets", ["x"], { node: nodeOf("web-1") });
    client.asks("listeners", []);
    assert.equal((await client.next()).type, "listeners");
  });

  it("gets an edit, says so, and appears with its state in the admin API", async (t) => {
    const controlPlane = await openControlPlane(t);
    await applyBundle(controlPlane, { resources: [endpoint("reviews", 1)] });
    const client = new AdsClient(t, controlPlane.xds);
    client.asks("clusters", [], { node: nodeOf("web-1") });
    client.acks(await client.next());
    client.asks("endpoints", ["reviews"]);
    client.acks(await client.next(), ["reviews"]);
    await applyBundle(controlPlane, { resources: [endpoint("reviews", 2)] });
    const edit = await client.next();
    assert.equal(edit.type, "endpoints");
    client.asks("endpoints", ["reviews"], { nonce: edit.nonce, error: "too many" });
    await until(async () => (await proxies(controlPlane))[0]?.types[1]?.nackReason === "too many");
    const [proxy] = await proxies(controlPlane);
    assert.deepEqual([proxy?.nodeId, proxy?.service, proxy?.connected], ["web-1", "web", true]);
    client.close();
    await until(async () => (await proxies(controlPlane))[0]?.connected === false);
  });

  it("of a Heddle proxy gets a digest of what it was sent", async (t) => {
    const controlPlane = await openControlPlane(t);
    const client = new AdsClient(t, controlPlane.xds);
    client.asks("clusters", [], { node: nodeOf("web-1") });
    const clusters = await client.next();
    client.asks("digest", ["digest"]);
    const response = await client.next();
    assert.equal(response.type, "digest");
    const digest = decodeDigest(response.resources[0]?.value ?? new Uint8Array());
    assert.ok(digest.ok);
    assert.equal(`heddle/${digest.value.meshId}`, clusters.controlPlane);
    assert.equal(digest.value.versions.get(clusters.typeUrl), clusters.versionInfo);
  });
});

describe("a proxy with an inbound address", { timeout: 20_000 }, () => {
  it("is listed while connected, drained when it asks, and gone when it leaves", async (t) => {
    const controlPlane = await openControlPlane(t);
    const caller = new AdsClient(t, controlPlane.xds);
    caller.asks("clusters", [], { node: nodeOf("caller") });
    caller.acks(await caller.next());
    const server = new AdsClient(t, controlPlane.xds);
    server.asks("clusters", [], {
      node: nodeOf("reviews-1", { service: "reviews", version: "v1", inbound: "10.0.0.9:15006" }),
    });
    server.acks(await server.next());
    server.asks("listeners", []);
    server.acks(await server.next());
    server.asks("routes", ["outbound"]);
    const routes = await server.next();
    assert.equal(routes.type, "routes");
    // Not even about to be listed: what is, could be drained.
    await assert.rejects(drain(controlPlane, "reviews-1"), /no endpoint is registered/, "it does not route yet");
    server.acks(routes, ["outbound"]);
    caller.acks(await caller.next());
    caller.asks("endpoints", ["reviews"]);
    const listed = await caller.next();
    assert.deepEqual(
      (await endpoints(controlPlane)).map((row) => [
        row.serviceName,
        row.podIp,
        row.version,
        row.healthy,
        row.registeredBy,
      ]),
      [["reviews", "10.0.0.9", "v1", true, "reviews-1"]],
    );
    caller.acks(listed, ["reviews"]);

    let isDrained = false;
    const drained = drain(controlPlane, "reviews-1").then((answer) => {
      isDrained = true;
      return answer;
    });
    const without = await caller.next();
    assert.equal(without.type, "endpoints");
    assert.equal(isDrained, false, "it must wait for the caller's word");
    caller.acks(without, ["reviews"]);
    assert.deepEqual((await drained).waiting, []);
    assert.equal((await endpoints(controlPlane))[0]?.healthy, false);
    server.close();
    await until(async () => (await endpoints(controlPlane)).length === 0);
  });

  it("reports what its checks of its app came to, and its row keeps that", async (t) => {
    const controlPlane = await openControlPlane(t);
    const server = new AdsClient(t, controlPlane.xds);
    server.asks("clusters", [], { node: nodeOf("reviews-1", { service: "reviews", inbound: "10.0.0.9:15006" }) });
    server.acks(await server.next());
    server.asks("listeners", []);
    server.acks(await server.next());
    server.asks("routes", ["outbound"]);
    server.acks(await server.next(), ["outbound"]);
    await until(async () => (await endpoints(controlPlane)).length === 1);
    const { APP_HEALTH_FAILING, APP_HEALTH_PASSING, APP_HEALTH_UNSPECIFIED } = AppHealth;
    for (const [health, stored] of [
      [APP_HEALTH_PASSING, "passing"],
      [APP_HEALTH_FAILING, "failing"],
      [APP_HEALTH_UNSPECIFIED, "unknown"],
    ] as const) {
      await report(controlPlane, "reviews-1", health, "answered 503");
      await until(async () => (await endpoints(controlPlane))[0]?.health === stored);
      assert.equal((await endpoints(controlPlane))[0]?.healthy, true);
    }
    await assert.rejects(report(controlPlane, "nobody", APP_HEALTH_PASSING), /no endpoint is registered/);
  });

  it("that registered nothing cannot be drained", async (t) => {
    const controlPlane = await openControlPlane(t);
    await assert.rejects(drain(controlPlane, "nobody"), /no endpoint is registered by node "nobody"/);
  });
});
