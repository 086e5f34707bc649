import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";

import { nodeClassKey, nodeClassOf } from "../../../control-plane/snapshot/node-class.ts";
import { Publisher, type Publication } from "../../../control-plane/snapshot/publisher.ts";
import type { Store } from "../../../control-plane/store/store.ts";
import { versionOf } from "../../../control-plane/xds/resource-set.ts";
import { FAULT_END_LOOK_MS, PUBLISH_DEBOUNCE_MS } from "../../../shared/defaults.ts";
import type { ProxyNode } from "../../../shared/model/node.ts";
import { endpoint, policy } from "../../support/catalog-rows.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { ManualTimers } from "../../support/manual-timers.ts";
import { openStore, put, silentLog } from "../../support/stores.ts";

const web: ProxyNode = {
  id: "web-1",
  kind: "heddle",
  service: "web",
  version: "",
  inbound: undefined,
  outbound: undefined,
  admin: undefined,
  snapshotSource: "none",
};

/** A publisher over a store, both on one clock, and what it offered. */
class World {
  readonly clock = new ManualClock();
  readonly timers = new ManualTimers(this.clock);
  readonly store: Store;
  readonly publisher: Publisher;
  readonly offered: Publication[] = [];

  constructor(t: TestContext, store?: (clock: ManualClock) => Store) {
    this.store = store?.(this.clock) ?? openStore(t, { clock: this.clock });
    this.publisher = new Publisher({
      store: this.store,
      clock: this.clock,
      timers: this.timers,
      log: silentLog,
      classesInUse: (mesh) => {
        const nodeClass = nodeClassOf(web, mesh);
        return new Map([[nodeClassKey(nodeClass), nodeClass]]);
      },
      offer: (publication) => this.offered.push(publication),
    });
  }

  /** The route table that web's proxies shall hold. */
  routes(): { readonly version: string; readonly text: string } {
    const set = this.publisher.snapshotFor(web)?.routes;
    assert.ok(set !== undefined);
    const entries = [...set.resources.values()].map(({ entry }) => Buffer.from(entry).toString("latin1"));
    return { version: versionOf(set), text: entries.join() };
  }

  hasFault(): boolean {
    return this.routes().text.includes("envoy.filters.http.fault");
  }
}

const fault = { fault_abort_percent: 100, fault_abort_status: 503, fault_duration_sec: 300 };

describe("a fault with an end", () => {
  it("goes off the wire at its end, by itself, under the revision that holds", (t) => {
    const world = new World(t);
    world.publisher.start();
    put(world.store, [endpoint("a", 1), policy("a", fault)]);
    world.timers.pass(PUBLISH_DEBOUNCE_MS);
    assert.ok(world.hasFault());
    const before = world.routes().version;
    world.timers.pass(300_000 - PUBLISH_DEBOUNCE_MS - 1);
    assert.deepEqual([world.hasFault(), world.offered.length], [true, 1]);
    world.timers.pass(2);
    assert.deepEqual([world.hasFault(), world.offered.length], [false, 2]);
    assert.deepEqual([world.offered[1]?.revision, world.offered[1]?.committedMs], [1, undefined]);
    assert.notEqual(world.routes().version, before);
    assert.equal(world.timers.nextMs, undefined, "nothing is left to wait for");
  });

  it("for one caller gives that one the routes of all again", (t) => {
    const world = new World(t);
    world.publisher.start();
    put(world.store, [endpoint("a", 1), policy("a", { ...fault, fault_source: "web" })]);
    world.timers.pass(PUBLISH_DEBOUNCE_MS);
    assert.ok(world.hasFault());
    world.timers.pass(300_000);
    assert.equal(world.hasFault(), false);
  });

  it("that is renewed lives on, and others that end first go first", (t) => {
    const world = new World(t);
    world.publisher.start();
    put(world.store, [policy("a", fault), policy("b", { ...fault, fault_duration_sec: 100 })]);
    world.timers.pass(200_000);
    assert.equal(world.offered.length, 2, "that of b has ended");
    put(world.store, [policy("a", fault)]);
    world.timers.pass(299_000);
    assert.ok(world.hasFault());
    world.timers.pass(2_000);
    assert.equal(world.hasFault(), false);
  });

  it("that ended while no control plane ran is not there after a start", (t) => {
    const first = new World(t);
    put(first.store, [policy("a", fault)]);
    first.clock.now += 200_000;
    const second = new World(t, (clock) => {
      clock.now = first.clock.now;
      return first.store;
    });
    second.publisher.start();
    assert.ok(second.hasFault());
    second.timers.pass(100_000);
    assert.equal(second.hasFault(), false);
    const third = new World(t, (clock) => {
      clock.now = second.clock.now;
      return first.store;
    });
    assert.equal(third.hasFault(), false);
  });

  it("ends soon after the clock was set past it", (t) => {
    const world = new World(t);
    world.publisher.start();
    put(world.store, [policy("a", { ...fault, fault_duration_sec: 86_400 })]);
    world.timers.pass(PUBLISH_DEBOUNCE_MS);
    const wallMs = world.clock.wallMs.bind(world.clock);
    world.clock.wallMs = () => wallMs() + 90_000_000;
    world.timers.pass(FAULT_END_LOOK_MS);
    assert.equal(world.hasFault(), false);
  });

  it("is waited for no longer once the publisher has stopped", (t) => {
    const world = new World(t);
    const stop = world.publisher.start();
    put(world.store, [policy("a", fault)]);
    world.timers.pass(PUBLISH_DEBOUNCE_MS);
    stop();
    assert.equal(world.timers.nextMs, undefined);
  });
});
