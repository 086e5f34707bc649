import assert from "node:assert/strict";
import { once } from "node:events";
import { describe, it, type TestContext } from "node:test";

import { DiscoveryClient } from "../../../data-plane/xds/client.ts";
import { ClientSession } from "../../../data-plane/xds/client-session.ts";
import type { Activation } from "../../../data-plane/xds/session-outcome.ts";
import { wireDecoder } from "../../../data-plane/xds/wire-decoder.ts";
import { formatAddress, type Address } from "../../../shared/address.ts";
import { systemClock } from "../../../shared/clock.ts";
import type { ProxyNode } from "../../../shared/model/node.ts";
import type { Snapshot } from "../../../shared/model/snapshot.ts";
import { ok } from "../../../shared/result.ts";
import type { Timers } from "../../../shared/timers.ts";
import { encodeCluster } from "../../../shared/wire/cluster-wire.ts";
import { freePort } from "../../support/control-plane.ts";
import { PuppetControlPlane } from "../../support/puppet-control-plane.ts";
import { cluster } from "../../support/session-resources.ts";

const node: ProxyNode = {
  id: "web-1",
  kind: "heddle",
  service: "web",
  version: "v1",
  inbound: undefined,
  outbound: "127.0.0.1:15001",
  admin: undefined,
  snapshotSource: "none",
};

/** Time that the test lets pass: each retry waits for `fire`. */
class ManualRetries implements Timers {
  readonly delays: number[] = [];
  #task: (() => void) | undefined = undefined;
  #waiting = (): void => undefined;

  after(delayMs: number, task: () => void): { cancel(): void } {
    // The watchdog's wake-ups are far away; what is near is a retry.
    if (delayMs >= 10_000) return { cancel: () => undefined };
    this.delays.push(delayMs);
    this.#task = task;
    this.#waiting();
    return { cancel: () => (this.#task = undefined) };
  }

  every(): { cancel(): void } {
    return assert.fail("nothing is periodic here");
  }

  async fire(): Promise<void> {
    while (this.#task === undefined) await new Promise<void>((settle) => (this.#waiting = settle));
    const task = this.#task;
    this.#task = undefined;
    task();
  }
}

interface Opened {
  readonly client: DiscoveryClient<Snapshot>;
  readonly retries: ManualRetries;
  readonly activated: Activation<Snapshot>[];
  readonly log: string[];
}

/** `swapped` is when what was activated is in use everywhere; undefined: at once. */
function openClient(
  t: TestContext,
  addresses: readonly Address[],
  swapped: () => Promise<void> | undefined = () => undefined,
): Opened {
  const retries = new ManualRetries();
  const activated: Activation<Snapshot>[] = [];
  const log: string[] = [];
  const client = new DiscoveryClient<Snapshot>({
    addresses,
    session: new ClientSession({ decoder: wireDecoder, compile: (snapshot) => ok(snapshot), acceptOlder: false }),
    node: () => node,
    events: {
      onActivated: (activation) => {
        activated.push(activation);
        return swapped();
      },
      onRefused: ({ type, reason }) => log.push(`refused ${type}: ${reason}`),
      onConnected: (address) => log.push(`connected ${address}`),
      onDisconnected: (reason) => log.push(`disconnected ${reason}`),
    },
    clock: systemClock,
    timers: retries,
    random: { unit: () => 0.5, below: () => 0 },
  });
  t.after(() => client.stop());
  client.start();
  return { client, retries, activated, log };
}

describe("the stream to a control plane", () => {
  it("says once who asks, answers each response, and swaps before it acknowledges", async (t) => {
    const puppet = await PuppetControlPlane.open(t);
    const { client, activated } = openClient(t, [puppet.address]);
    await puppet.until(2);
    assert.deepEqual(
      puppet.requests.map((request) => request.node?.id),
      ["web-1", undefined],
    );
    const local = { ...cluster("a"), discovery: { kind: "static" as const, endpoints: [] } };
    puppet.say("clusters", "1", [encodeCluster(local)]);
    await puppet.until(4);
    assert.equal(client.isConnected, true);
    puppet.say("listeners", "2", []);
    await puppet.until(5);
    assert.equal(activated.length, 1);
    assert.deepEqual([...(activated[0]?.snapshot.clusters.keys() ?? [])], ["a"]);
    assert.deepEqual(puppet.heard(), [
      "clusters / []",
      "listeners / []",
      "clusters r1.x/1 []",
      "digest / [digest]",
      "listeners r1.x/2 []",
    ]);
  });

  it("acknowledges, in order, only when every worker has swapped", async (t) => {
    const puppet = await PuppetControlPlane.open(t);
    const gates: PromiseWithResolvers<void>[] = [];
    const seen = Promise.withResolvers<void>();
    const { activated } = openClient(t, [puppet.address], () => {
      const gate = Promise.withResolvers<void>();
      if (gates.push(gate) === 2) seen.resolve();
      return gate.promise;
    });
    await puppet.until(2);
    puppet.say("clusters", "1", []);
    await puppet.until(4);
    puppet.say("listeners", "2", []);
    puppet.say("clusters", "3", []);
    await seen.promise;
    assert.equal(activated.length, 2);
    gates[1]?.resolve();
    // The later swap is done and the earlier one is not. An answer that left too early is here within a few turns.
    for (let turns = 0; turns < 200; turns += 1) await new Promise((settle) => setImmediate(settle));
    assert.equal(puppet.requests.length, 4);
    gates[0]?.resolve();
    await puppet.until(6);
    assert.deepEqual(puppet.heard().slice(4), ["listeners r1.x/2 []", "clusters r1.x/3 []"]);
  });

  it("refuses with a code and every reason", async (t) => {
    const puppet = await PuppetControlPlane.open(t);
    const { log } = openClient(t, [puppet.address]);
    await puppet.until(2);
    puppet.say("clusters", "1", [Buffer.from([0xff, 0xff]), Buffer.from("not a cluster")]);
    await puppet.until(3);
    assert.equal(puppet.heard()[2], "clusters /1 [] !13");
    const message = puppet.requests[2]?.error?.message ?? "";
    assert.match(message, /clusters\[0\].*; clusters\[1\]/);
    assert.equal(log.at(-1), `refused clusters: ${message}`);
  });

  it("is opened anew after it broke, from the same server, stating what is held", async (t) => {
    const puppet = await PuppetControlPlane.open(t);
    const { client, retries } = openClient(t, [puppet.address]);
    await puppet.until(2);
    puppet.say("clusters", "1", []);
    await puppet.until(4);
    puppet.stream?.end();
    await retries.fire();
    assert.deepEqual(retries.delays, [625]);
    await puppet.until(7);
    assert.equal(client.isConnected, false);
    assert.deepEqual(puppet.heard().slice(4), ["clusters r1.x/ []", "listeners / []", "digest / [digest]"]);
    assert.equal(puppet.requests[4]?.node?.id, "web-1");
  });

  it("goes from a dead server to the next one, waiting longer each time, until one answers", async (t) => {
    const dead = { host: "127.0.0.1", port: await freePort() };
    const puppet = await PuppetControlPlane.open(t);
    const { client, retries, log } = openClient(t, [dead, dead, dead, puppet.address]);
    for (let round = 0; round < 3; round += 1) await retries.fire();
    assert.deepEqual(retries.delays, [625, 812.5, 1_093.75]);
    await puppet.until(2);
    puppet.say("clusters", "1", []);
    await puppet.until(4);
    assert.equal(client.lastError, "");
    assert.equal(log[0], `disconnected connect ECONNREFUSED ${formatAddress(dead)}`);
    puppet.stream?.end();
    await retries.fire();
    // A good answer has set the waiting time back.
    assert.equal(retries.delays.at(-1), 625);
  });

  it("is not opened again once it was stopped", async (t) => {
    const puppet = await PuppetControlPlane.open(t);
    const { client, retries } = openClient(t, [puppet.address]);
    await puppet.until(2);
    const { stream } = puppet;
    assert.ok(stream !== undefined);
    const gone = once(stream, "cancelled");
    client.stop();
    await gone;
    assert.deepEqual(retries.delays, []);
  });
});
