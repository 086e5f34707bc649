import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";

import { LoadShedder } from "../../../data-plane/policy/load-shedder.ts";
import { InboundCalls } from "../../../data-plane/request/inbound-calls.ts";
import { OVERLOAD_PERIOD_MS } from "../../../shared/defaults.ts";
import { INBOUND_CALLS_MAX } from "../../../shared/limits.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import {
  answering,
  ProxyFixture,
  retryPolicy,
  scriptedUpstream,
  type FixtureOptions,
} from "../../support/proxy-fixture.ts";
import { RawClient } from "../../support/raw-client.ts";

const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";
const TRACEPARENT = `traceparent: 00-${TRACE}-00f067aa0ba902b7-01\r\n`;
const OK = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
const UNAVAILABLE = "HTTP/1.1 503 No\r\ncontent-length: 0\r\n\r\n";

function get(lines = ""): string {
  return `GET / HTTP/1.1\r\nHost: reviews\r\n${lines}\r\n`;
}

function header(request: string | undefined, name: string): string | undefined {
  return new RegExp(`\r\n${name}: (.*)\r\n`).exec(request ?? "")?.[1];
}

interface ServiceOptions extends Pick<FixtureOptions, "clock" | "policies"> {
  /** What the app answers, whatever it hears. */
  readonly answer?: string;
  /** Of the outbound listener. */
  readonly shedder?: LoadShedder;
}

/**
 * One service of a chain: an inbound listener, an app, and an outbound listener to `next`. The app calls `next` when it is
 * called, passes nothing on but the trace, and answers 503 when that is what it gets.
 */
async function service(
  t: TestContext,
  next: number,
  { answer, shedder, ...options }: ServiceOptions = {},
): Promise<ProxyFixture> {
  const calls = new InboundCalls();
  const listener = shedder === undefined ? { calls } : { calls, shedder };
  const outbound = await new ProxyFixture([next], { retry: retryPolicy(2), listener, ...options }).start(t);
  const app = await scriptedUpstream(t, (socket) => {
    socket.on("data", (bytes: Buffer) => {
      const traceparent = header(bytes.toString("latin1"), "traceparent") ?? "";
      void callOn(outbound.port, traceparent).then((heard) => socket.write(answer ?? heard));
    });
    socket.on("end", () => socket.end());
  });
  const time = options.clock === undefined ? {} : { clock: options.clock };
  return new ProxyFixture([app], { listener: { direction: "inbound", calls }, ...time }).start(t);
}

async function callOn(port: number, traceparent: string): Promise<string> {
  const client = await RawClient.connect(port);
  client.write(get(`traceparent: ${traceparent}\r\n`));
  const answer = await client.response();
  client.destroy();
  return answer.startsWith("HTTP/1.1 503") ? UNAVAILABLE : OK;
}

describe("retries over several hops", () => {
  it("are made by one of them only, though the apps pass on nothing but the trace", async (t) => {
    let requests = 0;
    const last = await scriptedUpstream(
      t,
      answering(() => {
        requests += 1;
        return UNAVAILABLE;
      }),
    );
    const third = await service(t, last);
    const second = await service(t, third.port);
    const first = await new ProxyFixture([second.port], { retry: retryPolicy(2) }).start(t);
    const response = await first.send(get());
    assert.match(response, /^HTTP\/1\.1 503 /);
    assert.match(response, /x-heddle-retried: true/);
    assert.equal(requests, 3, "not 27");
  });

  it("are not made for a request that is a retry already", async (t) => {
    const seen: string[] = [];
    const port = await scriptedUpstream(
      t,
      answering((request) => {
        seen.push(request);
        return UNAVAILABLE;
      }),
    );
    const proxy = await new ProxyFixture([port], { retry: retryPolicy(2) }).start(t);
    await proxy.send(get("x-heddle-attempt: 2\r\n"));
    assert.equal(seen.length, 1);
    assert.equal(header(seen[0], "x-heddle-attempt"), "2");
    await proxy.send(get("x-heddle-attempt: 1\r\n"));
    assert.deepEqual(
      seen.slice(1).map((request) => header(request, "x-heddle-attempt")),
      [undefined, "2", "3"],
    );
  });
});

describe("the calls of an app", () => {
  it("are not retried when the request that it answers is a retry already", async (t) => {
    let requests = 0;
    const last = await scriptedUpstream(
      t,
      answering(() => {
        requests += 1;
        return UNAVAILABLE;
      }),
    );
    const inbound = await service(t, last);
    await inbound.send(get(`x-heddle-attempt: 2\r\n${TRACEPARENT}`));
    assert.equal(requests, 1);
  });

  it("that were retried are told to who called it, though the retry went well", async (t) => {
    let requests = 0;
    const last = await scriptedUpstream(
      t,
      answering(() => {
        requests += 1;
        return requests === 1 ? UNAVAILABLE : OK;
      }),
    );
    const inbound = await service(t, last, { answer: UNAVAILABLE });
    assert.match(await inbound.send(get(TRACEPARENT)), /^HTTP\/1\.1 503 .*x-heddle-retried: true/s);
    assert.equal(requests, 2);
  });
});

describe("a retry that a policy refuses", () => {
  it("is not made by an earlier hop in its place", async (t) => {
    let requests = 0;
    const last = await scriptedUpstream(
      t,
      answering(() => {
        requests += 1;
        return UNAVAILABLE;
      }),
    );
    const nothing = { retryBudget: { ratio: 0, minPerSec: 0, windowMs: 10_000 } };
    const second = await service(t, last, { policies: nothing });
    const first = await new ProxyFixture([second.port], { retry: retryPolicy(2) }).start(t);
    assert.match(await first.send(get()), /^HTTP\/1\.1 503 /);
    assert.equal(requests, 1);
    assert.equal(first.last().attempts, 1);
  });
});

describe("a refusal deep in a chain", () => {
  const breaker = {
    thresholdPercent: 100,
    windowMs: 10_000,
    samplesMin: 10,
    consecutiveFailures: 1,
    recoveryMs: 60_000,
    recoveryMaxMs: 60_000,
    successes: 1,
  };

  it("is told to every hop before it: nobody retries, and no other breaker opens", async (t) => {
    const last = await scriptedUpstream(
      t,
      answering(() => UNAVAILABLE),
    );
    const third = await service(t, last, { policies: { breaker } });
    // The breaker next to what fails has opened; the others have heard of one failure less than they bear.
    await third.send(get());
    const second = await service(t, third.port, { policies: { breaker } });
    const first = await new ProxyFixture([second.port], { retry: retryPolicy(2), policies: { breaker } }).start(t);
    for (let round = 0; round < 3; round += 1) {
      assert.match(await first.send(get()), /^HTTP\/1\.1 503 .*x-heddle-overloaded: true/s);
      assert.equal(first.last().attempts, 1);
      assert.equal(first.clusterState.service.breaker.state, "closed");
    }
  });

  it("is told as well when the proxy beside the app had too much to do for its call", async (t) => {
    const shedder = new LoadShedder(0, OVERLOAD_PERIOD_MS);
    const inbound = await service(t, 1, { shedder });
    assert.match(await inbound.send(get(TRACEPARENT)), /^HTTP\/1\.1 503 .*x-heddle-overloaded: true/s);
    assert.equal(shedder.refusedFull, 1);
  });

  it("is nobody's business when the app has an answer without the call", async (t) => {
    const second = await service(t, 1, { policies: { breaker }, answer: OK });
    await second.send(get());
    assert.doesNotMatch(await second.send(get()), /x-heddle-overloaded/);
  });
});

describe("a host outside the mesh", () => {
  it("hears nothing of what proxies tell each other, and is not believed when it says such things", async (t) => {
    const seen: string[] = [];
    const answer = UNAVAILABLE.replace("\r\n\r\n", "\r\nx-heddle-overloaded: true\r\nx-heddle-retried: true\r\n\r\n");
    const outside = await scriptedUpstream(
      t,
      answering((request) => (seen.push(request), answer)),
    );
    const calls = new InboundCalls();
    const call = calls.enter(TRACE, 2, Infinity);
    const proxy = await new ProxyFixture([1], { egress: true, listener: { calls } }).start(t);
    const authority = `127.0.0.1:${outside}`;
    const head = `GET http://${authority}/ HTTP/1.1\r\nHost: ${authority}\r\n`;
    await proxy.send(`${head}${TRACEPARENT}x-heddle-deadline-ms: 4000\r\nx-heddle-source: web\r\n\r\n`);
    assert.match(seen.join(), new RegExp(`traceparent: 00-${TRACE}`));
    assert.doesNotMatch(seen.join(), /x-heddle/);
    assert.deepEqual([call?.wasRetried, call?.wasRefused], [false, false]);
  });
});

describe("the deadline of a request", () => {
  it("is the smaller one of the caller's and the route's, and tells the next hop what is left", async (t) => {
    const clock = new ManualClock();
    const seen: string[] = [];
    const port = await scriptedUpstream(
      t,
      answering((request) => {
        seen.push(request);
        return "";
      }),
    );
    const proxy = await new ProxyFixture([port], { clock, timeoutMs: 5_000 }).start(t);
    for (const [said, passed] of [
      ["", "5000"],
      ["x-heddle-deadline-ms: 300\r\n", "300"],
      ["x-heddle-deadline-ms: 90000\r\n", "5000"],
    ]) {
      const client = await proxy.connect();
      client.write(get(said));
      await proxy.until(() => seen.length > 0, "it has arrived");
      assert.equal(header(seen.pop(), "x-heddle-deadline-ms"), passed);
      await proxy.pass(310);
      assert.equal(proxy.sink.finished.length, passed === "300" ? 1 : 0);
      if (passed === "300") assert.match(await client.response(), /^HTTP\/1\.1 504 .*error: timeout/s);
      client.socket.resetAndDestroy();
      await proxy.until(() => proxy.active === 0, "it has ended");
      proxy.sink.finished.length = 0;
    }
  });

  it("that has passed is 504 at once", async (t) => {
    const proxy = await new ProxyFixture([1], {}).start(t);
    assert.match(await proxy.send(get("x-heddle-deadline-ms: 0\r\n")), /^HTTP\/1\.1 504 /);
    assert.equal(proxy.last().attempts, 0);
  });

  it("holds for the calls that the app makes for it", async (t) => {
    const clock = new ManualClock();
    const seen: string[] = [];
    const last = await scriptedUpstream(
      t,
      answering((request) => {
        seen.push(request);
        return "";
      }),
    );
    const inbound = await service(t, last, { clock });
    const client = await inbound.connect();
    client.write(get(`x-heddle-deadline-ms: 700\r\n${TRACEPARENT}`));
    await inbound.until(() => seen.length === 1, "the call of the app has arrived");
    assert.equal(header(seen[0], "x-heddle-deadline-ms"), "700");
  });
});

describe("a request whose body comes for longer than the request may take", () => {
  it("takes no time away from the calls that the app makes meanwhile, and has its deadline once it is there", async (t) => {
    const calls = new InboundCalls();
    const clock = new ManualClock();
    const heads: string[] = [];
    const app = await scriptedUpstream(t, (socket) =>
      socket.on("data", (bytes) => heads.push(bytes.toString("latin1"))),
    );
    const proxy = await new ProxyFixture([app], {
      clock,
      timeoutMs: 1_000,
      listener: { direction: "inbound", calls },
    }).start(t);
    const client = await proxy.connect();
    client.write(`POST / HTTP/1.1\r\nHost: reviews\r\ncontent-length: 6\r\n${TRACEPARENT}\r\nhal`);
    await proxy.until(() => heads.length > 0, "the app reads the beginning");
    await proxy.pass(3_000);
    assert.equal(calls.find(TRACE)?.deadlineAtMs, Infinity);
    client.write("ves");
    await proxy.until(() => calls.find(TRACE)?.deadlineAtMs !== Infinity, "the request has come whole");
    assert.equal(calls.find(TRACE)?.deadlineAtMs, clock.now + 1_000);
  });
});

describe("a request that has become a tunnel", () => {
  it("has no deadline, and neither have the calls that the app makes for it", async (t) => {
    const calls = new InboundCalls();
    const clock = new ManualClock();
    const app = await scriptedUpstream(t, (socket) => {
      socket.once("data", () =>
        socket.write("HTTP/1.1 101 Switching\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n"),
      );
    });
    const options = { clock, timeoutMs: 1_000, listener: { direction: "inbound" as const, calls } };
    const proxy = await new ProxyFixture([app], options).start(t);
    const client = await proxy.connect();
    client.write(get(`connection: upgrade\r\nupgrade: websocket\r\n${TRACEPARENT}`));
    assert.match(await client.response(), /^HTTP\/1\.1 101 /);
    assert.equal(calls.find(TRACE)?.deadlineAtMs, Infinity);
    await proxy.pass(2_000);
    assert.equal(proxy.sink.finished.length, 0);
    client.socket.resetAndDestroy();
    await proxy.until(() => calls.size === 0, "it is forgotten when it ends");
  });
});

describe("the requests that the app is answering", () => {
  it("are forgotten when they end, share the entry of their trace, and are bounded", () => {
    const calls = new InboundCalls();
    const call = calls.enter(TRACE, 1, 100);
    assert.ok(call !== undefined);
    assert.equal(calls.enter(TRACE, 2, 50), call);
    assert.deepEqual([call.attempt, call.deadlineAtMs], [2, 100]);
    calls.leave(TRACE, call);
    assert.equal(calls.find(TRACE), call);
    calls.leave(TRACE, call);
    assert.equal(calls.find(TRACE), undefined);
    for (let n = 0; n <= INBOUND_CALLS_MAX; n += 1) calls.enter(`trace ${n}`, 1, Infinity);
    assert.equal(calls.size, INBOUND_CALLS_MAX);
    assert.equal(calls.find(`trace ${INBOUND_CALLS_MAX}`), undefined);
  });
});
