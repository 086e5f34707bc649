import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { SharedRateLimit } from "../../../data-plane/policy/shared-rate-limit.ts";
import { ADMITTED } from "../../../data-plane/policy/rate-limit.ts";
import { applyRuntime, RuntimeHolder } from "../../../data-plane/runtime/apply.ts";
import { RateLimits } from "../../../data-plane/runtime/rate-limits.ts";
import type { RateLimitRuntime } from "../../../data-plane/runtime/runtime.ts";
import type { RateLimitPolicy } from "../../../shared/model/rate-limit.ts";
import { problemsOf, route, routeConfig, virtualHost } from "../../support/route-builders.ts";
import {
  assignment,
  compileContext,
  compiled,
  edsCluster,
  outbound,
  snapshotOf,
} from "../../support/snapshot-builders.ts";

const POLICY: RateLimitPolicy = {
  name: "reviews",
  requests: 3,
  perMs: 1_000,
  burst: 3,
  by: { kind: "client" },
  scope: "local",
  failOpen: true,
};

/** A proxy whose only route has that limit, or none; gives the limit of the runtime in use. */
function proxy() {
  const context = { ...compileContext(), rateLimits: new RateLimits() };
  const holder = new RuntimeHolder();
  const take = (change: Partial<RateLimitPolicy> | undefined): RateLimitRuntime | undefined => {
    const rateLimit = change === undefined ? undefined : { ...POLICY, ...change };
    const routes = routeConfig([virtualHost(["*"], [{ ...route("all"), rateLimit }])]);
    const { runtime } = compiled(snapshotOf({ listeners: [outbound("web")], routes: [routes] }), context);
    applyRuntime(holder, runtime, context);
    return runtime.rateLimits[0];
  };
  const admits = (limit: RateLimitRuntime | undefined, nowMs: number): boolean => {
    assert.ok(limit !== undefined);
    return context.rateLimits.of(limit).admit("web", limit.rate, nowMs) === ADMITTED;
  };
  return { take, admits, size: () => [...context.rateLimits.values()].length };
}

describe("what is known of a limit", () => {
  it("survives a change of configuration: nobody gets a full bucket for it", () => {
    const { take, admits } = proxy();
    const first = take({});
    assert.deepEqual(
      [1, 2, 3, 4].map(() => admits(first, 0)),
      [true, true, true, false],
    );
    assert.equal(admits(take({}), 0), false);
    const tighter = take({ requests: 1, burst: 1 });
    assert.equal(admits(tighter, 999), false, "1 in a second now");
    assert.equal(admits(tighter, 1_999), true);
    assert.equal(admits(tighter, 1_999), false);
  });

  it("is forgotten with the limit", () => {
    const { take, admits, size } = proxy();
    const first = take({});
    for (let count = 0; count < 3; count += 1) assert.equal(admits(first, 0), true);
    take(undefined);
    assert.equal(size(), 0);
    assert.equal(admits(take({}), 0), true);
  });

  it("is another one when clients are told apart by something else", () => {
    const { take, admits, size } = proxy();
    const first = take({});
    for (let count = 0; count < 3; count += 1) assert.equal(admits(first, 0), true);
    assert.equal(admits(take({ by: { kind: "header", name: "x-tenant" } }), 0), true);
    assert.equal(size(), 1);
  });
});

describe("a limit that the proxies of a service share", () => {
  it("knows how many they are by the endpoints of the service, counted once", () => {
    const context = { ...compileContext(), rateLimits: new RateLimits(2) };
    const rateLimit = { ...POLICY, scope: "global" as const, failOpen: false };
    const routes = routeConfig([virtualHost(["*"], [{ ...route("all"), rateLimit }])]);
    const clusters = ["reviews", "reviews|v1", "web"].map((name) =>
      edsCluster(name, { service: name.replace("|v1", "") }),
    );
    const assignments = [
      assignment("reviews", ["10.0.0.1:80", "10.0.0.2:80", "10.0.0.3:80"]),
      assignment("reviews|v1", ["10.0.0.1:80"]),
      assignment("web", ["10.0.0.4:80"]),
    ];
    const snapshot = snapshotOf({ listeners: [outbound("web")], routes: [routes], clusters, assignments });
    applyRuntime(new RuntimeHolder(), compiled(snapshot, context).runtime, context);
    const [entry] = context.rateLimits.values();
    assert.ok(entry?.state instanceof SharedRateLimit);
    assert.deepEqual([entry.state.proxies, entry.state.failOpen], [6, false], "three proxies with two workers each");
  });
});

describe("a limit that cannot be kept", () => {
  it("is refused with everything that is wrong with it", () => {
    const by = { kind: "header", name: "x tenant" } as const;
    const rateLimit = { ...POLICY, name: "", requests: 0, perMs: 0, burst: 0.5, by };
    const problems = problemsOf(routeConfig([virtualHost(["*"], [{ ...route("all"), rateLimit }])]));
    const path = 'virtual_hosts[0].routes[0].typed_per_filter_config["envoy.filters.http.local_ratelimit"]';
    assert.deepEqual(problems, [
      `${path}: the limit has no name`,
      `${path}: 0 requests are not a whole number of 1 or more`,
      `${path}: 0 ms are not above 0`,
      `${path}: a burst of 0.5 is not a whole number of 1 or more`,
      `${path}: "x tenant" is not the name of a header`,
    ]);
  });
});
