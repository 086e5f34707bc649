import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { runScenario } from "../../cli/simulate/run-scenario.ts";
import { badReplica, herd, storm } from "../../cli/simulate/scenarios.ts";
import { randomWorld, run } from "./random-world.ts";

const WORLDS = Number(process.env["HEDDLE_WORLDS"] ?? 2_000);
const FIRST_SEED = Number(process.env["HEDDLE_SEED"] ?? 1);

describe(`${WORLDS} small meshes in which something goes wrong (HEDDLE_SEED=${FIRST_SEED})`, () => {
  it("give everything back, stay within their budgets, and are well again", () => {
    for (let seed = FIRST_SEED; seed < FIRST_SEED + WORLDS; seed += 1) {
      const world = randomWorld(seed);
      const outcomes = run(world, seed);
      const where = `seed ${seed}: ${JSON.stringify({ ...world.set, services: world.scenario.services })}`;
      assert.deepEqual(outcomes.leaks, [], where);
      assert.equal(outcomes.starved, 0, `replicas starve in ${where}`);
      assert.equal(outcomes.lateFailures, 0, `requests fail although all is well in ${where}`);
    }
  });
});

describe("the storm of seed F3.6: the last of five services fails", () => {
  const scenario = storm({ hops: 5, rate: 10 });
  const outcomesOf = (name: string): ReturnType<typeof runScenario> => {
    const set = scenario.sets.find((one) => one.name === name);
    assert.ok(set !== undefined, name);
    return runScenario(scenario, set, FIRST_SEED);
  };

  it("reaches 243x with three attempts on every hop and nothing else", () => {
    const { amplification } = outcomesOf("retries alone");
    // Those sent near the end of the outage are retried into a service that is well again.
    assert.ok(amplification > 180 && amplification <= 243, `${amplification.toFixed(1)}x`);
  });

  it("is held below 1.2x by the policies together, and ends by itself", () => {
    const { amplification, recoveryMs, leaks } = outcomesOf("everything");
    assert.ok(amplification <= 1.2, `${amplification.toFixed(2)}x`);
    assert.ok(recoveryMs < 60_000, `${recoveryMs} ms`);
    assert.deepEqual(leaks, []);
  });

  it("costs what the budget allows, and no more, when only one hop retries", () => {
    const busy = storm({ hops: 5, rate: 200 });
    const set = busy.sets.find(({ name }) => name === "+ one hop retries");
    assert.ok(set !== undefined);
    const { amplification } = runScenario(busy, set, FIRST_SEED);
    // 0.2 for each request, and 3 a second from each of the two proxies that call the last service.
    assert.ok(amplification <= 1 + 0.2 + 6 / 200 + 0.02, `${amplification.toFixed(3)}x`);
  });
});

describe("one bad replica of three", () => {
  it("is ejected, and hardly anybody notices", () => {
    const scenario = badReplica({ hops: 1, rate: 50 });
    const [none, , ejecting] = scenario.sets.map((set) => runScenario(scenario, set, FIRST_SEED));
    assert.ok(none !== undefined && ejecting !== undefined);
    assert.ok(none.during.succeeded / none.during.sent < 0.75);
    assert.ok(ejecting.ejections >= 1);
    assert.ok(ejecting.during.succeeded / ejecting.during.sent > 0.95);
  });
});

describe("a herd of three times the capacity", () => {
  it("gets nothing without a limit, and nearly the whole capacity with one", () => {
    const scenario = herd();
    const [none, , limited] = scenario.sets.map((set) => runScenario(scenario, set, FIRST_SEED));
    assert.ok(none !== undefined && limited !== undefined);
    assert.ok(none.during.succeeded / none.during.sent < 0.2);
    // A third of what came is all that the service can do.
    assert.ok(limited.during.succeeded / limited.during.sent > 0.8 / 3);
    assert.ok(limited.recoveryMs < 5_000);
    assert.equal(none.recoveryMs, Infinity);
  });
});
