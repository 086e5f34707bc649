import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { TestContext } from "node:test";

import type { ProxyConfig } from "../../data-plane/config.ts";
import type { ListenerSpec } from "../../data-plane/listener/listener-set.ts";
import { LineWriter } from "../../data-plane/telemetry/line-writer.ts";
import { prometheusText } from "../../data-plane/telemetry/prometheus-text.ts";
import { sumFamilies } from "../../data-plane/telemetry/sum-families.ts";
import { Workers } from "../../data-plane/workers/workers.ts";
import { formatAddress, type Address } from "../../shared/address.ts";
import { createLog } from "../../shared/log.ts";
import { NO_POLICIES, type ClusterPolicies } from "../../shared/model/cluster-policy.ts";
import type { RateLimitPolicy } from "../../shared/model/rate-limit.ts";
import type { RetryPolicy } from "../../shared/model/route.ts";
import type { Snapshot } from "../../shared/model/snapshot.ts";
import { systemTimers } from "../../shared/timers.ts";
import { proxyConfig } from "./proxies.ts";
import { forward, route, routeConfig, virtualHost } from "./route-builders.ts";
import { assignment, edsCluster, outbound, snapshotOf } from "./snapshot-builders.ts";

export const OUTBOUND: ListenerSpec = { name: "outbound", routesOf: "outbound", direction: "outbound" };
const anyPort: Address = { host: "127.0.0.1", port: 0 };
export const silentLog = createLog("test", "silent");
export const toReviews = { headers: { host: "reviews" } };

export interface Protection {
  readonly policies?: Partial<ClusterPolicies>;
  readonly rateLimit?: RateLimitPolicy;
  readonly retry?: RetryPolicy;
}

/** Everything goes to one app, or to some in turn. */
export function snapshotTo(
  apps: Address | readonly Address[],
  { policies = {}, rateLimit, retry }: Protection = {},
): Snapshot {
  const all = { ...route("all", { action: forward("reviews", { retry }) }), rateLimit };
  const routes = routeConfig([virtualHost(["reviews"], [all])]);
  return snapshotOf({
    listeners: [outbound(routes.name)],
    routes: [routes],
    clusters: [edsCluster("reviews", { policies: { ...NO_POLICIES, ...policies } })],
    assignments: [assignment("reviews", [apps].flat().map(formatAddress))],
  });
}

export function swap(workers: Workers, snapshot: Snapshot, revision: number): Promise<void> | undefined {
  const compiled = workers.own.compile(snapshot, revision);
  assert.ok(compiled.ok);
  return workers.swap(compiled.value, snapshot, revision);
}

export interface StartedWorkers {
  readonly workers: Workers;
  readonly address: Address;
}

export async function startWorkers(
  t: TestContext,
  app: Address,
  given: Partial<ProxyConfig> = {},
): Promise<StartedWorkers> {
  const config = proxyConfig({ service: "web", controlPlanes: [], workers: 2, ...given });
  const { accessLog } = config;
  const lines = accessLog === "off" ? undefined : new LineWriter(accessLog, systemTimers, 1_000_000);
  const workers = new Workers(config, silentLog, lines);
  t.after(() => workers.close());
  workers.start();
  const swapped = swap(workers, snapshotTo(app), 1);
  const address = await workers.open(OUTBOUND, anyPort, "--outbound");
  await swapped;
  await workers.serving;
  return { workers, address };
}

export async function metricsOf(workers: Workers): Promise<string> {
  const tallies = await workers.tallies();
  const families = [...sumFamilies(tallies.map((tally) => tally.families)), ...workers.families(tallies)];
  return prometheusText(families);
}

export function valueOf(text: string, series: string): number {
  const line = text.split("\n").find((one) => one.startsWith(`${series} `));
  return Number(line?.slice(series.length + 1));
}

/** An app that answers 500 and counts. */
export async function openFailingApp(t: TestContext): Promise<Address & { readonly requests: number }> {
  let requests = 0;
  const server = createServer((_request, response) => {
    requests += 1;
    response.writeHead(500).end();
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  const address = server.address();
  assert.ok(typeof address === "object" && address !== null);
  return {
    host: "127.0.0.1",
    port: address.port,
    get requests() {
      return requests;
    },
  };
}

/** They are given a snapshot that they cannot compile, as if a bug were in them; this thread uses `snapshot`. */
export async function killOthers(workers: Workers, snapshot: Snapshot): Promise<void> {
  const compiled = workers.own.compile(snapshot, 3);
  assert.ok(compiled.ok);
  const bad = snapshotOf({ clusters: [edsCluster("reviews", { connectTimeoutMs: -1 })] });
  await workers.swap(compiled.value, bad, 3);
}
