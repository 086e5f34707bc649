import assert from "node:assert/strict";
import type { Socket } from "node:net";
import { describe, it, type TestContext } from "node:test";

import type { HeaderList, ResponseHead } from "../../../data-plane/http1/message.ts";
import {
  ConnectionPool,
  poolOf,
  type PoolLimits,
  type PoolWaiter,
} from "../../../data-plane/upstream/connection-pool.ts";
import { EndpointState } from "../../../data-plane/runtime/endpoint-state.ts";
import type { ClusterRuntime } from "../../../data-plane/runtime/runtime.ts";
import type { UpstreamConnection, UpstreamFailure } from "../../../data-plane/upstream/upstream-connection.ts";
import { NO_POLICIES, type ConcurrencyLimits } from "../../../shared/model/cluster-policy.ts";
import { TimerWheel } from "../../../shared/timer-wheel.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { scriptedUpstream, turns } from "../../support/proxy-fixture.ts";
import { clusterRuntime } from "../../support/route-builders.ts";

const LIMITS: PoolLimits = { connectionsMax: 3, pendingMax: 2, idleMs: 4_000 };

/** Sends one GET on whatever connection it gets, and remembers what it was told. */
class Exchange implements PoolWaiter {
  readonly connectTimeoutMs = 1_000;
  readonly cluster: ClusterRuntime;
  connection: UpstreamConnection | undefined;
  status = 0;
  body = "";
  end: "none" | "complete" | UpstreamFailure = "none";

  constructor(cluster = clusterRuntime("reviews")) {
    this.cluster = cluster;
  }

  onConnection(connection: UpstreamConnection): void {
    this.connection = connection;
    if (connection.isConnected) this.onConnected();
  }
  onConnected(): void {
    const { connection } = this;
    assert.ok(connection !== undefined);
    connection.beginRequest("GET", "");
    connection.writer.text("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
    connection.endRequest();
    connection.flush();
  }
  onHead(head: ResponseHead): void {
    this.status = head.status;
  }
  onBody(bytes: Buffer, start: number, end: number): void {
    this.body += bytes.toString("latin1", start, end);
  }
  onEnd(_trailers: HeaderList): void {
    this.end = "complete";
  }
  onTunnel(): void {}
  onBatch(): void {}
  onWritable(): void {}
  onBroken(failure: UpstreamFailure): void {
    this.end = failure;
  }
  onBug(error: unknown): void {
    throw error;
  }
}

class Pools {
  readonly clock = new ManualClock();
  readonly wheel = new TimerWheel(this.clock);
  readonly pool: ConnectionPool;
  readonly port: number;
  constructor(port: number) {
    this.port = port;
    this.pool = new ConnectionPool({ host: "127.0.0.1", port }, this.wheel, LIMITS);
  }
  begin(fresh = false): Exchange {
    const exchange = new Exchange();
    const got = this.pool.acquire(exchange, fresh);
    if (got !== "waiting" && got !== "overflow") exchange.onConnection(got);
    return exchange;
  }
  async finish(exchange: Exchange): Promise<Exchange> {
    for (let turn = 0; turn < 1_000 && exchange.end === "none"; turn += 1) await turns(1);
    assert.notEqual(exchange.end, "none");
    return exchange;
  }
  async pass(ms: number): Promise<void> {
    await turns(3);
    this.clock.now += ms;
    this.wheel.advance();
    await turns(3);
  }
}

async function pools(t: TestContext, answer: string, sockets: Socket[] = []): Promise<Pools> {
  const port = await scriptedUpstream(t, (socket) => {
    sockets.push(socket);
    socket.on("data", () => {
      if (answer !== "") socket.write(answer);
    });
    socket.on("end", () => socket.end());
  });
  const made = new Pools(port);
  t.after(() => made.pool.drain());
  return made;
}

function limited(limits: Partial<ConcurrencyLimits>): ClusterRuntime {
  const cluster = clusterRuntime("reviews");
  return { ...cluster, policies: { ...NO_POLICIES, limits: { ...NO_POLICIES.limits, ...limits } } };
}

const OK = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

describe("a pool", () => {
  it("uses the connection that was used last", async (t) => {
    const made = await pools(t, OK);
    const first = made.begin();
    const second = made.begin();
    await made.finish(first);
    await made.finish(second);
    const last = second.connection;
    assert.equal(made.pool.idle, 2);
    const third = await made.finish(made.begin());
    assert.equal(third.connection, last);
    assert.equal(made.pool.open, 2);
  });

  it("makes a new connection when a fresh one is asked for", async (t) => {
    const made = await pools(t, OK);
    const first = await made.finish(made.begin());
    const second = await made.finish(made.begin(true));
    assert.notEqual(first.connection, second.connection);
    assert.equal(made.pool.idle, 2);
  });

  it("closes what is idle for too long, earlier when the upstream says so", async (t) => {
    const made = await pools(t, OK);
    await made.finish(made.begin());
    await made.pass(3_900);
    assert.equal(made.pool.idle, 1);
    await made.pass(200);
    assert.equal(made.pool.open, 0);

    const hinted = await pools(t, "HTTP/1.1 200 OK\r\nkeep-alive: timeout=2\r\ncontent-length: 0\r\n\r\n");
    await hinted.finish(hinted.begin());
    await hinted.pass(900);
    assert.equal(hinted.pool.idle, 1);
    await hinted.pass(200);
    assert.equal(hinted.pool.open, 0);
    assert.equal(hinted.wheel.size, 0);
  });

  it("keeps no connection whose upstream closes it, or says anything on it", async (t) => {
    const sockets: Socket[] = [];
    const made = await pools(t, OK, sockets);
    await made.finish(made.begin());
    sockets[0]?.write("HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\npoison");
    await made.pass(0);
    assert.equal(made.pool.open, 0);
    await made.finish(made.begin());
    sockets[1]?.end();
    await made.pass(0);
    assert.equal(made.pool.open, 0);
    const third = await made.finish(made.begin());
    assert.equal(third.body, "ok");
  });

  it("keeps no connection after a response that closes it", async (t) => {
    const made = await pools(t, "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok");
    assert.equal((await made.finish(made.begin())).body, "ok");
    assert.equal(made.pool.open, 0);
    const old = await pools(t, "HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok");
    assert.equal((await old.finish(old.begin())).body, "ok");
    assert.equal(old.pool.open, 0);
  });

  it("keeps no connection whose request has not left whole, though the answer came", async (t) => {
    const sockets: Socket[] = [];
    const made = await pools(t, "", sockets);
    for (const forgets of ["endRequest", "flush"]) {
      const exchange = new Exchange();
      exchange.onConnected = () => {
        exchange.connection?.beginRequest("POST", "");
        exchange.connection?.writer.text("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n\r\n");
        if (forgets === "flush") exchange.connection?.endRequest();
        else exchange.connection?.flush();
      };
      const connection = made.pool.acquire(exchange, false);
      assert.ok(typeof connection === "object");
      exchange.onConnection(connection);
      await made.pass(0);
      sockets.at(-1)?.write(OK);
      assert.equal((await made.finish(exchange)).body, "ok");
      assert.equal(made.pool.open, 0, forgets);
    }
  });

  it("lets requests wait beyond its connections, in their order, and refuses them beyond its line", async (t) => {
    const sockets: Socket[] = [];
    const made = await pools(t, "", sockets);
    const busy = [made.begin(), made.begin(), made.begin()];
    const waiting = [made.begin(), made.begin()];
    assert.equal(made.pool.acquire(new Exchange(), false), "overflow");
    assert.equal(made.pool.waiting, 2);
    await made.pass(0);
    assert.equal(sockets.length, 3);
    sockets[0]?.write(OK);
    await made.finish(busy[0] ?? made.begin());
    assert.notEqual(waiting[0]?.connection, undefined);
    assert.equal(waiting[1]?.connection, undefined);
    // A connection that dies makes room for a new one.
    sockets[1]?.destroy();
    await made.finish(busy[1] ?? made.begin());
    assert.equal(busy[1]?.end, "died");
    assert.notEqual(waiting[1]?.connection, undefined);
    assert.equal(made.pool.open, 3);
    assert.equal(made.pool.waiting, 0);
    for (const exchange of [...busy, ...waiting]) exchange.connection?.abandon();
    assert.equal(made.pool.open, 0);
  });

  it("lets one who waits leave the line", async (t) => {
    const made = await pools(t, "");
    const busy = [made.begin(), made.begin(), made.begin()];
    const waiter = made.begin();
    made.pool.leave(waiter);
    for (const exchange of busy) exchange.connection?.abandon();
    assert.equal(waiter.connection, undefined);
    assert.equal(made.pool.open, 0);
  });

  it("opens no more connections than the cluster may have over all its endpoints, but one for each endpoint", async (t) => {
    const [one, other] = [await pools(t, ""), await pools(t, "")];
    const cluster = limited({ connections: 2, pending: 1 });
    const begin = ({ pool }: Pools): Exchange | "waiting" | "overflow" => {
      const exchange = new Exchange(cluster);
      const got = pool.acquire(exchange, false);
      if (typeof got === "string") return got;
      exchange.onConnection(got);
      return exchange;
    };
    const busy = [begin(one), begin(one), begin(other)];
    assert.equal(begin(one), "waiting", "two are open");
    assert.equal(begin(other), "overflow", "and one waits");
    assert.equal(one.pool.open, 2);
    assert.equal(other.pool.open, 1, "its first one is open in spite of the limit");
    assert.equal(cluster.state.connections.active, 3);
    for (const exchange of busy) if (typeof exchange === "object") exchange.connection?.abandon();
    // The one that waited has a connection now.
    assert.deepEqual([cluster.state.connections.active, cluster.state.pending.active], [1, 0]);
    one.pool.drain();
  });

  it("gives a fresh connection in place of one that nobody uses when there may be no more", async (t) => {
    const made = await pools(t, OK);
    const cluster = limited({ connections: 1, pending: 1 });
    const first = new Exchange(cluster);
    const connection = made.pool.acquire(first, false);
    assert.ok(typeof connection === "object");
    first.onConnection(connection);
    await made.finish(first);
    const second = made.pool.acquire(new Exchange(cluster), true);
    assert.ok(typeof second === "object" && second !== connection);
    assert.equal(made.pool.open, 1);
    assert.equal(cluster.state.connections.active, 1);
    second.abandon();
    assert.equal(cluster.state.connections.active, 0);
  });

  it("drains: idle connections close now, busy ones after their response", async (t) => {
    const sockets: Socket[] = [];
    const made = await pools(t, "", sockets);
    const idle = made.begin();
    const busy = made.begin();
    await made.pass(0);
    sockets[0]?.write(OK);
    await made.finish(idle);
    made.pool.drain();
    assert.equal(made.pool.open, 1);
    sockets[1]?.write(OK);
    assert.equal((await made.finish(busy)).body, "ok");
    assert.equal(made.pool.open, 0);
    assert.equal(made.wheel.size, 0);
  });

  it("keeps no connection that a request opens after the drain, because it began before", async (t) => {
    const made = await pools(t, OK);
    made.pool.drain();
    assert.equal((await made.finish(made.begin())).body, "ok");
    assert.equal(made.pool.open, 0);
    assert.equal(made.wheel.size, 0);

    const retired = new EndpointState("127.0.0.1:1", { host: "127.0.0.1", port: made.port });
    retired.isRetired = true;
    const exchange = new Exchange();
    const pool = poolOf(retired, made.wheel);
    const got = pool.acquire(exchange, false);
    assert.ok(typeof got === "object");
    exchange.onConnection(got);
    await made.finish(exchange);
    assert.equal(pool.open, 0);
  });
});
