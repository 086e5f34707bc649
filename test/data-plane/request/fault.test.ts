import assert from "node:assert/strict";
import { describe, it } from "node:test";

import type { FaultPolicy } from "../../../shared/model/route.ts";
import { seededRandom } from "../../../shared/random.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { answering, ProxyFixture, scriptedUpstream, type Ends } from "../../support/proxy-fixture.ts";

const GET = "GET / HTTP/1.1\r\nHost: reviews\r\n\r\n";
const OK = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
const NONE: FaultPolicy = { delay: undefined, abort: undefined, headers: [], untilWallMs: undefined };
const TEAPOT = { percent: 100, status: 418 };

interface Setting {
  readonly proxy: ProxyFixture;
  readonly clock: ManualClock;
  /** Requests that reached the endpoint. */
  readonly seen: string[];
}

async function withFault(t: Ends, fault: Partial<FaultPolicy>): Promise<Setting> {
  const seen: string[] = [];
  const port = await scriptedUpstream(
    t,
    answering((request) => (seen.push(request), OK)),
  );
  const clock = new ManualClock();
  const listener = { random: seededRandom(7) };
  const proxy = await new ProxyFixture([port], { clock, listener, fault: { ...NONE, ...fault } }).start(t);
  return { proxy, clock, seen };
}

describe("an injected abort", () => {
  it("answers with its status and flag FI, and the endpoint sees nothing", async (t) => {
    const { proxy, seen } = await withFault(t, { abort: TEAPOT });
    assert.match(await proxy.send(GET), /^HTTP\/1\.1 418 I'm a teapot\r\nx-heddle-error: fault-injected/);
    assert.equal(proxy.last().flag, "FI");
    assert.equal(proxy.last().destination, "reviews");
    assert.deepEqual(seen, []);
  });

  it("keeps the connection for the next request", async (t) => {
    const { proxy } = await withFault(t, { abort: TEAPOT });
    const client = await proxy.connect();
    for (let round = 0; round < 2; round += 1) {
      client.write(GET);
      assert.match(await client.response(), /^HTTP\/1\.1 418 /);
    }
  });

  it("meets its share of the requests", async (t) => {
    const { proxy } = await withFault(t, { abort: { percent: 30, status: 503 } });
    const client = await proxy.connect();
    let aborted = 0;
    for (let round = 0; round < 400; round += 1) {
      client.write(GET);
      if ((await client.response()).startsWith("HTTP/1.1 503 ")) aborted += 1;
    }
    // Four standard deviations around 120.
    assert.ok(aborted > 83 && aborted < 157, `${aborted} of 400 at 30 %`);
  });

  it("is only for requests with its headers", async (t) => {
    const value = { kind: "exact" as const, value: "1", ignoreCase: false };
    const headers = [{ name: "x-chaos", value, invert: false, treatMissingAsEmpty: false }];
    const { proxy } = await withFault(t, { abort: TEAPOT, headers });
    assert.match(await proxy.send(GET), /^HTTP\/1\.1 200 /);
    assert.match(await proxy.send(GET.replace("\r\n\r\n", "\r\nX-Chaos: 1\r\n\r\n")), /^HTTP\/1\.1 418 /);
  });

  it("ends at its time, though nobody takes it away", async (t) => {
    const clock = new ManualClock();
    const { proxy, clock: own } = await withFault(t, { abort: TEAPOT, untilWallMs: clock.wallMs() + 1_000 });
    own.now += 999;
    assert.match(await proxy.send(GET), /^HTTP\/1\.1 418 /);
    own.now += 2;
    assert.match(await proxy.send(GET), /^HTTP\/1\.1 200 /);
  });
});

describe("an injected delay", () => {
  const delay = { percent: 100, ms: 500 };

  it("holds the request for its time, then lets it through with flag DI", async (t) => {
    const { proxy, seen } = await withFault(t, { delay });
    const client = await proxy.connect();
    client.write(GET);
    await proxy.pass(480);
    assert.deepEqual(seen, []);
    await proxy.pass(40);
    assert.match(await client.response(), /^HTTP\/1\.1 200 /);
    assert.equal(proxy.last().flag, "DI");
    assert.ok(proxy.last().attempts === 1 && seen.length === 1);
  });

  it("is time that the caller waits: the next hop has so much less, and nobody is asked once it has passed", async (t) => {
    const { proxy, seen } = await withFault(t, { delay });
    const [patient, hasty] = [await proxy.connect(), await proxy.connect()];
    const within = (ms: number): string => GET.replace("\r\n\r\n", `\r\nx-heddle-deadline-ms: ${ms}\r\n\r\n`);
    patient.write(within(700));
    hasty.write(within(400));
    await proxy.until(() => proxy.wheel.size >= 4, "both are held");
    await proxy.pass(520);
    assert.match(await patient.response(), /^HTTP\/1\.1 200 /);
    assert.match(await hasty.response(), /^HTTP\/1\.1 504 /);
    assert.match(seen.join(), /x-heddle-deadline-ms: (180|200)\r\n/);
    assert.equal(seen.length, 1);
  });

  it("is no time that the caller waits while it still sends", async (t) => {
    const { proxy, seen } = await withFault(t, { delay });
    const client = await proxy.connect();
    client.write("POST / HTTP/1.1\r\nHost: reviews\r\nx-heddle-deadline-ms: 400\r\ncontent-length: 3\r\n\r\na");
    await proxy.until(() => proxy.wheel.size >= 2, "it is held");
    await proxy.pass(520);
    await proxy.until(() => proxy.active === 1, "it is with the service");
    client.write("bc");
    assert.match(await client.response(), /^HTTP\/1\.1 200 /);
    assert.match(seen[0] ?? "", /x-heddle-deadline-ms: 400\r\n/);
  });

  it("comes before the abort when a request meets both", async (t) => {
    const { proxy, seen } = await withFault(t, { delay, abort: TEAPOT });
    const client = await proxy.connect();
    client.write(GET);
    await proxy.pass(480);
    assert.equal(proxy.sink.finished.length, 0);
    await proxy.pass(40);
    assert.match(await client.response(), /^HTTP\/1\.1 418 /);
    assert.deepEqual(seen, []);
  });

  it("takes the whole body meanwhile, and passes it on", async (t) => {
    const { proxy, seen } = await withFault(t, { delay });
    const client = await proxy.connect();
    client.write("POST / HTTP/1.1\r\nHost: reviews\r\ncontent-length: 3\r\n\r\na");
    await proxy.pass(100);
    client.write("bc");
    await proxy.pass(420);
    assert.match(await client.response(), /^HTTP\/1\.1 200 /);
    assert.match(seen[0] ?? "", /\r\n\r\nabc$/);
  });

  it("ends with a client that goes away", async (t) => {
    const { proxy, seen } = await withFault(t, { delay });
    const client = await proxy.connect();
    client.write(GET);
    await proxy.pass(100);
    client.socket.resetAndDestroy();
    await proxy.until(() => proxy.sink.finished.length > 0, "the request is given up");
    await proxy.pass(500);
    assert.equal(proxy.last().flag, "DC");
    assert.deepEqual(seen, []);
    assert.equal(proxy.wheel.size, 0);
  });
});
