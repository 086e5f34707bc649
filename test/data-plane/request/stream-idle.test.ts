import assert from "node:assert/strict";
import type { Socket } from "node:net";
import { describe, it, type TestContext } from "node:test";

import { STREAM_IDLE_MS } from "../../../shared/defaults.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { ProxyFixture, scriptedUpstream, type FixtureOptions } from "../../support/proxy-fixture.ts";

const GET = "GET / HTTP/1.1\r\nHost: reviews\r\n\r\n";
const HALF_POST = "POST / HTTP/1.1\r\nHost: reviews\r\ncontent-length: 10\r\n\r\nhalf";
const HEAD = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";

/** A proxy before an upstream that does nothing by itself. `sockets` are the upstream's. */
async function silent(
  t: TestContext,
  options: FixtureOptions,
): Promise<{ readonly proxy: ProxyFixture; readonly sockets: Socket[]; readonly clock: ManualClock }> {
  const clock = new ManualClock();
  const sockets: Socket[] = [];
  const port = await scriptedUpstream(t, (socket) => sockets.push(socket.resume()));
  const proxy = await new ProxyFixture([port], { clock, timeoutMs: 0, ...options }).start(t);
  return { proxy, sockets, clock };
}

/** Time without any turn of the wheel in between, which none of the bounds needs. */
function leap(clock: ManualClock, proxy: ProxyFixture, ms: number): void {
  clock.now += ms;
  proxy.wheel.advance();
}

describe("a request in which nothing moves", () => {
  it("is answered with 504 SI, if the route has no timeout of its own", async (t) => {
    const { proxy, sockets, clock } = await silent(t, {});
    const client = await proxy.connect();
    client.write(GET);
    await proxy.until(() => sockets.length === 1, "the request is under way");
    leap(clock, proxy, STREAM_IDLE_MS - 1_000);
    assert.equal(proxy.sink.finished.length, 0);
    leap(clock, proxy, 2_000);
    assert.match(await client.response(), /^HTTP\/1\.1 504 .*x-heddle-error: stream-idle/s);
    assert.deepEqual([proxy.last().flag, proxy.last().detail, proxy.active], ["SI", "stream-idle", 0]);
  });

  it("is answered with 408 SI while it is still coming", async (t) => {
    const { proxy, sockets, clock } = await silent(t, { listener: { times: { bodyIdleMs: 2 * STREAM_IDLE_MS } } });
    const client = await proxy.connect();
    client.write(HALF_POST);
    await proxy.until(() => sockets.length === 1, "the request is under way");
    await proxy.pass(10);
    leap(clock, proxy, STREAM_IDLE_MS + 1_000);
    assert.match(await client.response(), /^HTTP\/1\.1 408 .*x-heddle-error: upload-idle/s);
    assert.deepEqual([proxy.last().flag, proxy.last().detail, proxy.active], ["SI", "upload-idle", 0]);
  });

  it("is cut once its response has begun", async (t) => {
    const { proxy, sockets, clock } = await silent(t, {});
    const client = await proxy.connect();
    client.write(GET);
    await proxy.until(() => sockets.length === 1, "the request is under way");
    sockets[0]?.write(`${HEAD}3\r\nabc\r\n`);
    await client.until(() => client.received.endsWith("abc\r\n"));
    leap(clock, proxy, STREAM_IDLE_MS + 1_000);
    await client.closed();
    assert.equal(client.wasReset, true);
    assert.deepEqual([proxy.last().flag, proxy.last().status], ["SI", 200]);
  });

  it("lives as long as bytes come now and then, from either side", async (t) => {
    const { proxy, sockets, clock } = await silent(t, { listener: { times: { bodyIdleMs: 2 * STREAM_IDLE_MS } } });
    const client = await proxy.connect();
    client.write("POST / HTTP/1.1\r\nHost: reviews\r\ntransfer-encoding: chunked\r\n\r\n");
    await proxy.until(() => sockets.length === 1, "the request is under way");
    let heard = "";
    sockets[0]?.on("data", (bytes: Buffer) => (heard += bytes.toString("latin1")));
    sockets[0]?.write(HEAD);
    await client.until(() => client.received.endsWith("\r\n\r\n"));
    for (let event = 0; event < 6; event += 1) {
      leap(clock, proxy, STREAM_IDLE_MS - 1_000);
      const text = `1\r\n${event}\r\n`;
      if (event % 2 === 0) {
        sockets[0]?.write(text);
        await client.until(() => client.received.endsWith(text));
      } else {
        client.write(text);
        await proxy.until(() => heard.endsWith(text), "the part has arrived");
      }
    }
    assert.equal(proxy.sink.finished.length, 0);
    sockets[0]?.write("0\r\n\r\n");
    client.write("0\r\n\r\n");
    await proxy.until(() => proxy.sink.finished.length === 1, "it has finished");
    assert.deepEqual([proxy.last().flag, proxy.last().status], ["", 200]);
  });

  it("may stand still for ever with a bound of 0", async (t) => {
    const { proxy, sockets, clock } = await silent(t, { listener: { times: { streamIdleMs: 0 } } });
    const client = await proxy.connect();
    client.write(GET);
    await proxy.until(() => sockets.length === 1, "the request is under way");
    leap(clock, proxy, 100 * STREAM_IDLE_MS);
    sockets[0]?.write("HTTP/1.1 204 No Content\r\n\r\n");
    assert.match(await client.response(), /^HTTP\/1\.1 204 /);
  });
});
