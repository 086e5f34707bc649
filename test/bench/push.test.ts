import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { caseName, PUSH_CASES } from "../../bench/xds/push-cases.ts";
import { readPushOptions } from "../../bench/xds/push-options.ts";
import { judgePushTargets } from "../../bench/xds/push-report.ts";

describe("the options of the control plane's bench", () => {
  it("are the whole matrix when none is given, and else each number of streams with each of services", () => {
    const usual = readPushOptions([]);
    assert.ok(usual.ok);
    assert.deepEqual(usual.value.cases, PUSH_CASES);
    const chosen = readPushOptions(["--streams", "100,200", "--services=20,1000", "--edits", "2", "--restart"]);
    assert.ok(chosen.ok);
    assert.deepEqual(chosen.value.cases.map(caseName), [
      "100 streams x 20 services",
      "100 streams x 1000 services",
      "200 streams x 20 services",
      "200 streams x 1000 services",
    ]);
    assert.deepEqual([chosen.value.edits, chosen.value.restarts], [2, true]);
  });

  it("are all told when wrong, each once", () => {
    const read = readPushOptions(["--streams", "0", "--services", "1.5", "--rounds", "101", "--name", "../x"]);
    assert.ok(!read.ok);
    assert.equal(read.error.length, 4);
    assert.match(read.error.join("\n"), /--services "1.5" is not a whole number from 1 to 5000/);
    assert.equal(readPushOptions(["--fast"]).ok, false);
  });
});

describe("the targets of a push", () => {
  it("are those of enough streams, by the median of the rounds", () => {
    const row = (streams: number, ...cpuMsPerStream: number[]) => ({
      case: caseName({ streams, services: 20 }),
      peer: "heddle",
      figures: { cpuMsPerStream },
      invalid: [],
    });
    const judged = judgePushTargets([row(100, 5), row(1_000, 0.05, 0.09, 0.3), row(4_000, 0.2), row(2_000)]);
    assert.deepEqual(
      judged.map(({ value, verdict }) => [value, verdict]),
      [
        [0.09, "reached"],
        [0.2, "missed"],
        [Number.NaN, "not measured"],
      ],
    );
  });
});
