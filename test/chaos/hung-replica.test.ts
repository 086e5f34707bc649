import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { runHungReplica, type HungReplica } from "./hung-replica.ts";

function scenario(isOff: boolean): HungReplica {
  return { rate: 60, phaseRequests: 120, isOff, onPhase: () => {} };
}

describe("a replica that stands still with its connections open", () => {
  it("is found out by what requests come to, costs none of them, and is used again once it goes on", async () => {
    const { failures, attempts, lastWords } = await runHungReplica(scenario(false));
    assert.deepEqual(failures, [], `${JSON.stringify(failures.slice(0, 5))}\n${lastWords}`);
    assert.ok(attempts.meanwhile >= 5, JSON.stringify(attempts));
    assert.equal(attempts.after, 0, "it still gets requests");
    assert.ok(attempts.again > 0, "it gets none, although it is well");
  });

  it("would have noticed: without outlier detection it goes on getting its share", async () => {
    const { attempts } = await runHungReplica(scenario(true));
    assert.ok(attempts.after > 15, JSON.stringify(attempts));
  });
});
