import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";

import { Membership } from "../../../control-plane/liveness/membership.ts";
import type { ServiceEndpoint } from "../../../control-plane/catalog/catalog.ts";
import type { Store } from "../../../control-plane/store/store.ts";
import { LEASE_GRACE_MS, LEASE_MS, LEASE_TICK_MS } from "../../../shared/defaults.ts";
import type { ProxyNode } from "../../../shared/model/node.ts";
import { nodeOf } from "../../support/ads-client.ts";
import { endpoint } from "../../support/catalog-rows.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { openStore, put, silentLog } from "../../support/stores.ts";

// A real store, and time that passes only when the test says so.

interface World {
  readonly store: Store;
  readonly membership: Membership;
  row(): ServiceEndpoint | undefined;
  /** Lets time pass; what is due by then has run. */
  passes(ms: number): void;
}

const web: ProxyNode = nodeOf("web-1", { inbound: "10.0.0.1:15006" });

function open(t: TestContext, bytesMax?: number): World {
  const clock = new ManualClock();
  const store = openStore(t, bytesMax === undefined ? {} : { bytesMax });
  const due = new Map<object, { readonly atMs: number; readonly task: () => void }>();
  let sweep = (): void => undefined;
  const timers = {
    after(delayMs: number, task: () => void) {
      const timer = { cancel: () => void due.delete(timer) };
      due.set(timer, { atMs: clock.now + delayMs, task });
      return timer;
    },
    every(_: number, task: () => void) {
      sweep = task;
      return { cancel: () => undefined };
    },
  };
  const fleet = { waitForRevision: async (revision: number) => ({ revision, acknowledged: 1, waiting: [] }) };
  const membership = new Membership({ store, fleet, clock, timers, log: silentLog });
  t.after(membership.start());
  return {
    store,
    membership,
    row: () => store.catalog().endpoints.get("web")?.[0],
    passes(ms) {
      for (let passed = 0; passed < ms; passed += LEASE_TICK_MS) {
        clock.now += LEASE_TICK_MS;
        sweep();
        for (const [timer, { atMs, task }] of due) {
          if (atMs > clock.now) continue;
          due.delete(timer);
          task();
        }
      }
    },
  };
}

function connect({ membership, passes }: World): void {
  membership.onConnected(web);
  membership.onServing(web);
  passes(LEASE_TICK_MS);
}

function lose({ membership, passes }: World): void {
  membership.onDisconnected(web.id);
  passes(LEASE_GRACE_MS + LEASE_MS);
}

describe("a proxy that was lost and comes back", () => {
  it("is listed again", (t) => {
    const world = open(t);
    connect(world);
    lose(world);
    assert.equal(world.row()?.healthy, false);
    connect(world);
    assert.equal(world.row()?.healthy, true);
  });

  it("stays out when an operator took it out before its lease ended", (t) => {
    const world = open(t);
    connect(world);
    const row = world.row() ?? assert.fail();
    put(world.store, [{ ...row, healthy: false }]);
    lose(world);
    connect(world);
    assert.equal(world.row()?.healthy, false);
    world.membership.onDisconnected(web.id);
  });
});

describe("a drain", () => {
  it("is told as done once nobody sends to the proxy", async (t) => {
    const world = open(t);
    connect(world);
    const outcome = await world.membership.drain(web.id, 1, new AbortController().signal);
    assert.ok(outcome?.ok);
    assert.deepEqual([outcome.value.waiting, world.row()?.healthy], [[], false]);
    assert.equal(await world.membership.drain("nobody", 1, new AbortController().signal), undefined);
  });

  it("that a full store does not take is not told as done", async (t) => {
    const world = open(t, 400_000);
    connect(world);
    const { store } = world;
    put(store, [endpoint("reviews", 1)]);
    // Edits like the drain's own and no larger, until there is not even room for one.
    const least = { author: "a", reason: "", expectedRevision: undefined };
    const edit = (weight: number) =>
      store.commit({ puts: [endpoint("reviews", 1, { weight: 1 + (weight % 9) })], deletions: [] }, least).kind;
    let edits = 1;
    while (edit(edits) === "committed") assert.ok((edits += 1) < 10_000, "the store never gets full");
    const outcome = await world.membership.drain(web.id, 1, new AbortController().signal);
    assert.equal(outcome?.ok, false);
    assert.match(outcome.error, /full/);
    assert.equal(world.row()?.healthy, true, "it is still sent to");
  });
});
