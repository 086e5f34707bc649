import assert from "node:assert/strict";
import { connect } from "node:net";
import { once } from "node:events";
import { describe, it, type TestContext } from "node:test";

import { HttpListener } from "../../../data-plane/listener/http-listener.ts";
import { ListenerSet } from "../../../data-plane/listener/listener-set.ts";
import { emptyRuntime } from "../../../data-plane/runtime/apply.ts";
import type { Runtime } from "../../../data-plane/runtime/runtime.ts";
import { formatAddress, type Address } from "../../../shared/address.ts";
import { systemClock } from "../../../shared/clock.ts";
import { createLog } from "../../../shared/log.ts";
import { TimerWheel } from "../../../shared/timer-wheel.ts";
import { freePort } from "../../support/control-plane.ts";
import { eventually, openApp } from "../../support/proxies.ts";

function openSet(t: TestContext): ListenerSet {
  const set = new ListenerSet(
    (spec) =>
      new HttpListener({
        ...spec,
        runtimeOf: () => emptyRuntime,
        sink: { onFinished: () => undefined },
        wheel: new TimerWheel(systemClock),
        identity: { service: "web", version: "" },
        onBug: (error) => assert.fail(String(error)),
      }),
    createLog("test", "silent"),
  );
  t.after(() => set.close());
  return set;
}

function runtimeWith(listeners: Readonly<Record<string, Address | undefined>>): Runtime {
  const routes = { match: () => undefined, knowsHost: () => false };
  return {
    ...emptyRuntime,
    listeners: new Map(
      Object.entries(listeners).map(([name, bind]) => [
        name,
        { name, direction: "outbound" as const, bind, statPrefix: name, routes },
      ]),
    ),
  };
}

async function isOpen(address: Address): Promise<boolean> {
  const socket = connect(address);
  try {
    await once(socket, "connect");
    return true;
  } catch {
    return false; // Refused: nobody listens.
  } finally {
    socket.destroy();
  }
}

async function localPort(): Promise<Address> {
  return { host: "127.0.0.1", port: await freePort() };
}

function names(set: ListenerSet): readonly string[] {
  return set.all().map(({ name, address }) => `${name} ${formatAddress(address)}`);
}

describe("the ports that a configuration asks for", () => {
  it("open, move and close with it; the proxy's own stay", async (t) => {
    const set = openSet(t);
    const outbound = { name: "outbound", routesOf: "outbound", direction: "outbound" as const };
    const own = await set.open(outbound, { host: "127.0.0.1", port: 0 }, "--outbound");
    const [first, second] = [await localPort(), await localPort()];
    const ownName = `outbound ${formatAddress(own)}`;

    // The address of a resource named like one of the proxy's own does not count: its flag does.
    set.follow(runtimeWith({ outbound: second, extra: first }));
    await eventually(
      async () => names(set),
      (open) => open.length === 2,
    );
    assert.deepEqual(names(set), [ownName, `extra ${formatAddress(first)}`]);
    assert.deepEqual([await isOpen(first), await isOpen(second)], [true, false]);

    set.follow(runtimeWith({ extra: second }));
    await eventually(
      async () => [await isOpen(first), await isOpen(second)].join(),
      (open) => open === "false,true",
    );

    set.follow(runtimeWith({ extra: undefined }));
    await eventually(
      () => isOpen(second),
      (open) => !open,
    );
    assert.deepEqual(names(set), [ownName]);
    assert.equal(await isOpen(own), true);
  });

  it("that are taken by another process are left out, and do not trouble the others", async (t) => {
    const set = openSet(t);
    const taken = await openApp(t, "taken");
    const free = await localPort();
    set.follow(runtimeWith({ a: { host: taken.host, port: taken.port }, b: free }));
    await eventually(
      () => isOpen(free),
      (open) => open,
    );
    await eventually(
      async () => names(set),
      (open) => open.join() === `b ${formatAddress(free)}`,
    );
  });

  it("close while they are being opened, when they are no longer wanted", async (t) => {
    const set = openSet(t);
    const address = await localPort();
    set.follow(runtimeWith({ brief: address }));
    set.follow(runtimeWith({}));
    await eventually(
      () => isOpen(address),
      (open) => !open,
    );
    assert.deepEqual(names(set), []);
  });
});
