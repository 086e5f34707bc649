import assert from "node:assert/strict";
import type { Socket } from "node:net";
import { describe, it } from "node:test";

import { ManualClock } from "../../support/manual-clock.ts";
import { BREAKER } from "../../support/policies.ts";
import {
  answering,
  ProxyFixture,
  retryPolicy,
  scriptedUpstream,
  type Ends,
  type FixtureOptions,
} from "../../support/proxy-fixture.ts";
import { bodyOf } from "../../support/raw-client.ts";

const GET = "GET / HTTP/1.1\r\nHost: reviews\r\n\r\n";
const OK = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
const BROKEN = "HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n";

/** A service that answers what `answer` says now, behind a proxy with a breaker. */
class Service {
  answer = BROKEN;
  requests = 0;
  readonly clock = new ManualClock();

  async behindProxy(t: Ends, options: FixtureOptions = {}): Promise<ProxyFixture> {
    const port = await scriptedUpstream(
      t,
      answering(() => {
        this.requests += 1;
        return this.answer;
      }),
    );
    const policies = { breaker: BREAKER };
    return new ProxyFixture([port], { policies, clock: this.clock, ...options }).start(t);
  }
}

/** Longer than the breaker can stay open the first time, whatever the jitter. */
const PAST_RECOVERY_MS = 34_000;

async function fail(proxy: ProxyFixture, count: number): Promise<void> {
  for (let n = 0; n < count; n += 1) await proxy.send(GET);
}

describe("a request to a service whose breaker is open", () => {
  it("is 503 UO at once after 5 failures, and the service sees nothing of it (F2.65, C18)", async (t) => {
    const service = new Service();
    let picks = 0;
    const proxy = await service.behindProxy(t, { onPick: () => (picks += 1) });
    await fail(proxy, 5);
    assert.equal(service.requests, 5);
    const response = await proxy.send(GET);
    assert.match(response, /^HTTP\/1\.1 503 .*x-heddle-error: circuit-open\r\nx-heddle-overloaded: true\r\n/s);
    assert.match(response, /content-type: application\/json\r\n/);
    assert.deepEqual(JSON.parse(bodyOf(response)), {
      error: "circuit-open",
      service: "reviews",
      reason: "Too many failures",
    });
    assert.equal(service.requests, 5);
    assert.equal(picks, 5, "no endpoint was picked for it");
    const { flag, detail, attempts, endpoint } = proxy.last();
    assert.deepEqual(
      { flag, detail, attempts, endpoint },
      {
        flag: "UO",
        detail: "circuit-open",
        attempts: 0,
        endpoint: "",
      },
    );
  });

  it("earns no retries: a storm of refusals is not paid back as a storm of retries", async (t) => {
    const service = new Service();
    const policies = { breaker: BREAKER, retryBudget: { ratio: 1, minPerSec: 0, windowMs: 10_000 } };
    const proxy = await service.behindProxy(t, { policies });
    await fail(proxy, 20);
    const { retryBudget } = proxy.clusterState.service;
    assert.equal(retryBudget.balance(policies.retryBudget, service.clock.now), 5);
  });

  it("is a probe after the recovery time, and two of them close it", async (t) => {
    const service = new Service();
    const proxy = await service.behindProxy(t);
    await fail(proxy, 5);
    await proxy.pass(PAST_RECOVERY_MS);
    service.answer = OK;
    assert.equal(bodyOf(await proxy.send(GET)), "ok");
    assert.equal(proxy.clusterState.service.breaker.state, "half-open");
    assert.equal(bodyOf(await proxy.send(GET)), "ok");
    assert.equal(proxy.clusterState.service.breaker.state, "closed");
  });

  it("is refused while the one probe is under way", async (t) => {
    const service = new Service();
    const proxy = await service.behindProxy(t);
    await fail(proxy, 5);
    await proxy.pass(PAST_RECOVERY_MS);
    service.answer = "";
    const probe = await proxy.connect();
    probe.write(GET);
    await proxy.until(() => service.requests === 6, "the probe has reached the service");
    assert.match(await proxy.send(GET), /^HTTP\/1\.1 503 .*circuit-open/s);
    assert.equal(service.requests, 6);
  });

  it("may be a probe when the client of the last one went away", async (t) => {
    const service = new Service();
    const proxy = await service.behindProxy(t);
    await fail(proxy, 5);
    await proxy.pass(PAST_RECOVERY_MS);
    service.answer = "";
    const probe = await proxy.connect();
    probe.write(GET);
    await proxy.until(() => service.requests === 6, "the probe has reached the service");
    probe.socket.resetAndDestroy();
    await proxy.until(() => proxy.last().flag === "DC", "the proxy knows that it has gone");
    service.answer = OK;
    assert.equal(bodyOf(await proxy.send(GET)), "ok");
  });

  it("is refused again when the probe fails, for twice as long", async (t) => {
    const service = new Service();
    const proxy = await service.behindProxy(t);
    await fail(proxy, 5);
    await proxy.pass(PAST_RECOVERY_MS);
    await fail(proxy, 1);
    assert.equal(service.requests, 6);
    await proxy.pass(PAST_RECOVERY_MS);
    await fail(proxy, 1);
    assert.equal(service.requests, 6);
    await proxy.pass(PAST_RECOVERY_MS);
    await fail(proxy, 1);
    assert.equal(service.requests, 7);
  });
});

describe("the breaker of a service", () => {
  it("counts attempts, not requests (C19), and ends a retry that meets it open", async (t) => {
    const service = new Service();
    const retry = retryPolicy(2, { retryOn: ["5xx"] });
    const proxy = await service.behindProxy(t, { retry });
    for (let n = 0; n < 2; n += 1) {
      const client = await proxy.connect();
      client.write(GET);
      await proxy.until(() => service.requests >= 3 * n + 1, "the first attempt");
      for (let turn = 0; turn < 20 && proxy.sink.finished.length === n; turn += 1) await proxy.pass(20);
      await client.response();
    }
    assert.equal(service.requests, 5);
    assert.equal(proxy.clusterState.service.breaker.state, "open");
  });

  it("counts a 504 of our own as a failure (F4.16), and the late answer of such an attempt not at all", async (t) => {
    const service = new Service();
    service.answer = "";
    const proxy = await service.behindProxy(t, { timeoutMs: 1_000 });
    for (let n = 1; n <= 5; n += 1) {
      const client = await proxy.connect();
      client.write(GET);
      await proxy.until(() => service.requests === n, "the attempt is under way");
      await proxy.pass(1_010);
      assert.match(await client.response(), /^HTTP\/1\.1 504 /);
    }
    assert.equal(proxy.clusterState.service.breaker.state, "open");
  });

  it("is not closed by a late answer of an attempt that it admitted before it opened", async (t) => {
    const held: Socket[] = [];
    const port = await scriptedUpstream(t, (socket) => {
      socket.on("data", (bytes: Buffer) => {
        if (bytes.toString("latin1").startsWith("GET /late ")) held.push(socket);
        else socket.write(BROKEN);
      });
    });
    const proxy = await new ProxyFixture([port], { policies: { breaker: BREAKER } }).start(t);
    const late = await proxy.connect();
    late.write(GET.replace("/", "/late"));
    await proxy.until(() => held.length === 1, "it is under way");
    await fail(proxy, 5);
    held[0]?.write(OK);
    assert.equal(bodyOf(await late.response()), "ok");
    assert.equal(proxy.clusterState.service.breaker.state, "open");
    assert.match(await proxy.send(GET), /circuit-open/);
  });

  it("is not opened by clients that go away, by 4xx, or by refusals for lack of room", async (t) => {
    const service = new Service();
    const proxy = await service.behindProxy(t);
    for (const answer of ["404 Not Found", "429 Slow", "503 Full\r\nx-heddle-overloaded: true"]) {
      service.answer = `HTTP/1.1 ${answer}\r\ncontent-length: 0\r\n\r\n`;
      await fail(proxy, 6);
    }
    assert.equal(service.requests, 18);
    assert.equal(proxy.clusterState.service.breaker.state, "closed");
  });
});

describe("a burst of requests while one of three replicas is down", () => {
  it("fails none of them and opens nothing: the others answer what that one refuses", async (t) => {
    // The two that live answer only when all that is refused has been: a row of nothing but failures.
    const waiting: Socket[] = [];
    const alive = (socket: Socket): void => void socket.on("data", () => waiting.push(socket));
    const ports = [1, await scriptedUpstream(t, alive), await scriptedUpstream(t, alive)];
    const policies = { breaker: BREAKER };
    const proxy = await new ProxyFixture(ports, { policies, retry: retryPolicy(2) }).start(t);
    const clients = await Promise.all(Array.from({ length: 30 }, () => proxy.connect()));
    for (const client of clients) client.write(GET);
    await proxy.until(() => waiting.length === 30, "all are with a replica that lives");
    assert.ok((proxy.endpoints[0]?.connectFailures ?? 0) >= 5);
    assert.equal(proxy.clusterState.service.breaker.state, "closed");
    for (const socket of waiting) socket.write(OK);
    for (const client of clients) assert.equal(bodyOf(await client.response()), "ok");
  });
});
