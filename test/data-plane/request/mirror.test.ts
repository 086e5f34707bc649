import assert from "node:assert/strict";
import type { Socket } from "node:net";
import { describe, it } from "node:test";

import { fixedChoice } from "../../../data-plane/balancer/endpoint-choice.ts";
import { shadowAuthority } from "../../../data-plane/request/mirror.ts";
import { EndpointState } from "../../../data-plane/runtime/endpoint-state.ts";
import type { ClusterRuntime } from "../../../data-plane/runtime/runtime.ts";
import { ConnectionPool } from "../../../data-plane/upstream/connection-pool.ts";
import { STREAM_IDLE_MS } from "../../../shared/defaults.ts";
import { MIRRORED_AT_ONCE_MAX } from "../../../shared/limits.ts";
import { seededRandom } from "../../../shared/random.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { answering, ProxyFixture, scriptedUpstream, turns, type Ends } from "../../support/proxy-fixture.ts";
import { clusterRuntime } from "../../support/route-builders.ts";

const GET = "GET /a?b=1 HTTP/1.1\r\nHost: reviews\r\nx-kept: yes\r\n\r\n";
const OK = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
const FAILED = "HTTP/1.1 500 Internal Server Error\r\ncontent-length: 6\r\n\r\nshadow";

interface Setting {
  readonly proxy: ProxyFixture;
  readonly shadow: ClusterRuntime;
}

/** A proxy whose requests are copied to what listens on `shadowPort`. */
async function mirroring(
  t: Ends,
  shadowPort: number,
  options: { percent?: number; clock?: ManualClock; timeoutMs?: number } = {},
): Promise<Setting> {
  const port = await scriptedUpstream(
    t,
    answering(() => OK),
  );
  const endpoint = new EndpointState(`127.0.0.1:${shadowPort}`, { host: "127.0.0.1", port: shadowPort });
  t.after(() => endpoint.pool?.drain());
  const choice = fixedChoice([endpoint], { pick: () => endpoint });
  const shadow: ClusterRuntime = { ...clusterRuntime("shadow"), endpoints: [endpoint], choice };
  const proxy = await new ProxyFixture([port], {
    mirrors: [{ cluster: shadow, percent: options.percent ?? 100 }],
    listener: { random: seededRandom(11) },
    ...(options.clock === undefined ? {} : { clock: options.clock }),
    ...(options.timeoutMs === undefined ? {} : { timeoutMs: options.timeoutMs }),
  }).start(t);
  return { proxy, shadow };
}

describe("a mirrored request", () => {
  it("reaches the other cluster as a copy that says so, and its answer nobody", async (t) => {
    const copies: string[] = [];
    const port = await scriptedUpstream(
      t,
      answering((request) => (copies.push(request), FAILED)),
    );
    const { proxy, shadow } = await mirroring(t, port);
    assert.match(await proxy.send(GET), /^HTTP\/1\.1 200 OK\r\n.*ok$/s);
    await proxy.until(() => shadow.state.mirrors.answered === 1, "the copy is answered");
    const [copy = ""] = copies;
    assert.match(copy, /^GET \/a\?b=1 HTTP\/1\.1\r\nhost: reviews-shadow\r\n/);
    assert.match(copy, /\r\nx-heddle-shadow: 1\r\n/);
    assert.match(copy, /\r\nx-kept: yes\r\n/);
    assert.equal(/traceparent: 00-(\w+)-/.exec(copy)?.[1], proxy.last().traceId);
    assert.equal(proxy.last().attempts, 1);
    assert.equal(shadow.endpoints[0]?.active, 0);
  });

  it("carries the body, in chunks as it came", async (t) => {
    const copies: string[] = [];
    const port = await scriptedUpstream(
      t,
      answering((request) => (copies.push(request), OK)),
    );
    const { proxy, shadow } = await mirroring(t, port);
    const head = "POST / HTTP/1.1\r\nHost: reviews\r\n";
    await proxy.send(`${head}content-length: 3\r\n\r\nabc`);
    await proxy.send(`${head}transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n`);
    await proxy.until(() => shadow.state.mirrors.answered === 2, "both copies are answered");
    assert.match(copies[0] ?? "", /content-length: 3\r\n\r\nabc$/);
    assert.match(copies[1] ?? "", /transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n$/);
  });

  it("of a body that is too long to keep is not sent, and counted", async (t) => {
    const { proxy, shadow } = await mirroring(t, 1);
    const body = "x".repeat(200_000);
    const response = await proxy.send(
      `POST / HTTP/1.1\r\nHost: reviews\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
    );
    assert.match(response, /^HTTP\/1\.1 200 /);
    assert.deepEqual(shadow.state.mirrors, { active: 0, answered: 0, failed: 0, dropped: 1 });
  });

  it("fails alone when nobody listens for the copy", async (t) => {
    const { proxy, shadow } = await mirroring(t, 1);
    assert.match(await proxy.send(GET), /^HTTP\/1\.1 200 /);
    await proxy.until(() => shadow.state.mirrors.failed === 1, "the copy fails");
    assert.equal(shadow.state.mirrors.active, 0);
  });

  it("meets its share of the requests", async (t) => {
    const port = await scriptedUpstream(
      t,
      answering(() => OK),
    );
    const { proxy, shadow } = await mirroring(t, port, { percent: 25 });
    const client = await proxy.connect();
    for (let round = 0; round < 400; round += 1) {
      client.write(GET);
      await client.response();
    }
    const { mirrors } = shadow.state;
    await proxy.until(() => mirrors.active === 0, "all copies are answered");
    // Four standard deviations around 100.
    assert.ok(mirrors.answered > 65 && mirrors.answered < 135, `${mirrors.answered} of 400 at 25 %`);
  });

  it("waits for a silent cluster no longer than the request would, and holds nothing afterwards", async (t) => {
    const sockets: Socket[] = [];
    const port = await scriptedUpstream(t, (socket) => sockets.push(socket.resume()));
    const clock = new ManualClock();
    const { proxy, shadow } = await mirroring(t, port, { clock });
    const client = await proxy.connect();
    for (let round = 0; round < MIRRORED_AT_ONCE_MAX + 5; round += 1) {
      client.write(GET);
      assert.match(await client.response(), /^HTTP\/1\.1 200 /);
    }
    assert.equal(shadow.state.mirrors.active, MIRRORED_AT_ONCE_MAX);
    assert.equal(shadow.state.mirrors.dropped, 5);
    await proxy.pass(5_100);
    assert.deepEqual(shadow.state.mirrors, { active: 0, answered: 0, failed: MIRRORED_AT_ONCE_MAX, dropped: 5 });
    await turns(2);
    const pool = shadow.endpoints[0]?.pool;
    assert.ok(pool instanceof ConnectionPool && pool.open === 0);
  });
});

describe("a mirrored request without a timeout", () => {
  it("that nobody answers ends all the same, and makes room for the next copies", async (t) => {
    const port = await scriptedUpstream(t, (socket) => socket.resume());
    const clock = new ManualClock();
    const { proxy, shadow } = await mirroring(t, port, { clock, timeoutMs: 0 });
    await proxy.send(GET);
    assert.equal(shadow.state.mirrors.active, 1);
    await proxy.pass(STREAM_IDLE_MS + 100);
    assert.deepEqual(shadow.state.mirrors, { active: 0, answered: 0, failed: 1, dropped: 0 });
  });
});

describe("the Host of a copy", () => {
  const cases: readonly (readonly [string, string])[] = [
    ["reviews", "reviews-shadow"],
    ["reviews:80", "reviews-shadow:80"],
    ["10.0.0.1:80", "10.0.0.1:80"],
    ["[::1]:80", "[::1]:80"],
    ["", ""],
  ];
  for (const [from, to] of cases) it(`of "${from}" is "${to}"`, () => assert.equal(shadowAuthority(from), to));
});
