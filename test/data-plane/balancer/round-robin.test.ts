import assert from "node:assert/strict";
import { describe, it } from "node:test";

import fc from "fast-check";

import type { Member } from "../../../data-plane/balancer/eligible.ts";
import { roundRobin, type RoundRobinPicker, type Waits } from "../../../data-plane/balancer/round-robin.ts";
import { seededRandom } from "../../../shared/random.ts";
import { countPicks, member, membersOf } from "../../support/member-builders.ts";

const random = seededRandom(1);
const inOrder = (members: readonly Member[]): Waits =>
  new Map(members.map(({ state }, n) => [state, n / members.length]));

function picksOf(picker: RoundRobinPicker, members: readonly Member[], count: number): string {
  const letters = Array.from({ length: count }, () => {
    const picked = picker.pick(-1, random, 0);
    return members.findIndex(({ state }) => state === picked);
  });
  return letters.map((index) => "abcdefgh"[index]).join("");
}

describe("round robin", () => {
  it("takes endpoints of equal weight in turn", () => {
    const members = membersOf([1, 1, 1]);
    assert.equal(picksOf(roundRobin(members, inOrder(members), random), members, 7), "abcabca");
    const heavy = membersOf([7, 7, 7]);
    assert.equal(picksOf(roundRobin(heavy, inOrder(heavy), random), heavy, 7), "abcabca");
  });

  it("spreads the turns of a heavy endpoint out", () => {
    const members = membersOf([3, 1]);
    const picks = picksOf(roundRobin(members, inOrder(members), random), members, 400);
    assert.match(picks, /^a?(?:aaba|abaa|baaa|aaab)+a*$/);
    assert.doesNotMatch(picks, /aaaa|bb/);
  });

  it("gives each endpoint its exact share, to within one turn, over any stretch from the start", () => {
    const weights = fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(weights, fc.nat(), fc.integer({ min: 1, max: 2_000 }), (list, seed, picks) => {
        const members = membersOf(list);
        const picker = roundRobin(members, undefined, seededRandom(seed));
        const sum = list.reduce((total, one) => total + one, 0);
        const counts = countPicks(picker, members, picks, random);
        for (const [index, count] of counts.entries()) {
          const share = (picks * (list[index] ?? 0)) / sum;
          // Random phases at the start shift virtual time by at most one period of each endpoint.
          assert.ok(Math.abs(count - share) <= list.length, `${counts.join(" ")} of ${picks} for ${list.join(" ")}`);
        }
      }),
      { numRuns: 300 },
    );
  });

  it("equals a naive schedule that always takes the endpoint due first, of several the one that waits longest", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 2, maxLength: 6 }), fc.nat(), (list, seed) => {
        const members = membersOf(list);
        const draw = seededRandom(seed);
        const waits = new Map(members.map(({ state }) => [state, draw.below(3) / 2]));
        const picker = roundRobin(members, waits, random);
        const due = members.map(({ state, weight }, index) => ({
          state,
          weight,
          at: (waits.get(state) ?? 0) / weight,
          queued: index,
        }));
        if (new Set(list).size === 1) return;
        for (let turn = 0; turn < 200; turn += 1) {
          const first = due.toSorted((a, b) => a.at - b.at || a.queued - b.queued)[0];
          assert.ok(first !== undefined);
          assert.equal(picker.pick(-1, random, 0), first.state);
          first.at += 1 / first.weight;
          first.queued = list.length + turn;
        }
      }),
      { numRuns: 200 },
    );
  });
});

describe("a round robin that replaces another", () => {
  it("goes on with the endpoint that was next", () => {
    const members = membersOf([1, 1, 1, 1]);
    const first = roundRobin(members, inOrder(members), random);
    assert.equal(picksOf(first, members, 2), "ab");
    assert.equal(picksOf(roundRobin(members, first.waits(), random), members, 5), "cdabc");
  });

  it("skips one that left and keeps the order of the others", () => {
    const members = membersOf([1, 1, 1, 1]);
    const first = roundRobin(members, inOrder(members), random);
    picksOf(first, members, 2);
    const [a, b, , d] = members;
    assert.ok(a !== undefined && b !== undefined && d !== undefined);
    assert.equal(picksOf(roundRobin([a, b, d], first.waits(), random), members, 4), "dabd");
  });

  it("does not favour the first endpoint when a push follows every request", () => {
    let members = membersOf([1, 1, 1, 1]);
    const counts = new Map<string | undefined, number>();
    let picker = roundRobin(members, undefined, seededRandom(5));
    for (let push = 0; push < 400; push += 1) {
      const picked = picker.pick(-1, random, 0)?.key;
      counts.set(picked, (counts.get(picked) ?? 0) + 1);
      members = [...members];
      picker = roundRobin(members, picker.waits(), random);
    }
    assert.deepEqual([...counts.values()], [100, 100, 100, 100]);
  });

  it("keeps shares exact over pushes that come after every request, with weights", () => {
    const members = membersOf([3, 1]);
    let picker = roundRobin(members, undefined, seededRandom(5));
    let light = 0;
    for (let push = 0; push < 400; push += 1) {
      if (picker.pick(-1, random, 0) === members[1]?.state) light += 1;
      picker = roundRobin(members, picker.waits(), random);
    }
    assert.ok(Math.abs(light - 100) <= 1, `${light} of 400`);
  });

  it("serves when equal weights become unequal, and back", () => {
    const states = membersOf([1, 1, 1]);
    const weighted = states.map((one, index) => ({ ...one, weight: index + 1 }));
    const equal = roundRobin(states, inOrder(states), random);
    picksOf(equal, states, 1);
    const unequal = roundRobin(weighted, equal.waits(), random);
    assert.equal(picksOf(unequal, states, 1), "b");
    const counts = countPicks(unequal, states, 600, random);
    assert.ok(
      counts.every((count, index) => Math.abs(count - (index + 1) * 100) <= 2),
      counts.join(" "),
    );
    assert.equal(new Set(picksOf(roundRobin(states, unequal.waits(), random), states, 3)).size, 3);
  });

  it("lets a newcomer in within one round", () => {
    const members = membersOf([1, 1, 1]);
    const first = roundRobin(members, undefined, random);
    const more = [...members, member(9)];
    assert.match(picksOf(roundRobin(more, first.waits(), random), more, 4), /d/);
  });
});
