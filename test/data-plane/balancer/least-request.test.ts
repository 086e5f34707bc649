import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { LeastRequestPicker } from "../../../data-plane/balancer/least-request.ts";
import { seededRandom } from "../../../shared/random.ts";
import { countPicks, membersOf } from "../../support/member-builders.ts";

function withActive(weights: readonly number[], active: readonly number[]): ReturnType<typeof membersOf> {
  const members = membersOf(weights);
  for (const [index, { state }] of members.entries()) state.active = active[index] ?? 0;
  return members;
}

describe("least request", () => {
  it("never picks the busiest of two, and of up to four always the least busy", () => {
    for (const active of [
      [1, 0],
      [3, 1, 2],
      [5, 4, 9, 3],
    ]) {
      const members = withActive(
        active.map(() => 1),
        active,
      );
      const least = active.indexOf(Math.min(...active));
      const counts = countPicks(new LeastRequestPicker(members, 2), members, 500, seededRandom(1));
      assert.equal(counts[least], 500, `${active.join(" ")}: ${counts.join(" ")}`);
    }
  });

  it("never picks the busiest of many: it meets someone less busy in each pair", () => {
    const active = [1, 1, 1, 1, 1, 1, 1, 9];
    const members = withActive(
      active.map(() => 1),
      active,
    );
    const counts = countPicks(new LeastRequestPicker(members, 2), members, 5_000, seededRandom(1));
    assert.equal(counts[7], 0, counts.join(" "));
  });

  it("compares load for the weight: twice the weight carries twice the requests", () => {
    const members = withActive([2, 1], [3, 2]);
    const counts = countPicks(new LeastRequestPicker(members, 2), members, 100, seededRandom(1));
    assert.deepEqual(counts, [100, 0]);
  });

  it("keeps fast endpoints busier than a slow one", () => {
    // Every endpoint answers one request per tick but the slow one, which needs ten.
    const members = membersOf([1, 1, 1, 1, 1]);
    const random = seededRandom(1);
    const picker = new LeastRequestPicker(members, 2);
    const counts = members.map(() => 0);
    for (let tick = 0; tick < 2_000; tick += 1) {
      for (let n = 0; n < 4; n += 1) {
        const picked = picker.pick(-1, random);
        const index = members.findIndex(({ state }) => state === picked);
        counts[index] = (counts[index] ?? 0) + 1;
        if (picked !== undefined) picked.active += 1;
      }
      for (const [index, { state }] of members.entries()) {
        if (index > 0 || tick % 10 === 0) state.active = Math.max(0, state.active - 1);
      }
    }
    const [slow = 0, ...fast] = counts;
    assert.ok(
      fast.every((count) => count > 2.5 * slow),
      counts.join(" "),
    );
  });
});
