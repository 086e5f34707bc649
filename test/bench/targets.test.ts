import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { judgeTargets } from "../../bench/data-path/targets.ts";
import type { Row } from "../../bench/figures/result.ts";

function row(name: string, peer: string, figures: Row["figures"]): Row {
  return { case: name, peer, figures, invalid: [] };
}

const cpu = (peer: string, ...cpuUsPerRequest: number[]): Row => row("get", peer, { cpuUsPerRequest });

describe("the targets of a run", () => {
  it("are judged round by round beside the peer of each", () => {
    const judged = judgeTargets([cpu("heddle", 30, 60), cpu("envoy", 60, 120), cpu("haproxy", 10, 20)]);
    assert.deepEqual(
      judged.map(({ value, max, verdict }) => ({ value, max, verdict })),
      [
        { value: 0.5, max: 0.6, verdict: "reached" },
        { value: 3, max: 1.8, verdict: "missed" },
      ],
    );
  });

  it("say so when no round of theirs was valid, and are silent about peers that were not there", () => {
    const latency = (peer: string, ...p99Ms: number[]): Row => row("latency", peer, { p99Ms });
    assert.deepEqual(
      judgeTargets([latency("heddle"), latency("envoy", 2)]).map(({ verdict }) => verdict),
      ["not measured"],
    );
    assert.deepEqual(judgeTargets([latency("heddle", 1)]), []);
  });
});
