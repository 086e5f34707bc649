import assert from "node:assert/strict";
import { it } from "node:test";

import fc from "fast-check";

import type { LbPolicy } from "../../shared/model/cluster.ts";
import { seededRandom } from "../../shared/random.ts";
import { hash32 } from "../../shared/string-hash.ts";
import { countPicks, member, membersOf, pickerOver } from "../support/member-builders.ts";

const weights = fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 12 });

/** What holds for every kind of picker, with and without a hash. */
export function pickerLaws(policy: LbPolicy): void {
  it("picks nothing among nothing", () => {
    const random = seededRandom(1);
    const { picker } = pickerOver(policy, [], random);
    assert.equal(picker.pick(-1, random, 0), undefined);
    assert.equal(picker.pick(7, random, 0), undefined);
  });

  it("picks only endpoints it was built with, and always one of them", () => {
    fc.assert(
      fc.property(
        weights,
        fc.nat(),
        fc.array(fc.integer({ min: -1, max: 0xffffffff }), { maxLength: 30 }),
        (list, seed, hashes) => {
          const random = seededRandom(seed);
          const members = membersOf(list);
          const { picker } = pickerOver(policy, members, random);
          const known = new Set(members.map(({ state }) => state));
          for (const hash of hashes) {
            const picked = picker.pick(hash, random, 0);
            assert.ok(picked !== undefined && known.has(picked));
            picked.active += 1;
          }
        },
      ),
      { numRuns: 100 },
    );
  });

  it("shares picks without a hash by weight", () => {
    fc.assert(
      fc.property(weights, fc.nat(), (list, seed) => {
        const random = seededRandom(seed);
        const members = membersOf(list);
        const picks = 20_000;
        const counts = countPicks(pickerOver(policy, members, random).picker, members, picks, random);
        assertShares(counts, list, picks, 0);
      }),
      { numRuns: 15 },
    );
  });

  it("starves nobody: each endpoint is picked in the end", () => {
    const random = seededRandom(3);
    const members = membersOf([1, 1_000, 1, 1_000]);
    const counts = countPicks(pickerOver(policy, members, random).picker, members, 50_000, random);
    assert.ok(
      counts.every((count) => count > 0),
      counts.join(" "),
    );
  });

  it("does not send all proxies to the same endpoint first", () => {
    const firsts = new Set<string | undefined>();
    for (let seed = 0; seed < 100; seed += 1) {
      const random = seededRandom(seed);
      firsts.add(pickerOver(policy, membersOf([1, 1, 1, 1]), random).picker.pick(-1, random, 0)?.key);
    }
    assert.equal(firsts.size, 4);
  });
}

/** What holds for the pickers that send equal hashes to equal endpoints. */
export function hashingLaws(policy: LbPolicy): void {
  const hashOf = (n: number): number => hash32(`user-${n}`);

  it("sends equal hashes to one endpoint, on every proxy, whatever the order of the assignment", () => {
    fc.assert(
      fc.property(weights, fc.nat(), (list, seed) => {
        const members = membersOf(list);
        const shuffled = [...members].reverse();
        const one = pickerOver(policy, members, seededRandom(seed)).picker;
        const other = pickerOver(policy, shuffled, seededRandom(seed + 1)).picker;
        const random = seededRandom(seed);
        for (let n = 0; n < 2_000; n += 1) {
          const picked = one.pick(hashOf(n), random, 0);
          assert.equal(one.pick(hashOf(n), random, 0), picked);
          assert.equal(other.pick(hashOf(n), random, 0), picked);
        }
      }),
      { numRuns: 20 },
    );
  });

  it("spreads many keys by weight", () => {
    for (const list of [
      [1, 1, 1],
      [1, 1, 1, 1, 1, 1, 1, 1, 1, 1],
      [1, 2, 5],
      [100, 100, 50],
    ]) {
      const members = membersOf(list);
      const { picker } = pickerOver(policy, members, seededRandom(1));
      // A ring's shares vary by the square root of its points: about 8 % with 160 each, 3 sigma.
      assertShares(countPicks(picker, members, 50_000, seededRandom(2), hashOf), list, 50_000, 0.25);
    }
  });

  it("moves few keys of the endpoints that stay when one leaves", () => {
    for (const size of [3, 10, 50]) {
      const members = membersOf(Array.from({ length: size }, () => 1));
      const random = seededRandom(1);
      const before = pickerOver(policy, members, random).picker;
      const after = pickerOver(policy, members.slice(1), random).picker;
      const gone = members[0]?.state;
      const keys = 20_000;
      let moved = 0;
      let orphans = 0;
      for (let n = 0; n < keys; n += 1) {
        const was = before.pick(hashOf(n), random, 0);
        if (was === gone) orphans += 1;
        else if (after.pick(hashOf(n), random, 0) !== was) moved += 1;
      }
      assert.ok(Math.abs(orphans / keys - 1 / size) < 0.35 / size, `${orphans} keys of one of ${size} endpoints`);
      assert.ok(moved / keys <= 0.05, `${moved} of ${keys} keys moved between the ${size - 1} that stayed`);
    }
  });

  it("has its table ready before the first request once the former picker was asked with a hash", () => {
    const random = seededRandom(1);
    const members = membersOf([1, 1, 1]);
    const first = pickerOver(policy, members, random);
    assert.equal(first.handOver().hasHashed, false);
    first.picker.pick(-1, random, 0);
    assert.equal(first.handOver().hasHashed, false);
    first.picker.pick(5, random, 0);
    const second = pickerOver(policy, members, random, first.handOver());
    assert.equal(second.handOver().hasHashed, true);
  });

  it("gives a newcomer about its share, and moves no other key", () => {
    const random = seededRandom(1);
    const members = membersOf(Array.from({ length: 10 }, () => 1));
    const newcomer = member(999);
    const before = pickerOver(policy, members, random).picker;
    const after = pickerOver(policy, [...members, newcomer], random).picker;
    let taken = 0;
    let moved = 0;
    for (let n = 0; n < 20_000; n += 1) {
      const now = after.pick(hashOf(n), random, 0);
      if (now === newcomer.state) taken += 1;
      else if (now !== before.pick(hashOf(n), random, 0)) moved += 1;
    }
    assert.ok(Math.abs(taken / 20_000 - 1 / 11) < 0.03, `${taken} taken`);
    assert.ok(moved <= 1_000, `${moved} moved`);
  });
}

/** Each share is within 7 standard deviations of a fair draw (never, in practice), plus `slack` of the share. */
export function assertShares(
  counts: readonly number[],
  weights: readonly number[],
  picks: number,
  slack: number,
): void {
  const sum = weights.reduce((total, weight) => total + weight, 0);
  assert.equal(counts.length, weights.length, "a pick fell outside the members");
  for (const [index, count] of counts.entries()) {
    const share = (weights[index] ?? 0) / sum;
    const allowed = 7 * Math.sqrt(picks * share * (1 - share)) + slack * picks * share + 1;
    assert.ok(Math.abs(count - picks * share) <= allowed, `${counts.join(" ")} for weights ${weights.join(" ")}`);
  }
}
