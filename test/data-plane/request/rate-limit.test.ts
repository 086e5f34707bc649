import assert from "node:assert/strict";
import { describe, it } from "node:test";

import type { RateLimitPolicy } from "../../../shared/model/rate-limit.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { answering, ProxyFixture, scriptedUpstream, type Ends } from "../../support/proxy-fixture.ts";

const OK = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
const TWO_IN_TEN_SECONDS: RateLimitPolicy = {
  name: "reviews",
  requests: 2,
  perMs: 10_000,
  burst: 2,
  by: { kind: "client" },
  scope: "local",
  failOpen: true,
};

function get(...headers: string[]): string {
  return ["GET / HTTP/1.1", "Host: reviews", ...headers, "", ""].join("\r\n");
}

async function limited(t: Ends, change: Partial<RateLimitPolicy> = {}) {
  const seen: string[] = [];
  const port = await scriptedUpstream(
    t,
    answering((request) => (seen.push(request), OK)),
  );
  const clock = new ManualClock();
  const listener = { direction: "inbound" as const, identity: { service: "reviews", version: "v1" } };
  const rateLimit = { ...TWO_IN_TEN_SECONDS, ...change };
  const proxy = await new ProxyFixture([port], { clock, listener, rateLimit }).start(t);
  const statuses = async (count: number, ...headers: string[]): Promise<string> => {
    const codes: string[] = [];
    for (let sent = 0; sent < count; sent += 1) codes.push((await proxy.send(get(...headers))).slice(9, 12));
    return codes.join(" ");
  };
  return { proxy, clock, seen, statuses };
}

describe("a request beyond its client's limit", () => {
  it("is 429 with when to come back, and the endpoint sees nothing of it", async (t) => {
    const { proxy, seen, statuses } = await limited(t);
    assert.equal(await statuses(2), "200 200");
    const answer = await proxy.send(get());
    assert.match(answer, /^HTTP\/1\.1 429 Too Many Requests\r\n/);
    assert.match(answer, /\r\nx-heddle-error: rate-limited\r\n/);
    assert.match(answer, /\r\nretry-after: 5\r\n/);
    assert.match(answer, /\r\nratelimit-policy: "reviews";q=2;w=10\r\n/);
    assert.match(answer, /\r\nratelimit: "reviews";r=0;t=5\r\n/);
    assert.match(answer, /\r\nx-envoy-ratelimited: true\r\n/);
    assert.equal(seen.length, 2);
    const { flag, detail, status, attempts } = proxy.last();
    assert.deepEqual(
      { flag, detail, status, attempts },
      { flag: "RL", detail: "rate-limited", status: 429, attempts: 0 },
    );
  });

  it("leaves the connection for the next, which passes when its time has come", async (t) => {
    const { proxy, clock } = await limited(t);
    const client = await proxy.connect();
    for (const expected of [200, 200, 429, 429]) {
      client.write(get());
      assert.match(await client.response(), new RegExp(`^HTTP/1.1 ${expected} `));
    }
    clock.now += 5_000;
    client.write(get());
    assert.match(await client.response(), /^HTTP\/1\.1 200 /);
  });

  it("is one of that caller: others see nothing", async (t) => {
    const { statuses } = await limited(t);
    assert.equal(await statuses(4, "x-heddle-source: noisy"), "200 200 429 429");
    assert.equal(await statuses(2, "x-heddle-source: quiet"), "200 200");
    assert.equal(await statuses(2), "200 200", "a caller without a name is known by its address");
  });

  it("is told apart from others by a header, and leaving it out gains nothing", async (t) => {
    const { statuses } = await limited(t, { by: { kind: "header", name: "x-tenant" } });
    assert.equal(await statuses(3, "x-tenant: a"), "200 200 429");
    assert.equal(await statuses(3, "x-tenant: b", "x-heddle-source: web"), "200 200 429");
    assert.equal(await statuses(3, "x-heddle-source: web"), "200 200 429");
    assert.equal(await statuses(1, "x-heddle-source: db"), "429");
    const long = "k".repeat(1_000);
    assert.equal(await statuses(3, `x-tenant: ${long}1`), "200 200 429");
    assert.equal(await statuses(1, `x-tenant: ${long}2`), "200");
  });

  it("is beyond the limit of all with a total", async (t) => {
    const { statuses } = await limited(t, { by: { kind: "total" } });
    assert.equal(await statuses(1, "x-heddle-source: a"), "200");
    assert.equal(await statuses(2, "x-heddle-source: b"), "200 429");
  });

  it("is counted with its caller, in the trace it belongs to", async (t) => {
    const { proxy, statuses } = await limited(t);
    const trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    const headers = [`traceparent: 00-${trace}-00f067aa0ba902b7-01`, "x-heddle-source: web"];
    assert.equal(await statuses(3, ...headers), "200 200 429");
    for (const { traceId, source } of proxy.sink.finished)
      assert.deepEqual({ traceId, source }, { traceId: trace, source: "web" });
  });
});
