import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { DiscoveryServer } from "../../../control-plane/xds/discovery-server.ts";
import { resourceSet, type NodeSnapshot } from "../../../control-plane/xds/resource-set.ts";
import type { NodeStream } from "../../../control-plane/xds/stream.ts";
import { systemTimers } from "../../../shared/timers.ts";
import { encodeResourceEntry } from "../../../shared/wire/discovery-response.ts";
import { AdsClient, nodeOf } from "../../support/ads-client.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { snapshotOf } from "../../support/resource-sets.ts";

const STREAMS = 80;

/** Each look at it is a millisecond later, so that a slice of a fan-out is as short as it can be. */
class RunningClock extends ManualClock {
  override nowMs(): number {
    this.now += 1;
    return this.now;
  }
}

function worldAt(revision: number): NodeSnapshot {
  const entry = encodeResourceEntry("clusters", Buffer.from([revision]));
  const cluster = { name: "a", version: String(revision), entry, clusters: [] };
  const others = snapshotOf({ clusters: {}, endpoints: {}, routes: [] }, revision);
  return { ...others, clusters: resourceSet(revision, new Map([["a", cluster]])) };
}

function nothing(): void {
  // Not of interest here.
}

describe("a fan-out", { timeout: 30_000 }, () => {
  it("reaches every stream though there is news again before each round is over", async (t) => {
    const streams = new Set<NodeStream>();
    let snapshot = worldAt(1);
    const server = new DiscoveryServer({
      meshId: "m",
      clock: new RunningClock(),
      timers: systemTimers,
      observer: {
        onConnected: (stream) => streams.add(stream),
        onServing: nothing,
        onDisconnected: (stream) => streams.delete(stream),
        onProgress: nothing,
        onNack: nothing,
        onCut: nothing,
      },
      streams: () => streams,
      snapshotFor: () => snapshot,
      revision: () => snapshot.revision,
      methods: [],
    });
    const started = await server.start({ host: "127.0.0.1", port: 0 });
    assert.ok(started.ok);
    t.after(() => server.stop(0));
    const clients = Array.from({ length: STREAMS }, () => new AdsClient(t, started.value));
    for (const [index, client] of clients.entries()) {
      client.asks("clusters", [], { node: nodeOf(`web-${index}`) });
      client.acks(await client.next());
    }
    const acked = (stream: NodeStream) => stream.introduced?.session.subscription("clusters").ackedVersion;
    while ([...streams].some((stream) => acked(stream) === "")) await new Promise((next) => setImmediate(next));

    const first = new Set([...streams].map(acked));
    for (let revision = 2; revision <= 10; revision += 1) {
      snapshot = worldAt(revision);
      void server.publish();
      await new Promise((next) => setImmediate(next));
    }
    const behind = [...streams].filter((stream) =>
      first.has(stream.introduced?.session.subscription("clusters").sentVersion),
    );
    assert.equal(behind.length, 0, `${behind.length} of ${STREAMS} streams were told of none of nine edits`);
  });
});
