import assert from "node:assert/strict";
import { describe, it } from "node:test";

import fc from "fast-check";

import { LineBuffer } from "../../../data-plane/telemetry/line-buffer.ts";

function written(append: (line: LineBuffer) => void): string {
  const line = new LineBuffer();
  append(line);
  return line.view().toString();
}

describe("a line buffer", () => {
  it("writes whole numbers as JSON does", () => {
    const whole = fc.oneof(fc.nat(1_000), fc.integer({ min: 2 ** 31 - 2, max: 2 ** 31 + 2 }), fc.maxSafeNat());
    fc.assert(
      fc.property(whole, (value) =>
        assert.equal(
          written((line) => line.integer(value)),
          String(value),
        ),
      ),
    );
  });

  it("writes milliseconds to the microsecond, without zeros at the end", () => {
    fc.assert(
      fc.property(fc.nat(10_000_000), (us) =>
        assert.equal(
          written((line) => line.milliseconds(us / 1_000)),
          String(us / 1_000),
        ),
      ),
    );
    assert.equal(
      written((line) => line.milliseconds(1.000_4)),
      "1",
    );
  });

  it("joins what is known with the inside of a JSON string, which alone is escaped", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        const line = written((to) => to.join('{"known":"', text));
        assert.deepEqual(JSON.parse(`${line}"}`), { known: text });
      }),
    );
  });

  it("grows with what is appended, keeps what was there, and gives the memory back when it is cleared", () => {
    const line = new LineBuffer();
    const long = "\u00e9x".repeat(300_000);
    line.text("before ");
    line.text(long);
    line.raw(Buffer.from(" after"));
    assert.equal(line.view().toString(), `before ${long} after`);
    line.clear();
    assert.equal(line.length, 0);
    assert.ok(line.view().buffer.byteLength < 300_000);
  });

  it("cuts off a line that is not wanted", () => {
    const line = new LineBuffer();
    line.text("kept");
    const { length } = line;
    line.text("dropped");
    line.cutTo(length);
    line.text(", more");
    assert.equal(line.view().toString(), "kept, more");
  });
});
