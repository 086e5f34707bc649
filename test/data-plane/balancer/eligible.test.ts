import assert from "node:assert/strict";
import { describe, it } from "node:test";

import fc from "fast-check";

import { eligibleEndpoints, type Member } from "../../../data-plane/balancer/eligible.ts";
import { makePicker } from "../../../data-plane/balancer/make-picker.ts";
import { seededRandom } from "../../../shared/random.ts";
import { countPicks, member } from "../../support/member-builders.ts";

const HEALTH = { h: "healthy", u: "unhealthy", d: "draining" } as const;

/** `"hhu hh"`: two healthy and an unhealthy endpoint of priority 0, two healthy of priority 1. `d` is draining. */
function cluster(text: string): Member[] {
  return text.split(" ").flatMap((level, priority) =>
    [...level].map((letter, index) => {
      const health = HEALTH[letter as keyof typeof HEALTH]; // the tests below use only these letters
      return member(priority * 16 + index, { health, priority });
    }),
  );
}

/** `"hh@100 panic"`: the healths of each group in order of the endpoints, its load, and whether there is panic. */
function outcome(text: string, threshold = 50): string {
  const { groups, isInPanic } = eligibleEndpoints(cluster(text), threshold);
  const words = groups.map(
    ({ members, loadPercent }) => `${members.map(({ health }) => health[0]).join("")}@${loadPercent}`,
  );
  return [...words, ...(isInPanic ? ["panic"] : [])].join(" ");
}

describe("the eligible endpoints", () => {
  it("are those of this table", () => {
    const rows: [cluster: string, threshold: number, expected: string][] = [
      // One priority.
      ["hhhh", 50, "hhhh@100"],
      ["hhhu", 50, "hhh@100"],
      ["hhuu", 50, "hh@100"],
      ["huuu", 50, "huuu@100 panic"],
      ["uuuu", 50, "uuuu@100 panic"],
      ["huuu", 0, "h@100"],
      ["uuuu", 0, ""],
      ["huuu", 25, "h@100"],
      ["huuu", 26, "huuu@100 panic"],
      ["", 50, ""],
      // A single endpoint never panics: there is nobody to shield.
      ["u", 50, ""],
      ["ud", 50, ""],
      // Draining endpoints are neither used nor counted.
      ["hddd", 50, "h@100"],
      ["dddd", 50, ""],
      ["huudddd", 50, "huu@100 panic"],
      // Priorities: all load stays with the first while 72 % of it is healthy, then it spills.
      ["hhhh hh", 50, "hhhh@100"],
      ["hhhu hh", 50, "hhh@100"],
      ["hhuu hh", 50, "hh@70 hh@30"],
      ["uuuu hh", 50, "hh@100"],
      ["dd hh", 50, "hh@100"],
      ["huuu uu h", 50, "h@35 h@65"],
      // Together they cannot carry the load: in proportion, and panic where a priority is below the threshold.
      ["huuu huuu", 50, "huuu@50 huuu@50 panic"],
      ["huuu uuuu", 50, "huuu@100 panic"],
      ["uu uu", 50, "uuuu@100 panic"],
      ["uu uu", 0, ""],
    ];
    for (const [text, threshold, expected] of rows)
      assert.equal(outcome(text, threshold), expected, `${text} ${threshold}`);
  });

  it("never hold a draining one, and loads always sum to 100", () => {
    const members = fc.array(
      fc.record({ health: fc.constantFrom("h" as const, "u" as const, "d" as const), priority: fc.nat(3) }),
      { maxLength: 20 },
    );
    fc.assert(
      fc.property(members, fc.nat(100), (list, threshold) => {
        const all = list.map(({ health, priority }, n) => member(n, { health: HEALTH[health], priority }));
        const { groups, isInPanic } = eligibleEndpoints(all, threshold);
        const used = groups.flatMap((group) => group.members);
        assert.equal(new Set(used).size, used.length);
        assert.ok(used.every(({ health }) => health === "healthy" || (isInPanic && health === "unhealthy")));
        assert.ok(groups.every((group) => group.members.length > 0 && group.loadPercent > 0));
        const healthy = all.filter(({ health }) => health === "healthy").length;
        if (groups.length > 0)
          assert.equal(
            groups.reduce((sum, group) => sum + group.loadPercent, 0),
            100,
          );
        else assert.equal(healthy, 0);
      }),
      { numRuns: 2_000 },
    );
  });

  it("of two priorities get the load they should, and a hash decides between them too", () => {
    const members = cluster("hhuu hh");
    const random = seededRandom(1);
    const eligibility = eligibleEndpoints(members, 50);
    const { picker } = makePicker({ kind: "round-robin" }, eligibility, undefined, random);
    const counts = countPicks(picker, members, 10_000, random);
    const first = (counts[0] ?? 0) + (counts[1] ?? 0);
    assert.ok(Math.abs(first - 7_000) < 300, counts.join(" "));
    assert.deepEqual([counts[2], counts[3]], [0, 0]);

    const ring = makePicker({ kind: "maglev", tableSize: 257 }, eligibility, undefined, random).picker;
    for (const hash of [0, 69, 70, 99, 4_000_000_000]) {
      const picked = ring.pick(hash, random, 0);
      assert.equal(members.find(({ state }) => state === picked)?.priority, hash % 100 < 70 ? 0 : 1);
      assert.equal(ring.pick(hash, random, 0), picked);
    }
  });
});
