import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { parseGrpcTimeout } from "../../../control-plane/grpc/grpc-timeout.ts";

describe("grpc-timeout", () => {
  it("counts in each of the units, and rounds up to whole milliseconds", () => {
    const read = ["2H", "3M", "4S", "5m", "1500u", "1n", "99999999H"].map(parseGrpcTimeout);
    assert.deepEqual(read, [7_200_000, 180_000, 4_000, 5, 2, 1, 359_999_996_400_000]);
  });

  it("is not read when it has more digits, no unit, a sign or a fraction", () => {
    for (const text of ["", "1", "S", "123456789S", "-1S", "1.5S", "1s", " 1S"]) {
      assert.equal(parseGrpcTimeout(text), undefined, text);
    }
  });
});
