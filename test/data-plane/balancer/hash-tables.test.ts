import assert from "node:assert/strict";
import { describe, it } from "node:test";

import fc from "fast-check";

import { buildMaglev } from "../../../data-plane/balancer/maglev.ts";
import { buildRing } from "../../../data-plane/balancer/ring-hash.ts";
import { hash32, mix32 } from "../../../shared/string-hash.ts";
import { membersOf } from "../../support/member-builders.ts";

const weights = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 8 });

describe("a ring", () => {
  it("equals a search through all points for the next one clockwise", () => {
    fc.assert(
      fc.property(weights, fc.array(fc.integer({ min: 0, max: 0xffffffff }), { minLength: 10 }), (list, hashes) => {
        const members = membersOf(list);
        const ring = buildRing(members, 64, 64);
        // 64 points at most, a power of two for each unit of weight, at least one for each endpoint.
        const sum = list.reduce((total, one) => total + one, 0);
        let perWeight = 2 ** Math.ceil(Math.log2(64 / sum));
        if (perWeight * sum > 64) perWeight /= 2;
        const points = members.flatMap(({ state, weight }, owner) =>
          Array.from({ length: Math.max(1, Math.round(perWeight * weight)) }, (_, n) => ({
            at: mix32(hash32(state.key) ^ mix32(n + 1)),
            owner,
          })),
        );
        points.sort((a, b) => a.at - b.at || a.owner - b.owner);
        for (const hash of [...hashes, ...points.map(({ at }) => at)]) {
          const next = points.find(({ at }) => at >= hash) ?? points[0];
          assert.equal(ring.find(hash), next?.owner);
        }
      }),
      { numRuns: 100 },
    );
  });

  it("keeps within its bounds, whatever the weights", () => {
    const ring = buildRing(membersOf([1_000, 1, 1]), 1, 100);
    const owners = new Set(Array.from({ length: 20_000 }, (_, n) => ring.find(hash32(String(n)))));
    assert.ok(owners.has(0));
    assert.doesNotThrow(() => buildRing(membersOf(Array.from({ length: 300 }, () => 1)), 1, 10));
  });
});

describe("a maglev table", () => {
  it("fills every slot, each endpoint in proportion to its weight", () => {
    fc.assert(
      fc.property(weights, (list) => {
        const size = 1_009;
        const table = buildMaglev(membersOf(list), size);
        const counts = list.map(() => 0);
        for (let slot = 0; slot < size; slot += 1) counts[table.find(slot)] = (counts[table.find(slot)] ?? 0) + 1;
        const sum = list.reduce((total, one) => total + one, 0);
        for (const [index, count] of counts.entries()) {
          const share = (size * (list[index] ?? 0)) / sum;
          assert.ok(Math.abs(count - share) <= list.length + 1, `${counts.join(" ")} for ${list.join(" ")}`);
        }
      }),
      { numRuns: 100 },
    );
  });
});
