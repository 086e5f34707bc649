import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";

import { pino } from "pino";

import { nodeClassKey, nodeClassOf } from "../../../control-plane/snapshot/node-class.ts";
import { Publisher } from "../../../control-plane/snapshot/publisher.ts";
import type { Store } from "../../../control-plane/store/store.ts";
import { PUBLISH_DEBOUNCE_MS } from "../../../shared/defaults.ts";
import type { ProxyNode } from "../../../shared/model/node.ts";
import { nodeOf } from "../../support/ads-client.ts";
import { endpoint, route } from "../../support/catalog-rows.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { ManualTimers } from "../../support/manual-timers.ts";
import { openStore, put } from "../../support/stores.ts";

interface World {
  readonly store: Store;
  readonly publisher: Publisher;
  readonly nodes: ProxyNode[];
  /** Lines that were logged as errors. */
  readonly errors: string[];
  /** What waits for quiet is published. */
  settle(): void;
}

/** A rule whose weights are all 0, which the admin API would have refused: the snapshot contradicts itself. */
const contradiction = [
  endpoint("web", 1),
  { ...route("r", "web"), destinations: [{ service: "web", version: null, weight: 0 }] },
];

function open(t: TestContext): World {
  const store = openStore(t);
  put(store, contradiction);
  const errors: string[] = [];
  const nodes: ProxyNode[] = [];
  const clock = new ManualClock();
  const timers = new ManualTimers(clock);
  const publisher = new Publisher({
    store,
    clock,
    timers,
    log: pino({ level: "error" }, { write: (line: string) => void errors.push(line) }),
    classesInUse: (mesh) =>
      new Map(nodes.map((node) => nodeClassOf(node, mesh)).map((one) => [nodeClassKey(one), one])),
    offer: () => undefined,
  });
  t.after(publisher.start());
  const settle = (): void => timers.pass(PUBLISH_DEBOUNCE_MS);
  return { store, publisher, nodes, errors, settle };
}

describe("a snapshot that contradicts itself", () => {
  it("is built and told once, however many nodes ask for it", (t) => {
    const { publisher, errors } = open(t);
    for (let node = 0; node < 5; node += 1) assert.equal(publisher.snapshotFor(nodeOf(`web-${node}`)), undefined);
    assert.equal(errors.length, 1);
    assert.equal(publisher.withheld.length, 1);
  });

  it("is no longer told of when its nodes have left, and is there for them once it is right", (t) => {
    const { publisher, store, nodes, settle } = open(t);
    nodes.push(nodeOf("web-1"));
    assert.equal(publisher.snapshotFor(nodeOf("web-1")), undefined);
    put(store, [endpoint("web", 3)]);
    settle();
    assert.equal(publisher.withheld.length, 1, "it is still wrong");
    nodes.pop();
    put(store, [], [{ kind: "Route", name: "r" }]);
    settle();
    assert.deepEqual(publisher.withheld, []);
    assert.notEqual(publisher.snapshotFor(nodeOf("web-1")), undefined);
  });
});
