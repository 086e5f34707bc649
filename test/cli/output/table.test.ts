import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { stripVTControlCharacters } from "node:util";

import { formatAge, formatAgo, formatDuration } from "../../../cli/output/age.ts";
import { renderTable, type Column } from "../../../cli/output/table.ts";

interface Row {
  readonly name: string;
  readonly count?: number;
}

const columns: readonly Column<Row>[] = [
  { header: "NAME", text: ({ name }) => name },
  { header: "COUNT", align: "right", text: ({ count }) => count?.toString() },
  { header: "NOTE", text: () => "" },
];

describe("a table", () => {
  it("puts text left, numbers right, a dash for nothing, and no blanks at the end", () => {
    const rows = [{ name: "a", count: 5 }, { name: "longer", count: 1_000 }, { name: "none" }];
    assert.equal(
      renderTable(columns, rows),
      ["NAME    COUNT  NOTE", "a           5  -", "longer   1000  -", "none        -  -", ""].join("\n"),
    );
  });

  it("gives colours no room", () => {
    const painted = renderTable(columns, [{ name: "\u001b[31mred\u001b[0m", count: 1 }]);
    assert.equal(stripVTControlCharacters(painted.split("\n")[1] ?? ""), "red       1  -");
  });

  it("keeps its headers in the order of the columns when there are no rows", () => {
    assert.equal(renderTable(columns, []), "NAME  COUNT  NOTE\n");
  });
});

describe("ages and durations", () => {
  it("have one unit, rounded down", () => {
    assert.deepEqual([0, 999, 59_999, 60_000, 3_599_999, 3_600_000, 86_400_000, 900_000_000].map(formatAge), [
      "0s",
      "0s",
      "59s",
      "1m",
      "59m",
      "1h",
      "1d",
      "10d",
    ]);
  });

  it("of something that never happened are a dash", () => {
    assert.equal(formatAgo(undefined, 5), "-");
    assert.equal(formatAgo(1_000, 4_000), "3s ago");
  });

  it("of a clock that went back are zero", () => {
    assert.equal(formatAge(-5_000), "0s");
  });

  it("grow coarser as they grow", () => {
    assert.deepEqual([0.42, 38.4, 1_250].map(formatDuration), ["0.4ms", "38ms", "1.25s"]);
  });
});
