import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { HealthState } from "../../../data-plane/policy/health-state.ts";
import { seededRandom } from "../../../shared/random.ts";

const POLICY = { unhealthyThreshold: 3, healthyThreshold: 2 };

/** `+` is a check that passes, `-` one that fails; the health after each, by its first letter. */
function life(checks: string, policy = POLICY): string {
  const state = new HealthState();
  return [...checks]
    .map((check) => {
      const before = state.health;
      const change = state.onChecked(check === "+", policy);
      assert.deepEqual(change, before === state.health ? undefined : { before, now: state.health });
      return { unknown: "?", healthy: "h", unhealthy: "u" }[state.health];
    })
    .join("");
}

describe("the health that checks find", () => {
  it("is good at the first that passes", () => assert.equal(life("+"), "h"));
  it("turns bad after three that fail in a row", () => assert.equal(life("+--+---"), "hhhhhhu"));
  it("turns good again after two that pass in a row", () => assert.equal(life("---+-++"), "??uuuuh"));
  it("is unknown, and the endpoint in use, until either", () => assert.equal(life("--"), "??"));

  it("is what the last results in a row say, in random lives", () => {
    for (let seed = 0; seed < 2_000; seed += 1) {
      const random = seededRandom(seed);
      const policy = { unhealthyThreshold: 1 + random.below(4), healthyThreshold: 1 + random.below(4) };
      const checks = Array.from({ length: 60 }, () => (random.unit() < 0.5 ? "+" : "-")).join("");
      let naive = "?";
      for (const [index, letter] of [...life(checks, policy)].entries()) {
        const past = checks.slice(0, index + 1);
        if (naive === "?" && past.endsWith("+")) naive = "h";
        if (past.endsWith("-".repeat(policy.unhealthyThreshold))) naive = "u";
        if (naive === "u" && past.endsWith("+".repeat(policy.healthyThreshold))) naive = "h";
        assert.equal(letter, naive, `seed ${seed}, check ${index} of ${checks}`);
      }
    }
  });
});
