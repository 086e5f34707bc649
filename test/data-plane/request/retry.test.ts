import assert from "node:assert/strict";
import { createServer, type AddressInfo } from "node:net";
import { describe, it } from "node:test";

import { ManualClock } from "../../support/manual-clock.ts";
import {
  answering,
  messageEnd,
  ProxyFixture,
  retryPolicy,
  scriptedUpstream,
  turns,
  type ConnectionScript,
} from "../../support/proxy-fixture.ts";
import { bodyOf } from "../../support/raw-client.ts";

const HOST = "Host: reviews\r\n";
const GET = `GET / HTTP/1.1\r\n${HOST}\r\n`;
const POST = `POST / HTTP/1.1\r\n${HOST}content-length: 3\r\n\r\nabc`;
const OK = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

/** A port that nobody listens on: it was bound a moment ago and closed again. */
async function deadPort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Answers the first request of each connection, then closes it without a word when the second has come whole. */
function closingOnSecond(seen: string[]): ConnectionScript {
  return (socket) => {
    let pending = "";
    let served = false;
    socket.on("data", (bytes: Buffer) => {
      pending += bytes.toString("latin1");
      const end = messageEnd(pending);
      if (end < 0) return;
      seen.push(pending.slice(0, end));
      pending = pending.slice(end);
      if (served) socket.destroy();
      else socket.write(OK, "latin1");
      served = true;
    });
  };
}

describe("a request to an endpoint that does not listen", () => {
  it("is 503 UF without a policy", async (t) => {
    const proxy = await new ProxyFixture([await deadPort()]).start(t);
    assert.match(await proxy.send(GET), /^HTTP\/1\.1 503 .*x-heddle-error: connect-failed/s);
    assert.equal(proxy.last().flag, "UF");
    assert.equal(proxy.endpoints[0]?.connectFailures, 1);
    assert.equal(proxy.active, 0);
  });

  it("goes to another endpoint, also a POST: nothing was sent", async (t) => {
    const good = await scriptedUpstream(
      t,
      answering(() => OK),
    );
    const proxy = await new ProxyFixture([await deadPort(), good], { retry: retryPolicy(2) }).start(t);
    for (let i = 0; i < 4; i += 1) assert.equal(bodyOf(await proxy.send(POST)), "ok");
    assert.ok(proxy.sink.finished.some(({ attempts }) => attempts === 2));
    assert.equal(proxy.active, 0);
  });

  it("is answered after the last try", async (t) => {
    const proxy = await new ProxyFixture([await deadPort()], { retry: retryPolicy(2) }).start(t);
    assert.match(await proxy.send(GET), /^HTTP\/1\.1 503 /);
    assert.equal(proxy.last().attempts, 3);
  });
});

describe("a kept-alive connection that its upstream closes under a request", () => {
  it("is replaced once for a GET, without any policy", async (t) => {
    const seen: string[] = [];
    const proxy = await new ProxyFixture([await scriptedUpstream(t, closingOnSecond(seen))]).start(t);
    for (let i = 0; i < 5; i += 1) assert.equal(bodyOf(await proxy.send(GET)), "ok");
    assert.equal(seen.length, 9);
    assert.equal(proxy.active, 0);
  });

  it("is not replaced for a POST whose bytes left: it is seen exactly once", async (t) => {
    const seen: string[] = [];
    const port = await scriptedUpstream(t, closingOnSecond(seen));
    const proxy = await new ProxyFixture([port], { retry: retryPolicy(5) }).start(t);
    let failed = 0;
    for (let id = 0; id < 10; id += 1) {
      const response = await proxy.send(`POST / HTTP/1.1\r\n${HOST}x-id: ${id}\r\ncontent-length: 3\r\n\r\nabc`);
      if (response.startsWith("HTTP/1.1 503")) {
        assert.match(response, /x-heddle-error: upstream-died/);
        assert.equal(proxy.last().flag, "UC");
        failed += 1;
      }
    }
    assert.equal(failed, 5);
    const ids = seen.map((request) => /x-id: (\d+)/.exec(request)?.[1]);
    assert.equal(new Set(ids).size, ids.length, "an id came twice");
    assert.equal(ids.length, 10);
  });

  it("is noticed while idle: the next request takes a new one, whatever it is", async (t) => {
    const proxy = await new ProxyFixture([
      await scriptedUpstream(t, (socket) => {
        socket.once("data", () => socket.end(OK));
      }),
    ]).start(t);
    for (let i = 0; i < 5; i += 1) {
      assert.equal(bodyOf(await proxy.send(POST)), "ok");
      await proxy.until(() => proxy.upstreamConnections === 0, "the closed connection is forgotten");
    }
  });
});

describe("a retry by policy", () => {
  const failingFirst = (answer: string): ConnectionScript => {
    let requests = 0;
    return answering(() => {
      requests += 1;
      return requests % 2 === 1 ? answer : OK;
    });
  };

  it("follows 502, 503 and 504 for an idempotent request, with its body", async (t) => {
    const unavailable = "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 4\r\n\r\nbusy";
    const port = await scriptedUpstream(t, failingFirst(unavailable));
    const proxy = await new ProxyFixture([port], { retry: retryPolicy(1) }).start(t);
    assert.equal(bodyOf(await proxy.send(GET)), "ok");
    assert.equal(bodyOf(await proxy.send(POST.replace("POST", "PUT"))), "ok");
    assert.equal(proxy.last().attempts, 2);
    assert.equal(bodyOf(await proxy.send(POST)), "busy");
    assert.equal(proxy.last().attempts, 1);
  });

  it("ends with the upstream's own answer", async (t) => {
    const port = await scriptedUpstream(
      t,
      answering(() => "HTTP/1.1 502 Mine\r\ncontent-length: 0\r\n\r\n"),
    );
    const proxy = await new ProxyFixture([port], { retry: retryPolicy(2) }).start(t);
    assert.match(await proxy.send(GET), /^HTTP\/1\.1 502 Mine\r\n/);
    assert.equal(proxy.last().attempts, 3);
    const { flag, detail } = proxy.last();
    assert.deepEqual([flag, detail], ["URX", "retry-limit-exceeded"]);
  });

  it("sends a body again only as long as it is kept whole", async (t) => {
    const lengths: number[] = [];
    const port = await scriptedUpstream(
      t,
      answering((request) => {
        lengths.push(request.length - request.indexOf("\r\n\r\n") - 4);
        return "HTTP/1.1 503 No\r\ncontent-length: 0\r\n\r\n";
      }),
    );
    const proxy = await new ProxyFixture([port], { retry: retryPolicy(1) }).start(t);
    for (const length of [1_000, 60_000, 200_000]) {
      await proxy.send(`PUT / HTTP/1.1\r\n${HOST}content-length: ${length}\r\n\r\n${"b".repeat(length)}`);
    }
    assert.deepEqual(lengths, [1_000, 1_000, 60_000, 60_000, 200_000]);
    assert.equal(proxy.active, 0);
  });

  it("never tries the failed endpoint again while there is another", async (t) => {
    const seen: number[] = [];
    const ports = await Promise.all(
      [0, 1, 2].map((index) =>
        scriptedUpstream(
          t,
          answering(() => {
            seen.push(index);
            return "HTTP/1.1 503 No\r\ncontent-length: 0\r\n\r\n";
          }),
        ),
      ),
    );
    const proxy = await new ProxyFixture(ports, { retry: retryPolicy(2) }).start(t);
    for (let i = 0; i < 6; i += 1) {
      await proxy.send(GET);
      assert.deepEqual(new Set(seen.splice(0)), new Set([0, 1, 2]));
    }
  });
});

describe("the time of a request", () => {
  const silent: ConnectionScript = (socket) => {
    socket.resume();
  };

  it("is 504 UT at the whole deadline, retries included", async (t) => {
    const clock = new ManualClock();
    const port = await scriptedUpstream(t, silent);
    const proxy = await new ProxyFixture([port], { clock, timeoutMs: 5_000, retry: retryPolicy(3) }).start(t);
    const client = await proxy.connect();
    client.write(GET);
    await proxy.until(() => proxy.active === 1, "the request is under way");
    await proxy.pass(4_900);
    assert.equal(proxy.sink.finished.length, 0);
    await proxy.pass(200);
    assert.match(await client.response(), /^HTTP\/1\.1 504 .*x-heddle-error: timeout/s);
    assert.equal(proxy.last().flag, "UT");
    assert.equal(proxy.active, 0);
    await proxy.until(() => proxy.upstreamConnections === 0, "the attempt is given up");
  });

  it("begins when the whole request has come", async (t) => {
    const clock = new ManualClock();
    const port = await scriptedUpstream(t, silent);
    const proxy = await new ProxyFixture([port], { clock, timeoutMs: 1_000 }).start(t);
    const client = await proxy.connect();
    client.write(POST.slice(0, -1));
    await proxy.until(() => proxy.active === 1, "the request is under way");
    await proxy.pass(20_000);
    client.write("c");
    await proxy.pass(900);
    assert.equal(proxy.sink.finished.length, 0);
    await proxy.pass(200);
    assert.match(await client.response(), /^HTTP\/1\.1 504 /);
  });

  it("cuts the connection when the answer has begun", async (t) => {
    const clock = new ManualClock();
    const port = await scriptedUpstream(t, (socket) => {
      socket.once("data", () => socket.write("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc"));
    });
    const proxy = await new ProxyFixture([port], { clock, timeoutMs: 1_000 }).start(t);
    const client = await proxy.connect();
    client.write(GET);
    await client.until(() => client.received.endsWith("abc"));
    await proxy.pass(1_100);
    await client.closed();
    assert.equal(client.wasReset, true);
    assert.equal(proxy.last().flag, "UT");
  });

  it("of one try ends with another try", async (t) => {
    const clock = new ManualClock();
    const silentPort = await scriptedUpstream(t, silent);
    const good = await scriptedUpstream(
      t,
      answering(() => OK),
    );
    const retry = retryPolicy(1, { perTryTimeoutMs: 300 });
    const proxy = await new ProxyFixture([silentPort, good], { clock, retry }).start(t);
    const client = await proxy.connect();
    client.write(GET);
    await proxy.until(() => proxy.active === 1, "the request is under way");
    await proxy.pass(320);
    await turns(10);
    await proxy.pass(20);
    assert.equal(bodyOf(await client.response()), "ok");
    assert.equal(proxy.last().attempts, 2);
  });

  it("of connecting ends with 503 UF", async (t) => {
    const clock = new ManualClock();
    const port = await scriptedUpstream(t, silent);
    // The time is over before the event loop can tell that the connection is there.
    const onPick = (): void => {
      process.nextTick(() => {
        clock.now += 1_010;
        proxy.wheel.advance();
      });
    };
    const proxy = await new ProxyFixture([port], { clock, connectTimeoutMs: 1_000, onPick }).start(t);
    assert.match(await proxy.send(GET), /^HTTP\/1\.1 503 .*x-heddle-error: connect-timeout/s);
    assert.equal(proxy.last().flag, "UF");
    assert.equal(proxy.endpoints[0]?.connectFailures, 1);
  });
});
