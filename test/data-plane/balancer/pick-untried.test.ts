import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { pickUntried } from "../../../data-plane/balancer/pick-untried.ts";
import type { Choice } from "../../../data-plane/balancer/endpoint-choice.ts";
import type { LbPolicy } from "../../../shared/model/cluster.ts";
import { seededRandom } from "../../../shared/random.ts";
import { membersOf, pickerOver } from "../../support/member-builders.ts";

const random = seededRandom(1);

function clusterOf(policy: LbPolicy, weights: readonly number[]): Pick<Choice, "picker" | "eligible"> {
  const members = membersOf(weights);
  return { picker: pickerOver(policy, members, random).picker, eligible: members.map(({ state }) => state) };
}

describe("the endpoint of a retry", () => {
  for (const policy of [
    { kind: "round-robin" },
    { kind: "least-request", choices: 2 },
    { kind: "random" },
    { kind: "maglev", tableSize: 257 },
  ] as const satisfies readonly LbPolicy[]) {
    it(`is always an untried one while there is any, with ${policy.kind}`, () => {
      for (const weights of [
        [1, 1],
        [1, 1, 1, 1, 1, 1],
        [1_000, 1, 1],
      ]) {
        const cluster = clusterOf(policy, weights);
        const tried = [...cluster.eligible];
        const last = tried.pop();
        // The failing ones look idle, the one that serves is busy.
        if (last !== undefined) last.active = 50;
        for (let n = 0; n < 50; n += 1) assert.equal(pickUntried(cluster, tried, random, 0), last);
      }
    });
  }

  it("does not stay with an endpoint that refuses connections and so looks the least busy", () => {
    const cluster = clusterOf({ kind: "least-request", choices: 2 }, [1, 1, 1]);
    const [refusing, ...others] = cluster.eligible;
    assert.ok(refusing !== undefined);
    for (const other of others) other.active = 5;
    assert.equal(cluster.picker.pick(-1, random, 0), refusing);
    const picked = pickUntried(cluster, [refusing], random, 0);
    assert.ok(picked !== undefined && others.includes(picked));
  });

  it("is a tried one again when there is no other, and none when there is nobody", () => {
    const one = clusterOf({ kind: "round-robin" }, [1]);
    assert.equal(pickUntried(one, one.eligible, random, 0), one.eligible[0]);
    assert.equal(pickUntried(clusterOf({ kind: "round-robin" }, []), [], random, 0), undefined);
  });
});
