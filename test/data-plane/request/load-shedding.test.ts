import assert from "node:assert/strict";
import type { Socket } from "node:net";
import { describe, it, type TestContext } from "node:test";

import { LoadShedder } from "../../../data-plane/policy/load-shedder.ts";
import { Place } from "../../../data-plane/policy/waiting-line.ts";
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

/** What a crowd leaves after its first turn. */
const ROOM = 57;

/** After the turn of the loop in which a crowd came: no room is left, and nobody waits. */
async function crowded(t: TestContext, connectionsMax = 4) {
  const waiting: Socket[] = [];
  const seen: string[] = [];
  const onRequest = (socket: Socket, bytes: Buffer): void => {
    seen.push(bytes.toString());
    waiting.push(socket);
  };
  const port = await scriptedUpstream(t, (socket) => socket.on("data", (bytes) => onRequest(socket, bytes)));
  const clock = new ManualClock();
  clock.now = 10_000;
  const shedder = new LoadShedder(Infinity, 50);
  shedder.admit(false, 0, clock.now - LONG_TURN_MS);
  for (let count = 1; count < CROWD; count += 1) shedder.admit(false, 0, clock.now);
  const times = { keepAliveIdleMs: 1_500, headerMs: 1_500 };
  const listener = { shedder, direction: "inbound", connectionsMax, times } as const;
  const proxy = await new ProxyFixture([port], { clock, listener }).start(t);
  const refused = async (request = GET): Promise<RawClient> => {
    const client = await proxy.connect();
    client.write(request);
    assert.match(await client.response(), /^HTTP\/1\.1 503 .*x-heddle-error: load-shed\r\nretry-after: [12]\r\n/s);
    return client;
  };
  const fillLine = (): readonly Place[] => {
    const others: Place[] = [];
    for (;;) {
      const other = new Place({ onRoom: () => undefined });
      if (!shedder.joins(other, false, clock.now)) return others;
      others.push(other);
    }
  };
  const others = fillLine();
  const [hasty, patient] = [await refused(), await refused()];
  for (const other of others) other.line?.leave(other);
  shedder.onTurn(clock.now, 0);
  while (shedder.inFlight > ROOM) shedder.release();
  const served = async (client: RawClient): Promise<void> => {
    await proxy.until(() => waiting.length > 0, "the request is with the service");
    waiting.shift()?.write(OK);
    assert.match(await client.response(), /^HTTP\/1\.1 200 /);
  };
  /** Lets in the first who waits. */
  const makeRoom = (): void => {
    while (shedder.waiting > 0 && !shedder.release());
    shedder.letIn();
  };
  return { waiting, seen, clock, shedder, proxy, hasty, patient, refused, served, fillLine, makeRoom };
}

describe("a crowded proxy", () => {
  it("refuses a client at once, and reads it no earlier than it was told to come, if somebody else needs the room", async (t) => {
    const { waiting, clock, shedder, proxy, hasty, patient, served, makeRoom } = await crowded(t);
    hasty.write(GET);
    await proxy.until(() => shedder.waiting === 1, "it is kept away");
    const next = await proxy.connect();
    next.write(GET);
    await proxy.until(() => shedder.waiting === 2, "the next waits in line");
    await proxy.pass(650);
    assert.equal(waiting.length, 0);
    makeRoom();
    await proxy.until(() => waiting.length === 1, "one is with the service");
    assert.equal(shedder.waiting, 1);
    await served(next);
    makeRoom();
    await served(hasty);
    clock.now = 11_100;
    patient.write(GET);
    await served(patient);
    assert.equal(shedder.waiting, 0);
  });

  it("keeps no connection of another proxy away, which carries somebody else's request next", async (t) => {
    const { proxy, shedder, refused, fillLine } = await crowded(t);
    const { length } = fillLine();
    const peer = await refused(GET.replace("\r\n\r\n", "\r\nx-heddle-source: web\r\n\r\n"));
    peer.write(GET);
    assert.match(await peer.response(), /^HTTP\/1\.1 503 /);
    assert.deepEqual([proxy.sink.finished.length, shedder.waiting], [4, length]);
  });

  it("has the next requests wait in line, and serves them in turn as others finish", async (t) => {
    const { waiting, shedder, proxy, served, makeRoom } = await crowded(t);
    const [first, second] = [await proxy.connect(), await proxy.connect()];
    first.write(GET);
    await proxy.until(() => shedder.waiting === 1, "the first waits");
    // In parts, and with nothing to follow: it gets its answer all the same.
    second.write(GET.slice(0, 9));
    await proxy.until(() => shedder.waiting === 2, "the second waits");
    second.socket.end(GET.slice(9));
    await proxy.pass(500);
    assert.deepEqual([waiting.length, proxy.sink.finished.length], [0, 2]);
    makeRoom();
    await served(first);
    makeRoom();
    await served(second);
    assert.equal(shedder.waiting, 0);
  });

  it("takes the wait in line off the time that the caller gives, and tells of it as time of the request", async (t) => {
    const { waiting, seen, shedder, proxy, served, makeRoom } = await crowded(t);
    const [patient, hasty] = [await proxy.connect(), await proxy.connect()];
    patient.write(GET.replace("\r\n\r\n", "\r\nx-heddle-deadline-ms: 900\r\n\r\n"));
    await proxy.until(() => shedder.waiting === 1, "the first waits");
    hasty.write(GET.replace("\r\n\r\n", "\r\nx-heddle-deadline-ms: 400\r\n\r\n"));
    await proxy.until(() => shedder.waiting === 2, "the second waits");
    await proxy.pass(500);
    makeRoom();
    await proxy.until(() => waiting.length === 1, "the first is with the service");
    assert.match(seen.at(-1) ?? "", /x-heddle-deadline-ms: 400\r\n/);
    await served(patient);
    assert.equal(Math.round(proxy.last().durationMs), 500);
    makeRoom();
    assert.match(await hasty.response(), /^HTTP\/1\.1 504 /);
    assert.deepEqual([proxy.last().flag, proxy.last().attempts, waiting.length], ["UT", 0, 0]);
  });

  it("refuses who has waited in line for too long", async (t) => {
    const { waiting, shedder, proxy } = await crowded(t);
    const client = await proxy.connect();
    client.write(GET);
    await proxy.until(() => shedder.waiting === 1, "it waits");
    // Longer than it would have had as an idle connection.
    await proxy.pass(9_900);
    assert.equal(proxy.sink.finished.length, 2);
    await proxy.pass(200);
    assert.match(await client.response(), /^HTTP\/1\.1 503 .*x-heddle-error: load-shed\r\n/s);
    assert.equal(waiting.length, 0);
  });

  it("tells a connection that it has no room for at once", async (t) => {
    const { proxy, shedder } = await crowded(t, 3);
    const [third, fourth] = [await proxy.connect(), await proxy.connect()];
    third.write(GET);
    await proxy.until(() => shedder.waiting === 1, "the third waits");
    fourth.write(GET);
    assert.match(await fourth.response(), /^HTTP\/1\.1 503 .*x-heddle-error: overload\r\n/s);
  });

  it("lets who goes out of line go", async (t) => {
    const { waiting, shedder, proxy, served, makeRoom } = await crowded(t);
    const [gone, next] = [await proxy.connect(), await proxy.connect()];
    for (const [at, client] of [gone, next].entries()) {
      client.write(GET);
      await proxy.until(() => shedder.waiting === at + 1, "it waits");
    }
    const before = proxy.listener.connections;
    gone.socket.resetAndDestroy();
    await proxy.until(() => proxy.listener.connections < before, "its connection is closed");
    makeRoom();
    await served(next);
    assert.equal(waiting.length, 0);
  });
});
