import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, type ClientHttp2Stream } from "node:http2";
import { describe, it, type TestContext } from "node:test";

import { messageFrame } from "../../../control-plane/grpc/message-frame.ts";
import { DiscoveryServer } from "../../../control-plane/xds/discovery-server.ts";
import { resourceSet, type NodeSnapshot } from "../../../control-plane/xds/resource-set.ts";
import type { NodeStream, StreamObserver } from "../../../control-plane/xds/stream.ts";
import { formatAddress, type Address } from "../../../shared/address.ts";
import { STREAM_STALL_MS } from "../../../shared/defaults.ts";
import { SERVER_BUFFER_BYTES_MAX } from "../../../shared/limits.ts";
import { adsService } from "../../../shared/wire/ads-service.ts";
import { encodeDiscoveryRequest } from "../../../shared/wire/discovery-request.ts";
import { encodeResourceEntry } from "../../../shared/wire/discovery-response.ts";
import { typeUrls } from "../../../shared/wire/resource-types.ts";
import { AdsClient, nodeOf } from "../../support/ads-client.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { snapshotOf } from "../../support/resource-sets.ts";

// Real sockets, and time that passes only when the test says so.

const BEAT_MS = 500;

class Fleet implements StreamObserver {
  readonly connected = new Map<string, NodeStream>();
  readonly cut: string[] = [];

  onConnected(stream: NodeStream, node: { readonly id: string }): void {
    this.connected.set(node.id, stream);
  }

  onServing(): void {
    // Nobody is listed here.
  }

  onDisconnected(_: NodeStream, node: { readonly id: string }): void {
    this.connected.delete(node.id);
  }

  onProgress(): void {
    // Nobody waits for a revision here.
  }

  onNack(): void {
    // Nobody refuses anything here.
  }

  onCut(stream: NodeStream): void {
    this.cut.push(stream.introduced?.node.id ?? "");
  }
}

interface World {
  readonly address: Address;
  readonly fleet: Fleet;
  readonly server: DiscoveryServer;
  snapshot: NodeSnapshot;
  /** Lets time pass, in steps in which the server looks after its streams. */
  passes(ms: number): void;
  /** This process stands still for so long, then goes on. */
  standsStill(ms: number): void;
}

/** A snapshot with one cluster of `bytes` bytes. */
function clustersOf(bytes: number, revision: number): NodeSnapshot {
  const entry = encodeResourceEntry("clusters", Buffer.alloc(bytes));
  const cluster = { name: "a", version: String(bytes), entry, clusters: [] };
  const others = snapshotOf({ clusters: {}, endpoints: {}, routes: [] }, revision);
  return { ...others, clusters: resourceSet(revision, new Map([["a", cluster]])) };
}

/** A server whose cluster list has about `bytes` bytes. */
async function open(t: TestContext, bytes: number): Promise<World> {
  const clock = new ManualClock();
  const fleet = new Fleet();
  const beats: (() => void)[] = [];
  const timers = {
    after: () => ({ cancel: () => undefined }),
    every(_: number, task: () => void) {
      beats.push(task);
      return { cancel: () => undefined };
    },
  };
  const server = new DiscoveryServer({
    meshId: "m",
    clock,
    timers,
    observer: fleet,
    streams: () => fleet.connected.values(),
    snapshotFor: () => world.snapshot,
    revision: () => world.snapshot.revision,
    methods: [],
  });
  const started = await server.start({ host: "127.0.0.1", port: 0 });
  assert.ok(started.ok);
  const beat = (ms: number): void => {
    clock.now += ms;
    beats.at(-1)?.();
  };
  const world: World = {
    address: started.value,
    fleet,
    server,
    snapshot: clustersOf(bytes, 1),
    passes(ms) {
      for (let passed = 0; passed < ms; passed += BEAT_MS) beat(BEAT_MS);
    },
    standsStill: beat,
  };
  t.after(async () => {
    for (const stream of fleet.connected.values()) stream.cut(14, "the test is over");
    await server.stop(0);
  });
  return world;
}

/** A node that asks for clusters and takes only the first of what it gets. Settles when that came. */
async function slowReader(t: TestContext, world: World, id: string): Promise<ClientHttp2Stream> {
  const session = connect(`http://${formatAddress(world.address)}`);
  session.on("error", () => undefined);
  t.after(() => session.destroy());
  const stream = session.request({
    ":method": "POST",
    ":path": adsService.streamAggregatedResources.path,
    "content-type": "application/grpc",
  });
  stream.on("error", () => undefined);
  const request = { versionInfo: "", names: [], typeUrl: typeUrls.clusters, responseNonce: "", error: undefined };
  stream.write(messageFrame(encodeDiscoveryRequest({ ...request, node: nodeOf(id) })));
  await once(stream, "response");
  stream.pause();
  return stream;
}

function reader(t: TestContext, world: World, id: string): AdsClient {
  const client = new AdsClient(t, world.address);
  client.asks("clusters", [], { node: nodeOf(id) });
  return client;
}

describe("a node that does not read", { timeout: 20_000 }, () => {
  it("delays nobody, is cut when it stalled for too long, and its connection with it", async (t) => {
    const world = await open(t, 2_000_000);
    const slow = await slowReader(t, world, "slow");
    const good = reader(t, world, "good");
    good.acks(await good.next());
    for (let revision = 2; revision < 6; revision += 1) {
      world.snapshot = clustersOf(revision, revision);
      await world.server.publish();
      const { versionInfo, ...rest } = await good.next();
      assert.match(versionInfo, new RegExp(`^r${revision}\\.`));
      good.acks({ versionInfo, ...rest });
    }
    const goodStream = world.fleet.connected.get("good");
    await until(() => goodStream?.introduced?.session.unansweredSinceMs() === Infinity);
    world.passes(STREAM_STALL_MS / 2);
    assert.equal(world.fleet.cut.length, 0);
    const gone = once(slow, "close");
    world.passes(STREAM_STALL_MS);
    slow.resume();
    await gone;
    assert.equal(world.fleet.connected.has("slow"), false);
    assert.deepEqual([...world.fleet.cut], ["slow"]);
  });

  it("is not blamed for the time in which this process stood still", async (t) => {
    const world = await open(t, 2_000_000);
    await slowReader(t, world, "slow");
    world.standsStill(10 * STREAM_STALL_MS);
    world.passes(STREAM_STALL_MS / 2);
    assert.deepEqual(world.fleet.cut, []);
    world.passes(STREAM_STALL_MS);
    assert.deepEqual(world.fleet.cut, ["slow"]);
  });

  it("is not cut while it waits for its turn, and gets it when those before it are done", async (t) => {
    const world = await open(t, SERVER_BUFFER_BYTES_MAX / 2);
    await slowReader(t, world, "first");
    await slowReader(t, world, "second");
    const third = new AdsClient(t, world.address, { "grpc.max_receive_message_length": -1 });
    third.asks("clusters", [], { node: nodeOf("third") });
    const got = third.next();
    await until(() => world.fleet.connected.has("third"));
    world.passes(STREAM_STALL_MS + 20 * BEAT_MS);
    assert.deepEqual(world.fleet.cut.sort(), ["first", "second"]);
    assert.equal((await got).resources.length, 1);
  });
});

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}
