import assert from "node:assert/strict";
import { describe, it } from "node:test";

import fc from "fast-check";

import { applyChanges, planChange } from "../../../control-plane/catalog/apply-changes.ts";
import { emptyCatalog, type Row } from "../../../control-plane/catalog/catalog.ts";
import { keyOf } from "../../../control-plane/catalog/row-key.ts";
import { buildSnapshot } from "../../../control-plane/snapshot/build.ts";
import { checkSnapshot } from "../../../control-plane/snapshot/check.ts";
import { SnapshotEncoder } from "../../../control-plane/snapshot/encode.ts";
import { emptyMesh, readMesh } from "../../../control-plane/snapshot/mesh.ts";
import type { NodeClass } from "../../../control-plane/snapshot/node-class.ts";
import { PUSHED_TYPES, type NodeSnapshot } from "../../../control-plane/xds/resource-set.ts";
import { rows } from "../../support/catalog-arbitraries.ts";
import { catalogOf, endpoint } from "../../support/catalog-rows.ts";

// Outage O3 of control-plane-reliability.md: a buggy incremental difference lost endpoints. Here: whatever the edits,
// what was kept from before equals what a new process would build.

const CLASSES: readonly NodeClass[] = [
  { kind: "heddle", source: "", limited: "", outbound: undefined },
  { kind: "heddle", source: "web", limited: "", outbound: undefined },
  { kind: "heddle", source: "", limited: "web", outbound: undefined },
  { kind: "envoy", source: "", limited: "", outbound: "127.0.0.1:9000" },
  { kind: "grpc", source: "web", limited: "", outbound: undefined },
];

type Edit = { readonly put: Row } | { readonly remove: number };

const edits: fc.Arbitrary<readonly Edit[]> = fc.array(
  fc.oneof(
    { weight: 3, arbitrary: rows.map((put) => ({ put })) },
    { weight: 1, arbitrary: fc.nat(50).map((remove) => ({ remove })) },
  ),
  { minLength: 1, maxLength: 25 },
);

describe("a snapshot kept up to date", () => {
  it("equals one built from nothing after every edit, and its versions change exactly with its content", () => {
    fc.assert(
      fc.property(edits, (sequence) => {
        const encoder = new SnapshotEncoder();
        let catalog = emptyCatalog;
        let mesh = emptyMesh;
        const before = new Map<NodeClass, NodeSnapshot>();
        const present: Row[] = [];
        // Faults last ten minutes: some end between two edits.
        let nowWallMs = Date.UTC(2026, 0, 1);
        for (const edit of sequence) {
          const gone = "remove" in edit ? present.splice(edit.remove % Math.max(present.length, 1), 1) : [];
          const puts = "put" in edit ? [edit.put] : [];
          present.push(...puts);
          nowWallMs += 200_000;
          const now = new Date(nowWallMs).toISOString();
          const changes = planChange(catalog, { puts, deletions: gone.map(keyOf) }, now);
          catalog = applyChanges(catalog, changes, catalog.revision + 1);
          mesh = readMesh(catalog, mesh, nowWallMs);
          for (const nodeClass of CLASSES) {
            const model = buildSnapshot(mesh, nodeClass);
            assert.deepEqual(checkSnapshot(model), []);
            const kept = encoder.encode(model, nodeClass, catalog.revision);
            const anew = new SnapshotEncoder().encode(
              buildSnapshot(readMesh(catalog, emptyMesh, nowWallMs), nodeClass),
              nodeClass,
              catalog.revision,
            );
            for (const type of PUSHED_TYPES) {
              assert.equal(kept[type].hash, anew[type].hash, `${nodeClass.kind} ${type}`);
              const old = before.get(nodeClass)?.[type];
              if (old === undefined) continue;
              assert.equal(
                old.hash === kept[type].hash,
                old === kept[type],
                "a version without a change, or the reverse",
              );
            }
            before.set(nodeClass, kept);
          }
          encoder.forgetUnused();
        }
      }),
      { numRuns: 12 },
    );
  });

  it("encodes one service when one endpoint of a thousand services changes", () => {
    const services = Array.from({ length: 1_000 }, (_, index) => endpoint(`svc-${index}`, 80));
    const [nodeClass] = CLASSES;
    assert.ok(nodeClass !== undefined);
    const encoder = new SnapshotEncoder();
    const first = catalogOf(...services);
    const mesh = readMesh(first, emptyMesh, 0);
    const old = encoder.encode(buildSnapshot(mesh, nodeClass), nodeClass, 1);
    const put = { ...endpoint("svc-7", 80), weight: 5 };
    const second = applyChanges(
      first,
      planChange(first, { puts: [put], deletions: [] }, "2026-01-01T00:00:00.000Z"),
      2,
    );
    const now = encoder.encode(buildSnapshot(readMesh(second, mesh, 0), nodeClass), nodeClass, 2);
    const changed = [...now.endpoints.resources.values()].filter(
      (one) => old.endpoints.resources.get(one.name) !== one,
    );
    assert.deepEqual(
      changed.map(({ name }) => name),
      ["svc-7"],
    );
    assert.equal(now.routes, old.routes);
    assert.equal(now.clusters, old.clusters);
    assert.equal(now.listeners, old.listeners);
  });

  it("has the same hashes whatever the order in which rows came", () => {
    const all = [endpoint("b", 2), endpoint("a", 1), endpoint("a", 3, { pod_ip: "10.0.0.9" })];
    for (const nodeClass of CLASSES) {
      const hashes = [all, [...all].reverse()].map((order) => {
        const model = buildSnapshot(readMesh(catalogOf(...order), emptyMesh, 0), nodeClass);
        const snapshot = new SnapshotEncoder().encode(model, nodeClass, 1);
        return PUSHED_TYPES.map((type) => snapshot[type].hash).join();
      });
      assert.equal(hashes[0], hashes[1]);
    }
  });
});
