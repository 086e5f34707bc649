import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { NO_POLICIES } from "../../../shared/model/cluster-policy.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { answering, ProxyFixture, retryPolicy, scriptedUpstream, type Ends } from "../../support/proxy-fixture.ts";
import { bodyOf } from "../../support/raw-client.ts";

const GET = "GET / HTTP/1.1\r\nHost: reviews\r\n\r\n";
const OK = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
const UNAVAILABLE = "HTTP/1.1 503 No\r\ncontent-length: 0\r\n\r\n";

/** Counts what it sees, and answers what `answer` says now. */
class Upstream {
  answer = UNAVAILABLE;
  readonly requests: string[] = [];

  listen(t: Ends): Promise<number> {
    return scriptedUpstream(
      t,
      answering((request) => {
        this.requests.push(request);
        return this.answer;
      }),
    );
  }
}

describe("retries to a service that fails altogether", () => {
  it("are capped by its budget: the answer stands, with URX", async (t) => {
    const upstream = new Upstream();
    const policies = { retryBudget: { ratio: 0.2, minPerSec: 0, windowMs: 10_000 } };
    const retry = retryPolicy(2);
    const proxy = await new ProxyFixture([await upstream.listen(t)], { policies, retry }).start(t);
    for (let n = 0; n < 50; n += 1) assert.match(await proxy.send(GET), /^HTTP\/1\.1 503 No/);
    const retries = upstream.requests.length - 50;
    assert.equal(retries, 10, "one for five");
    const { flag, detail, attempts } = proxy.last();
    assert.deepEqual([flag, detail], ["URX", attempts === 3 ? "retry-limit-exceeded" : "retry-budget"]);
    assert.ok(proxy.sink.finished.some((one) => one.detail === "retry-budget"));
    assert.ok(proxy.clusterState.service.retryBudget.refusals > 0);
  });

  it("are as many at once as its limit says", async (t) => {
    const upstream = new Upstream();
    const clock = new ManualClock();
    const policies = { limits: { ...NO_POLICIES.limits, retries: 1 } };
    const retry = retryPolicy(1, { backoffBaseMs: 1_000, backoffMaxMs: 1_000 });
    const proxy = await new ProxyFixture([await upstream.listen(t)], { policies, retry, clock }).start(t);
    const first = await proxy.connect();
    first.write(GET);
    await proxy.until(() => proxy.clusterState.retries.active === 1, "the first one waits for its retry");
    assert.match(await proxy.send(GET), /^HTTP\/1\.1 503 No/);
    assert.equal(proxy.last().detail, "retry-overflow");
    await proxy.pass(1_010);
    await first.response();
    assert.equal(proxy.clusterState.retries.active, 0);
    assert.equal(upstream.requests.length, 3);
  });

  it("tell of a local failure by its reason, and of the end of retries by the flag", async (t) => {
    const port = await scriptedUpstream(t, (socket) => socket.resetAndDestroy());
    const proxy = await new ProxyFixture([port], { retry: retryPolicy(2) }).start(t);
    const response = await proxy.send(GET);
    assert.match(response, /^HTTP\/1\.1 503 .*x-heddle-retried: true/s);
    const { flag, detail, attempts } = proxy.last();
    assert.equal(flag, "URX");
    assert.match(detail, /^(upstream|connect)-/);
    assert.equal(attempts, 3);
  });
});

describe("requests at once", () => {
  it("beyond the limit of the cluster are 503 UO, and not retried", async (t) => {
    const upstream = new Upstream();
    upstream.answer = "";
    const policies = { limits: { ...NO_POLICIES.limits, requests: 2 } };
    const proxy = await new ProxyFixture([await upstream.listen(t)], { policies, retry: retryPolicy(3) }).start(t);
    const clients = [await proxy.connect(), await proxy.connect()];
    for (const client of clients) client.write(GET);
    await proxy.until(() => upstream.requests.length === 2, "two are under way");
    const response = await proxy.send(GET);
    assert.match(response, /^HTTP\/1\.1 503 .*x-heddle-error: overflow\r\nx-heddle-overloaded: true\r\n/s);
    assert.equal(proxy.last().attempts, 0);
    assert.equal(proxy.clusterState.requests.overflows, 1);
    for (const client of clients) client.socket.resetAndDestroy();
    await proxy.until(() => proxy.clusterState.requests.active === 0, "all have been given back");
  });
});

describe("requests at once to a service whose latency is watched", () => {
  it("beyond what that allows are 503 UO, and all are given back", async (t) => {
    const upstream = new Upstream();
    upstream.answer = "";
    const policies = { adaptive: { concurrencyMin: 1, concurrencyMax: 10 } };
    const proxy = await new ProxyFixture([await upstream.listen(t)], { policies }).start(t);
    const client = await proxy.connect();
    client.write(GET);
    await proxy.until(() => upstream.requests.length === 1, "one is under way");
    assert.match(await proxy.send(GET), /^HTTP\/1\.1 503 .*x-heddle-error: overflow/s);
    const { adaptive } = proxy.clusterState.service;
    assert.deepEqual([adaptive.active, adaptive.refusals], [1, 1]);
    client.socket.resetAndDestroy();
    await proxy.until(() => adaptive.active === 0, "it has been given back");
    assert.equal(proxy.clusterState.requests.active, 0);
  });
});

describe("an answer", () => {
  it("of a hop that has retried itself, or has no room, is not retried", async (t) => {
    const upstream = new Upstream();
    const proxy = await new ProxyFixture([await upstream.listen(t)], { retry: retryPolicy(2) }).start(t);
    for (const line of ["x-heddle-retried: true", "x-heddle-overloaded: true"]) {
      upstream.requests.length = 0;
      upstream.answer = `HTTP/1.1 503 No\r\n${line}\r\ncontent-length: 0\r\n\r\n`;
      assert.match(await proxy.send(GET), new RegExp(line));
      assert.equal(upstream.requests.length, 1, line);
      assert.equal(proxy.last().flag, "");
    }
  });

  it("that asks for time gets it", async (t) => {
    const upstream = new Upstream();
    const clock = new ManualClock();
    upstream.answer = "HTTP/1.1 503 No\r\nretry-after: 2\r\ncontent-length: 0\r\n\r\n";
    const retry = retryPolicy(1, { retryAfterMaxMs: 3_000 });
    const proxy = await new ProxyFixture([await upstream.listen(t)], { retry, clock, timeoutMs: 10_000 }).start(t);
    const client = await proxy.connect();
    client.write(GET);
    await proxy.until(() => proxy.clusterState.retries.active === 1, "the retry waits");
    upstream.answer = OK;
    await proxy.pass(1_980);
    assert.equal(upstream.requests.length, 1);
    await proxy.pass(1_040);
    assert.equal(bodyOf(await client.response()), "ok");
  });
});
