import assert from "node:assert/strict";
import type { Socket } from "node:net";
import { describe, it, type TestContext } from "node:test";

import { LoadShedder } from "../../../data-plane/policy/load-shedder.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { ProxyFixture, scriptedUpstream } from "../../support/proxy-fixture.ts";
import type { RawClient } from "../../support/raw-client.ts";

/** More than come at once, and longer than a turn may take. */
const CROWD = 1_025;
const LONG_TURN_MS = 150;
const GET = "GET / HTTP/1.1\r\nHost: reviews\r\n\r\n";
const OK = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

describe("a proxy with as many requests under way as it may have", () => {
  it("refuses the next at once with 503 OM, keeps its connection, and serves it when one has finished", async (t) => {
    const waiting: Socket[] = [];
    const port = await scriptedUpstream(t, (socket) => socket.on("data", () => void waiting.push(socket)));
    const shedder = new LoadShedder(1, 50);
    const proxy = await new ProxyFixture([port], { listener: { shedder } }).start(t);
    const first = await proxy.connect();
    first.write(GET);
    await proxy.until(() => waiting.length === 1, "the first request is with the service");
    const second = await proxy.connect();
    second.write(GET);
    assert.match(
      await second.response(),
      /^HTTP\/1\.1 503 .*x-heddle-error: load-shed\r\nretry-after: 1\r\nx-heddle-overloaded: true\r\n/s,
    );
    assert.equal(proxy.last().flag, "OM");
    waiting[0]?.write(OK);
    assert.match(await first.response(), /^HTTP\/1\.1 200 /);
    second.write(GET);
    await proxy.until(() => waiting.length === 2, "the second connection's request is with the service");
    waiting[1]?.write(OK);
    assert.match(await second.response(), /^HTTP\/1\.1 200 /);
    assert.equal(shedder.inFlight, 0);
  });
});

/** Everything is read in one turn of the loop, which `onTurn` does not end; so many requests of it are still under way. */
async function crowded(t: TestContext) {
  const waiting: Socket[] = [];
  const port = await scriptedUpstream(t, (socket) => socket.on("data", () => void waiting.push(socket)));
  const clock = new ManualClock();
  clock.now = 10_000;
  const shedder = new LoadShedder(Infinity, 50);
  shedder.admit(true, 0, clock.now - LONG_TURN_MS);
  for (let count = 1; count < CROWD; count += 1) shedder.admit(true, 0, clock.now);
  const proxy = await new ProxyFixture([port], { clock, listener: { shedder, direction: "inbound" } }).start(t);
  const refused = async (): Promise<RawClient> => {
    const client = await proxy.connect();
    client.write(GET);
    assert.match(await client.response(), /^HTTP\/1\.1 503 .*x-heddle-error: load-shed\r\nretry-after: 1\r\n/s);
    return client;
  };
  const [hasty, patient] = [await refused(), await refused()];
  // There would be room now, but they have been told to come later.
  for (let count = 0; count < CROWD - 1; count += 1) shedder.release();
  const served = async (client: RawClient): Promise<void> => {
    await proxy.until(() => waiting.length > 0, "the request is with the service");
    waiting.shift()?.write(OK);
    assert.match(await client.response(), /^HTTP\/1\.1 200 /);
  };
  return { waiting, clock, shedder, proxy, hasty, patient, served };
}

describe("a crowded proxy", () => {
  it("refuses a client at once, and reads it no earlier than it was told to come", async (t) => {
    const { waiting, shedder, proxy, hasty, patient, served } = await crowded(t);
    hasty.write(GET);
    await proxy.pass(900);
    assert.equal(waiting.length, 0);
    await proxy.pass(200);
    await served(hasty);
    patient.write(GET);
    await served(patient);
    assert.equal(shedder.inFlight, 0);
  });

  it("keeps its deadlines while the crowd keeps it from its timers", async (t) => {
    const { clock, proxy, hasty, patient, waiting } = await crowded(t);
    hasty.write(GET);
    await proxy.pass(100);
    // No timer turns the wheel from here on.
    clock.now += 1_000;
    patient.write(GET);
    await proxy.until(() => waiting.length === 2, "both requests are with the service");
    for (const socket of waiting) socket.write(OK);
    assert.match(await hasty.response(), /^HTTP\/1\.1 200 /);
  });
});
