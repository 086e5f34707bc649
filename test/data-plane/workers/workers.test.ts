import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { Agent, request as httpRequest } from "node:http";
import { join } from "node:path";
import { describe, it } from "node:test";
import { setImmediate as turn } from "node:timers/promises";

import { readProxyLimits } from "../../../data-plane/proxy-limits.ts";
import { Workers } from "../../../data-plane/workers/workers.ts";
import type { Address } from "../../../shared/address.ts";
import { ask, eventually, openApp, proxyConfig } from "../../support/proxies.ts";
import { RawClient } from "../../support/raw-client.ts";
import { tempFolder } from "../../support/temp-folder.ts";
import {
  killOthers,
  metricsOf,
  OUTBOUND,
  silentLog,
  snapshotTo,
  startWorkers,
  swap,
  toReviews,
  valueOf,
} from "../../support/workers.ts";

describe("the workers of a proxy", () => {
  it("share the connections, and count every request once", async (t) => {
    const app = await openApp(t, "one");
    const { workers, address } = await startWorkers(t, app);
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
    const { workers, address } = await startWorkers(t, one);
    for (let revision = 2; revision < 12; revision += 1) {
      const app = revision % 2 === 0 ? two : one;
      await swap(workers, snapshotTo(app), revision);
      const bodies = await Promise.all(Array.from({ length: 12 }, async () => (await ask(address, toReviews)).body));
      assert.deepEqual([...new Set(bodies)], [revision % 2 === 0 ? "two" : "one"], `revision ${revision}`);
    }
  });

  it("end with the newest of many changes that came at once", async (t) => {
    const [one, two] = [await openApp(t, "one"), await openApp(t, "two")];
    const { workers, address } = await startWorkers(t, one);
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
    const { workers, address } = await startWorkers(t, app, {
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
    const { workers, address } = await startWorkers(t, app, { accessLog });
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
    const { address } = await startWorkers(t, app);
    const workers = new Workers(proxyConfig({ service: "web", controlPlanes: [], workers: 2 }), silentLog, undefined);
    t.after(() => workers.close());
    workers.start();
    await assert.rejects(workers.open(OUTBOUND, address, "--outbound"), {
      name: "ListenFailed",
      message: /^--outbound: .* is in use by another process/,
    });
  });

  it("drain together: connections that are open get an answer to everything they asked", async (t) => {
    const app = await openApp(t, "one", 20);
    const { workers, address } = await startWorkers(t, app);
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
    const { workers } = await startWorkers(t, app);
    assert.deepEqual(threads(), ["heddle-worker-1"]);
    await workers.close();
    assert.deepEqual(threads(), []);
    await workers.close();
  });
});

describe("a worker that dies", () => {
  it("takes no other along, and is started anew with the configuration and the ports of the moment", async (t) => {
    const app = await openApp(t, "one");
    const { workers, address } = await startWorkers(t, app);
    await Promise.all(Array.from({ length: 40 }, () => ask(address, toReviews)));
    const counted = valueOf(
      await metricsOf(workers),
      `heddle_upstream_requests_total{endpoint="127.0.0.1:${app.port}"}`,
    );
    assert.equal(counted, 40);

    await killOthers(workers, snapshotTo(app));
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
