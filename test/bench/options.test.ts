import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { readOptions } from "../../bench/data-path/options.ts";

describe("the options of the proxy bench", () => {
  it("choose peers, cases, rounds, seconds and the file", () => {
    const read = readOptions([
      "--peers",
      "heddle,nginx",
      "--cases=get-mesh",
      "--rounds",
      "5",
      "--seconds",
      "0.5",
      "--name",
      "a-1",
    ]);
    assert.ok(read.ok);
    const { peers, cases, rounds, seconds, name } = read.value;
    assert.deepEqual(
      [peers, cases.map((one) => one.name), rounds, seconds, name],
      [["heddle", "nginx"], ["get-mesh"], 5, 0.5, "a-1"],
    );
  });

  it("are all told when wrong, each with what it may be", () => {
    const read = readOptions([
      "--peers",
      "apache",
      "--cases",
      "get,put",
      "--rounds",
      "0",
      "--seconds",
      "x",
      "--name",
      "../x",
    ]);
    assert.ok(!read.ok);
    assert.equal(read.error.length, 5);
    assert.match(read.error.join("\n"), /"apache" is none of heddle/);
    assert.match(read.error.join("\n"), /--rounds "0" is not a number from 1 to 100/);
  });

  it("that nobody knows are refused", () => {
    const read = readOptions(["--fast"]);
    assert.ok(!read.ok);
    assert.match(read.error.join(""), /--fast/);
  });
});
