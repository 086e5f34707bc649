import assert from "node:assert/strict";
import { describe, it } from "node:test";

import fc from "fast-check";

import { RateLimits } from "../../../data-plane/runtime/rate-limits.ts";
import { RuntimeHolder, applyRuntime, emptyRuntime } from "../../../data-plane/runtime/apply.ts";
import type { EndpointState } from "../../../data-plane/runtime/endpoint-state.ts";
import type { Snapshot } from "../../../shared/model/snapshot.ts";
import { seededRandom } from "../../../shared/random.ts";
import {
  assignment,
  clusterOf,
  compileContext,
  compiled,
  edsCluster,
  snapshotOf,
} from "../../support/snapshot-builders.ts";

const A = "10.0.0.1:80";
const B = "10.0.0.2:80";
const C = "10.0.0.3:80";

/** One cluster for each name, all with endpoints of their own. */
function services(endpoints: Readonly<Record<string, readonly string[]>>): Snapshot {
  const names = Object.keys(endpoints);
  return snapshotOf({
    clusters: names.map((name) => edsCluster(name)),
    assignments: names.map((name) => assignment(name, endpoints[name] ?? [])),
  });
}

/** A proxy that takes snapshot after snapshot. */
function proxy() {
  const holder = new RuntimeHolder();
  const context = { ...compileContext(), rateLimits: new RateLimits() };
  return {
    holder,
    context,
    take: (snapshot: Snapshot) => {
      const { runtime } = compiled(snapshot, context);
      return { runtime, retired: applyRuntime(holder, runtime, context) };
    },
    state: (key: string): EndpointState => {
      const state = context.endpoints.get(key);
      assert.ok(state !== undefined, `${key} is not known`);
      return state;
    },
  };
}

describe("the swap", () => {
  it("starts from a runtime that knows nothing", () => {
    assert.equal(new RuntimeHolder().current, emptyRuntime);
    assert.equal(emptyRuntime.listeners.size + emptyRuntime.clusters.size, 0);
  });

  it("keeps what is known of the endpoints that stay, and lets the others' connections go", () => {
    const { holder, take, state, context } = proxy();
    take(services({ web: [A, B] }));
    const drained: string[] = [];
    for (const key of [A, B]) {
      state(key).active = 3;
      state(key).pool = { open: 3, idle: 0, waiting: 0, drain: () => drained.push(key) };
    }
    const { a, b } = { a: state(A), b: state(B) };
    const { runtime, retired } = take(services({ web: [B, C] }));
    assert.equal(holder.current, runtime);
    assert.deepEqual(drained, [A]);
    assert.deepEqual(retired, [a]);
    assert.deepEqual([a.isRetired, b.isRetired, b.active], [true, false, 3]);
    assert.equal(clusterOf(runtime, "web").endpoints[0], b);
    assert.equal(context.endpoints.size, 2);
  });

  it("counts an endpoint of two clusters once, and keeps it while either names it", () => {
    const { take, state } = proxy();
    const { runtime } = take(services({ reviews: [A, B], "reviews|v1": [A] }));
    assert.equal(clusterOf(runtime, "reviews|v1").endpoints[0], clusterOf(runtime, "reviews").endpoints[0]);
    const a = state(A);
    take(services({ reviews: [B], "reviews|v1": [A] }));
    assert.equal(state(A), a);
    assert.deepEqual(take(services({ reviews: [B], "reviews|v1": [] })).retired, [a]);
  });

  it("makes an endpoint that comes back a new one, also in a cluster that itself never changed", () => {
    const { take, state } = proxy();
    const both = services({ web: [A] });
    take(both);
    const before = state(A);
    before.active = 7;
    take(services({}));
    const { runtime } = take(both);
    const after = clusterOf(runtime, "web").endpoints[0];
    assert.notEqual(after, before);
    assert.equal(after, state(A));
    assert.deepEqual([after?.active, after?.isRetired, before.isRetired], [0, false, true]);
  });

  it("forgets the endpoints of a snapshot that was compiled and never used", () => {
    const { take, context } = proxy();
    take(services({ web: [A] }));
    compiled(services({ web: [B, C] }), context);
    assert.equal(context.endpoints.size, 3);
    take(services({ web: [A] }));
    assert.equal(context.endpoints.size, 1);
  });

  it("does not bring back a retired endpoint through a cluster that was compiled before it was retired", () => {
    const { context, holder, take, state } = proxy();
    const one = compiled(services({ web: [A] }), context).runtime;
    const two = services({ web: [A], api: [B] });
    compiled(two, context);
    const retired = state(B);
    applyRuntime(holder, one, context);
    assert.equal(retired.isRetired, true);
    const { runtime } = take(two);
    assert.deepEqual(clusterOf(runtime, "api").endpoints, [state(B)]);
    assert.equal(state(B).isRetired, false);
  });

  it("always leaves exactly the endpoints of the runtime in use known, none of them retired", () => {
    const world = fc.array(
      fc.record({
        // Which endpoints each of three clusters has; reused objects stand for unchanged resources.
        snapshot: fc.nat(5),
        applied: fc.boolean(),
      }),
      { minLength: 1, maxLength: 30 },
    );
    fc.assert(
      fc.property(world, fc.nat(), (steps, seed) => {
        const draw = seededRandom(seed);
        const some = (): string[] => [A, B, C].filter(() => draw.unit() < 0.5);
        const snapshots = Array.from({ length: 6 }, () => {
          const names = ["x", "y", "z"].filter(() => draw.unit() < 0.7);
          return services(Object.fromEntries(names.map((name) => [name, some()])));
        });
        // Some snapshots share resources with others, as successive pushes do.
        const mixed = snapshots.map((one, index) => {
          const other = snapshots[(index + 1) % snapshots.length];
          return index % 2 === 0 || other === undefined ? one : { ...one, clusters: other.clusters };
        });
        const { take, context } = proxy();
        for (const { snapshot, applied } of steps) {
          const chosen = mixed[snapshot];
          assert.ok(chosen !== undefined);
          if (!applied) {
            compiled(chosen, context);
            continue;
          }
          const { runtime } = take(chosen);
          const inUse = new Set([...runtime.clusters.values()].flatMap(({ endpoints }) => endpoints));
          assert.deepEqual(new Set(context.endpoints.values()), inUse);
          for (const state of inUse) assert.equal(state.isRetired, false);
          assert.equal(new Set([...inUse].map(({ key }) => key)).size, inUse.size);
        }
      }),
      { numRuns: 300 },
    );
  });
});
