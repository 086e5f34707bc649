import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { runStaticStability, type Scenario } from "./static-stability.ts";

const seed = Number(process.env["HEDDLE_SEED"] ?? 1);

function scenario(forgetSnapshots: boolean): Scenario {
  return {
    seed,
    rate: 120,
    phaseRequests: 240,
    rounds: 1,
    herd: forgetSnapshots ? 1 : 50,
    forgetSnapshots,
    onPhase: () => {},
  };
}

describe(`traffic that outlives the control plane (HEDDLE_SEED=${seed})`, () => {
  it("loses no request while the control plane is killed, stopped, cut off and restarted", async () => {
    const verdict = await runStaticStability(scenario(false));
    assert.deepEqual(verdict.failures, [], verdict.lastWords);
    assert.deepEqual(verdict.unseen, [], "answered, but no service saw it");
    assert.deepEqual(verdict.doubled, [], "a POST was served twice");
    assert.equal(verdict.answered + verdict.excused.length, verdict.sent);
    assert.ok(verdict.excused.length <= 10, JSON.stringify(verdict.excused));
    assert.ok(verdict.sent >= 2000, `only ${verdict.sent} requests were sent`);
    assert.ok(verdict.pushes >= 20, `only ${verdict.pushes} configuration pushes were taken`);
  });

  it("would have noticed: a proxy that starts without its stored snapshot fails requests", async () => {
    const verdict = await runStaticStability(scenario(true));
    assert.ok(verdict.failures.length > 0, "the harness cannot see failures");
    assert.ok(verdict.failures.every(({ reason }) => reason.includes("503")));
  });
});
