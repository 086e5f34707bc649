import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";

import { GrpcEndpoint } from "../../../control-plane/grpc/grpc-endpoint.ts";
import { rateLimitMethods } from "../../../control-plane/ratelimit/rate-limit-methods.ts";
import { TokenCoordinator } from "../../../shared/token-coordinator.ts";
import { SharedRateLimit } from "../../../data-plane/policy/shared-rate-limit.ts";
import { ADMITTED } from "../../../data-plane/policy/rate-limit.ts";
import { TokenLeases } from "../../../data-plane/ratelimit/token-leases.ts";
import { compileRateLimit } from "../../../data-plane/router/route-limit.ts";
import { emptyRuntime } from "../../../data-plane/runtime/apply.ts";
import { RateLimits } from "../../../data-plane/runtime/rate-limits.ts";
import type { Address } from "../../../shared/address.ts";
import { systemClock } from "../../../shared/clock.ts";
import { createLog } from "../../../shared/log.ts";
import type { RateLimitPolicy } from "../../../shared/model/rate-limit.ts";
import { systemRandom } from "../../../shared/random.ts";
import { systemTimers, type Timers } from "../../../shared/timers.ts";
import { turns } from "../../support/proxy-fixture.ts";

// Over real gRPC. In an hour comes one token: what passes within a test passes by what was there at first.

const POLICY: RateLimitPolicy = {
  name: "reviews",
  requests: 1,
  perMs: 3_600_000,
  burst: 20,
  by: { kind: "client" },
  scope: "global",
  failOpen: false,
};

async function coordinator(t: TestContext, port = 0): Promise<{ address: Address; stop: () => Promise<void> }> {
  const endpoint = new GrpcEndpoint({
    clock: systemClock,
    timers: systemTimers,
    methods: rateLimitMethods({ coordinator: new TokenCoordinator(), limitOf: () => POLICY, clock: systemClock }),
    messageBytesMax: 100_000,
  });
  const bound = await endpoint.start({ host: "127.0.0.1", port });
  assert.ok(bound.ok, bound.ok ? "" : bound.error);
  let isStopped = false;
  const stop = async (): Promise<void> => {
    if (isStopped) return;
    isStopped = true;
    await endpoint.stop(0);
  };
  t.after(stop);
  return { address: bound.value, stop };
}

/** Leases whose clock ticks when the test says so. */
function proxy(t: TestContext, address: Address, change: Partial<RateLimitPolicy> = {}) {
  const ticks = new Set<() => void>();
  const timers: Timers = {
    after: systemTimers.after,
    every: (_periodMs, task) => {
      ticks.add(task);
      return { cancel: () => ticks.delete(task) };
    },
  };
  const rateLimits = new RateLimits();
  const [clock, random, log] = [systemClock, systemRandom, createLog("test", "silent")];
  const leases = new TokenLeases({ rateLimits, addresses: [address], clock, timers, random, log });
  t.after(() => leases.stop());
  const limit = compileRateLimit({ ...POLICY, ...change }, "", []);
  rateLimits.reconcile({ ...emptyRuntime, rateLimits: [limit] });
  leases.follow();
  const state = rateLimits.of(limit);
  const admitted = (count: number): number =>
    Array.from({ length: count }, () => state.admit("web", limit.rate, clock.nowMs())).filter(
      (wait) => wait === ADMITTED,
    ).length;
  /** Ticks until something holds. */
  const until = async (condition: (state: SharedRateLimit) => boolean, what: string): Promise<void> => {
    assert.ok(state instanceof SharedRateLimit);
    const deadlineMs = clock.nowMs() + 30_000;
    while (!condition(state)) {
      assert.ok(clock.nowMs() < deadlineMs, `still not so after 30 s: ${what}`);
      for (const tick of ticks) tick();
      await turns(1);
    }
  };
  return { rateLimits, leases, state, ticks, admitted, until };
}

describe("leases of tokens", () => {
  it("come from the one bucket of the mesh: all proxies together pass what it holds", async (t) => {
    const { address } = await coordinator(t);
    const [one, two] = [proxy(t, address), proxy(t, address)];
    let passed = one.admitted(5);
    await one.until(({ leased, owed }) => leased >= 5 && owed === 0, "the first has paid for its credit");
    for (let round = 0; round < 40; round += 1) {
      passed += one.admitted(1) + two.admitted(1);
      await two.until(({ coordinator }) => coordinator === "present", "the second is answered");
      for (const tick of [...one.ticks, ...two.ticks]) tick();
      await turns(5);
    }
    assert.ok(passed >= POLICY.burst - 1, `${passed} passed`);
    const owed = [one, two].reduce((sum, { state }) => sum + (state instanceof SharedRateLimit ? state.owed : 0), 0);
    assert.ok(passed <= POLICY.burst + owed, `${passed} passed, ${owed} are owed`);
    assert.equal(one.admitted(100), 0);
  });

  it("fail with the coordinator, and come again with it", async (t) => {
    const first = await coordinator(t);
    const { admitted, until, state } = proxy(t, first.address);
    assert.equal(admitted(1), 1);
    await until(({ coordinator }) => coordinator === "present", "it is answered");
    await first.stop();
    admitted(40);
    await until(({ coordinator }) => coordinator === "gone", "the coordinator is gone");
    assert.ok(state instanceof SharedRateLimit && state.failures >= 1);
    assert.equal(admitted(40), 0, "a share starts empty, and fills by one token an hour");
    await coordinator(t, first.address.port);
    await until(({ coordinator }) => coordinator === "present", "the coordinator is back");
    await until(({ held }) => held > 0, "tokens have come");
    assert.ok(admitted(1) === 1);
  });

  it("are kept only for limits that are shared", async (t) => {
    const { address } = await coordinator(t);
    const local = proxy(t, address, { scope: "local" });
    assert.equal(local.ticks.size, 0);
    const global = proxy(t, address);
    assert.equal(global.ticks.size, 1);
    global.rateLimits.reconcile(emptyRuntime);
    global.leases.follow();
    assert.equal(global.ticks.size, 0);
  });
});
