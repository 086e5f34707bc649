import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { heddle } from "../captured-terminal.ts";

interface Row {
  readonly policies: string;
  readonly amplification: number;
}

async function simulated(...args: readonly string[]): Promise<readonly Row[]> {
  const { code, out } = await heddle(["simulate", ...args, "-o", "json"]);
  assert.equal(code, 0);
  return JSON.parse(out);
}

describe("heddle simulate", () => {
  it("tells the same story again under the same seed, and another one under another", async () => {
    const one = await simulated("storm", "--hops", "2", "--seed", "7");
    assert.deepEqual(await simulated("storm", "--hops", "2", "--seed", "7"), one);
    assert.notDeepEqual(await simulated("storm", "--hops", "2", "--seed", "8"), one);
  });

  it("shows what each policy takes off the storm", async () => {
    const rows = await simulated("storm", "--hops", "3");
    const of = (name: string): number => rows.find(({ policies }) => policies === name)?.amplification ?? NaN;
    assert.ok(of("retries alone") > 20, `${of("retries alone")}`);
    assert.ok(of("everything") < 1.2, `${of("everything")}`);
  });

  it("prints a table, and says what goes wrong beside it", async () => {
    const { out, err } = await heddle(["simulate", "bad-replica"]);
    assert.match(out, /^POLICIES +AMPLIFICATION +SUCCESS +P50 +P99 +RECOVERY +AFTER +REFUSED\n/);
    assert.match(err, /one of three replicas is slow and fails/);
  });

  it("refuses a story that it does not know, and a number out of range", async () => {
    assert.equal((await heddle(["simulate", "flood"])).code, 64);
    const { code, err } = await heddle(["simulate", "--hops", "9"]);
    assert.equal(code, 64);
    assert.match(err, /whole number from 1 to 6/);
  });
});
