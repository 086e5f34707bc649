import assert from "node:assert/strict";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { Agent, createServer, request as httpRequest } from "node:http";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { setImmediate as turn } from "node:timers/promises";

import { LineWriter } from "../../../data-plane/telemetry/line-writer.ts";
import { prometheusText } from "../../../data-plane/telemetry/prometheus-text.ts";
import { sumFamilies } from "../../../data-plane/telemetry/sum-families.ts";
import { Workers } from "../../../data-plane/workers/workers.ts";
import type { ListenerSpec } from "../../../data-plane/listener/listener-set.ts";
import type { ProxyConfig } from "../../../data-plane/config.ts";
import { readProxyLimits } from "../../../data-plane/proxy-limits.ts";
import { formatAddress, type Address } from "../../../shared/address.ts";
import { createLog } from "../../../shared/log.ts";
import { NO_POLICIES, type ClusterPolicies } from "../../../shared/model/cluster-policy.ts";
import type { RateLimitPolicy } from "../../../shared/model/rate-limit.ts";
import type { Snapshot } from "../../../shared/model/snapshot.ts";
import { systemTimers } from "../../../shared/timers.ts";
import { ask, eventually, openApp, proxyConfig, type App } from "../../support/proxies.ts";
import { RawClient } from "../../support/raw-client.ts";
import { forward, route, routeConfig, virtualHost } from "../../support/route-builders.ts";
import { assignment, edsCluster, outbound, snapshotOf } from "../../support/snapshot-builders.ts";
import { tempFolder } from "../../support/temp-folder.ts";

const OUTBOUND: ListenerSpec = { name: "outbound", routesOf: "outbound", direction: "outbound" };
const anyPort: Address = { host: "127.0.0.1", port: 0 };
const log = createLog("test", "silent");
const toReviews = { headers: { host: "reviews" } };

interface Protection {
  readonly policies?: Partial<ClusterPolicies>;
  readonly rateLimit?: RateLimitPolicy;
}

/** Everything goes to one app, or to some in turn. */
function snapshotTo(apps: Address | readonly Address[], { policies = {}, rateLimit }: Protection = {}): Snapshot {
  const all = { ...route("all", { action: forward("reviews") }), rateLimit };
  const routes = routeConfig([virtualHost(["reviews"], [all])]);
  return snapshotOf({
    listeners: [outbound(routes.name)],
    routes: [routes],
    clusters: [edsCluster("reviews", { policies: { ...NO_POLICIES, ...policies } })],
    assignments: [assignment("reviews", [apps].flat().map(formatAddress))],
  });
}

function swap(workers: Workers, snapshot: Snapshot, revision: number): Promise<void> | undefined {
  const compiled = workers.own.compile(snapshot, revision);
  assert.ok(compiled.ok);
  return workers.swap(compiled.value, snapshot, revision);
}

interface Started {
  readonly workers: Workers;
  readonly address: Address;
}

async function start(t: TestContext, app: Address, given: Partial<ProxyConfig> = {}): Promise<Started> {
  const config = proxyConfig({ service: "web", controlPlanes: [], workers: 2, ...given });
  const { accessLog } = config;
  const lines = accessLog === "off" ? undefined : new LineWriter(accessLog, systemTimers, 1_000_000);
  const workers = new Workers(config, log, lines);
  t.after(() => workers.close());
  workers.start();
  const swapped = swap(workers, snapshotTo(app), 1);
  const address = await workers.open(OUTBOUND, anyPort, "--outbound");
  await swapped;
  await workers.serving;
  return { workers, address };
}

async function metricsOf(workers: Workers): Promise<string> {
  const tallies = await workers.tallies();
  const families = [...sumFamilies(tallies.map((tally) => tally.families)), ...workers.families(tallies)];
  return prometheusText(families);
}

function valueOf(text: string, series: string): number {
  const line = text.split("\n").find((one) => one.startsWith(`${series} `));
  return Number(line?.slice(series.length + 1));
}

describe("the workers of a proxy", () => {
  it("share the connections, and count every request once", async (t) => {
    const app = await openApp(t, "one");
    const { workers, address } = await start(t, app);
    const requests = 120;
    for (let done = 0; done < requests; done += 20) {
      const answers = await Promise.all(Array.from({ length: 20 }, () => ask(address, toReviews)));
      for (const { status, body } of answers) assert.deepEqual([status, body], [200, "one"]);
    }
    const text = await metricsOf(workers);
    const labels = 'direction="outbound",source="web",destination="reviews"';
    assert.equal(valueOf(text, `heddle_requests_total{${labels},version="",code="200",flag=""}`), requests);
    assert.equal(valueOf(text, `heddle_request_duration_milliseconds_count{${labels}}`), requests);
    const endpoint = `{endpoint="127.0.0.1:${app.port}"}`;
    assert.equal(valueOf(text, `heddle_upstream_requests_total${endpoint}`), requests);
    assert.equal(valueOf(text, `heddle_upstream_requests_active${endpoint}`), 0);
    const shares = [0, 1].map((worker) => valueOf(text, `heddle_worker_requests_total{worker="${worker}"}`));
    assert.equal((shares[0] ?? 0) + (shares[1] ?? 0), requests);
    for (const share of shares) assert.ok(share > 0, `one worker had all of them: ${shares.join(", ")}`);
  });

  it("have all swapped when the swap settles", async (t) => {
    const [one, two] = [await openApp(t, "one"), await openApp(t, "two")];
    const { workers, address } = await start(t, one);
    for (let revision = 2; revision < 12; revision += 1) {
      const app = revision % 2 === 0 ? two : one;
      await swap(workers, snapshotTo(app), revision);
      const bodies = await Promise.all(Array.from({ length: 12 }, async () => (await ask(address, toReviews)).body));
      assert.deepEqual([...new Set(bodies)], [revision % 2 === 0 ? "two" : "one"], `revision ${revision}`);
    }
  });

  it("end with the newest of many changes that came at once", async (t) => {
    const [one, two] = [await openApp(t, "one"), await openApp(t, "two")];
    const { workers, address } = await start(t, one);
    const swaps = Array.from({ length: 50 }, (_, index) =>
      swap(workers, snapshotTo(index % 2 === 0 ? one : two), 2 + index),
    );
    for (const swapped of swaps) await swapped;
    const bodies = await Promise.all(Array.from({ length: 20 }, async () => (await ask(address, toReviews)).body));
    assert.deepEqual([...new Set(bodies)], ["two"]);
  });

  it("hold one limit of connections together", async (t) => {
    const app = await openApp(t, "one");
    const connectionsMax = 8;
    const { workers, address } = await start(t, app, {
      limits: readProxyLimits({ connectionsMax: String(connectionsMax) }, []),
    });
    const clients: RawClient[] = [];
    t.after(() => clients.forEach(({ socket }) => socket.destroy()));
    const statuses: string[] = [];
    for (let client = 0; client < 24; client += 1) {
      const raw = await RawClient.connect(address.port);
      clients.push(raw);
      raw.write("GET / HTTP/1.1\r\nHost: reviews\r\n\r\n");
      statuses.push((await raw.response()).slice(9, 12));
    }
    assert.deepEqual(statuses, [...Array(connectionsMax).fill("200"), ...Array(16).fill("503")]);
    for (const { socket } of clients.splice(0)) socket.destroy();
    await eventually(
      async () => valueOf(await metricsOf(workers), 'heddle_downstream_connections{listener="outbound"}'),
      (open) => open === 0,
    );
    assert.equal((await ask(address, toReviews)).status, 200, "what closed gives its place back");
  });

  it("write whole lines to one access log", async (t) => {
    const app = await openApp(t, "one");
    const accessLog = join(tempFolder(t), "access.log");
    const { workers, address } = await start(t, app, { accessLog });
    for (let done = 0; done < 100; done += 20) {
      await Promise.all(Array.from({ length: 20 }, () => ask(address, toReviews)));
    }
    const shares = await workers.tallies();
    assert.equal(shares.length, 2);
    await workers.close();
    const lines = await eventually(
      async () => readFileSync(accessLog, "utf8").split("\n").slice(0, -1),
      ({ length }) => length >= 100,
    );
    assert.equal(lines.length, 100);
    for (const line of lines) assert.equal(JSON.parse(line).status, 200);
  });

  it("refuse a port that somebody else has, although ports can be shared", async (t) => {
    const app = await openApp(t, "one");
    const { address } = await start(t, app);
    const workers = new Workers(proxyConfig({ service: "web", controlPlanes: [], workers: 2 }), log, undefined);
    t.after(() => workers.close());
    workers.start();
    await assert.rejects(workers.open(OUTBOUND, address, "--outbound"), {
      name: "ListenFailed",
      message: /^--outbound: .* is in use by another process/,
    });
  });

  it("drain together: connections that are open get an answer to everything they asked", async (t) => {
    const app = await openApp(t, "one", 20);
    const { workers, address } = await start(t, app);
    const outcomes = { answered: 0, lost: 0, closed: 0 };
    const clients = Array.from({ length: 24 }, () => askUntilClosed(address, outcomes));
    await eventually(
      async () => outcomes.answered,
      (answered) => answered > 200,
    );
    workers.drain();
    await Promise.all(clients);
    await eventually(
      async () => workers.connections() + workers.inFlight(),
      (left) => left === 0,
    );
    assert.deepEqual([outcomes.lost, outcomes.closed], [0, 24]);
    await assert.rejects(ask(address, toReviews), { code: "ECONNREFUSED" });
  });

  it("leave no thread when they are closed", async (t) => {
    const app = await openApp(t, "one");
    const { workers } = await start(t, app);
    assert.deepEqual(threads(), ["heddle-worker-1"]);
    await workers.close();
    assert.deepEqual(threads(), []);
    await workers.close();
  });
});

describe("the policies of several workers", () => {
  it("open one circuit breaker for all of them", async (t) => {
    const app = await openApp(t, "one");
    const { workers, address } = await start(t, app);
    const breaker = {
      thresholdPercent: 100,
      windowMs: 30_000,
      samplesMin: 1_000,
      consecutiveFailures: 6,
      recoveryMs: 60_000,
      recoveryMaxMs: 60_000,
      successes: 1,
    };
    const failing = await openFailingApp(t);
    await swap(workers, snapshotTo(failing, { policies: { breaker } }), 2);
    let asked = 0;
    const first = async (): Promise<string> => {
      asked += 1;
      return String((await ask(address, toReviews)).headers["x-heddle-error"] ?? "");
    };
    await eventually(first, (error) => error === "circuit-open");
    assert.ok(asked > breaker.consecutiveFailures, `${asked} requests opened it`);
    // What the other worker met before it heard is over now: nobody gets through, whichever worker is met.
    await eventually(
      async () => [...new Set(await Promise.all(Array.from({ length: 20 }, first)))],
      (errors) => errors.length === 1 && errors[0] === "circuit-open",
    );
    // Each alone would have let as many through.
    assert.ok(failing.requests < 2 * breaker.consecutiveFailures, `${failing.requests} requests came through`);
    await swap(workers, snapshotTo(app), 3);
    assert.equal((await ask(address, toReviews)).status, 200, "without the policy nothing is refused");
  });

  it("eject an endpoint for all of them", async (t) => {
    const [app, failing] = [await openApp(t, "one"), await openFailingApp(t)];
    const outlier = {
      consecutive5xx: 6,
      consecutiveGateway: 0,
      intervalMs: 60_000,
      baseEjectionMs: 60_000,
      maxEjectionMs: 60_000,
      maxEjectionPercent: 50,
      successRateStdevFactor: 0,
      failurePercentage: 0,
      hostsMin: 5,
      volumeMin: 100,
    };
    const { workers, address } = await start(t, app);
    await swap(workers, snapshotTo([app, failing], { policies: { outlier } }), 2);
    let inRow = 0;
    await eventually(
      async () => (inRow = (await ask(address, toReviews)).status === 200 ? inRow + 1 : 0),
      (answered) => answered === 30,
    );
    // Each worker alone would have needed as many.
    const { consecutive5xx } = outlier;
    const { requests } = failing;
    assert.ok(requests >= consecutive5xx && requests < 2 * consecutive5xx, `${requests} failures ejected it`);
  });

  it("take from one bucket of a rate limit", async (t) => {
    const app = await openApp(t, "one");
    const { workers, address } = await start(t, app);
    const burst = 40;
    const rateLimit: RateLimitPolicy = {
      name: "reviews",
      requests: 1,
      perMs: 3_600_000,
      burst,
      by: { kind: "total" },
      scope: "local",
      failOpen: false,
    };
    await swap(workers, snapshotTo(app, { rateLimit }), 2);
    let admitted = 0;
    for (let asked = 0; asked < 3 * burst; asked += 1) {
      if ((await ask(address, toReviews)).status === 200) admitted += 1;
    }
    // Two buckets would admit twice as many; what is above one of them was admitted before the news of it came.
    assert.ok(admitted >= burst && admitted < 1.5 * burst, `${admitted} were admitted`);
  });
});

describe("a worker that dies", () => {
  it("takes no other along, and is started anew with the configuration and the ports of the moment", async (t) => {
    const app = await openApp(t, "one");
    const { workers, address } = await start(t, app);
    await Promise.all(Array.from({ length: 40 }, () => ask(address, toReviews)));
    const counted = valueOf(
      await metricsOf(workers),
      `heddle_upstream_requests_total{endpoint="127.0.0.1:${app.port}"}`,
    );
    assert.equal(counted, 40);

    await swapToWhatOthersRefuse(workers, app);
    await eventually(
      async () => valueOf(await metricsOf(workers), "heddle_worker_restarts_total"),
      (restarts) => restarts > 0,
    );
    for (let left = 20; left > 0; left -= 1) assert.equal((await ask(address, toReviews)).status, 200);

    await swap(workers, snapshotTo(app), 3);
    await eventually(
      async () => workers.states,
      (states) => states.every(({ isServing }) => isServing),
    );
    const before = valueOf(await metricsOf(workers), 'heddle_worker_requests_total{worker="1"}');
    await eventually(
      async () => {
        await Promise.all(Array.from({ length: 20 }, () => ask(address, toReviews)));
        return valueOf(await metricsOf(workers), 'heddle_worker_requests_total{worker="1"}');
      },
      (after) => after > before,
    );
    const text = await metricsOf(workers);
    assert.ok(valueOf(text, `heddle_upstream_requests_total{endpoint="127.0.0.1:${app.port}"}`) > counted);
    assert.equal(valueOf(text, `heddle_upstream_requests_active{endpoint="127.0.0.1:${app.port}"}`), 0);
  });
});

/** A snapshot that the other threads cannot compile, as if a bug were in them: what it is compiled to here is another. */
async function swapToWhatOthersRefuse(workers: Workers, app: App): Promise<void> {
  const compiled = workers.own.compile(snapshotTo(app), 2);
  assert.ok(compiled.ok);
  const bad = snapshotOf({ clusters: [edsCluster("reviews", { connectTimeoutMs: -1 })] });
  await workers.swap(compiled.value, bad, 2);
}

/** An app that answers 500 and counts. */
async function openFailingApp(t: TestContext): Promise<Address & { readonly requests: number }> {
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

/** The system's names of the threads that workers run in. */
function threads(): readonly string[] {
  const names = readdirSync("/proc/self/task").map((task) =>
    readFileSync(`/proc/self/task/${task}/comm`, "utf8").trim(),
  );
  return names.filter((name) => name.startsWith("heddle-worker"));
}

interface Outcomes {
  answered: number;
  lost: number;
  closed: number;
}

/** One connection that always has a request under way, until a response closes it. */
async function askUntilClosed(address: Address, outcomes: Outcomes): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  for (let isOpen = true; isOpen;) {
    isOpen = await new Promise((settle) => {
      const call = httpRequest({ ...address, ...toReviews, agent }, (response) => {
        response.resume();
        response.on("end", () => {
          outcomes.answered += 1;
          settle(response.headers.connection !== "close");
        });
      });
      call.on("error", () => {
        outcomes.lost += 1;
        settle(false);
      });
      call.end();
    });
    await turn();
  }
  outcomes.closed += 1;
  agent.destroy();
}
