import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { runLeak } from "./leak.ts";

const skip = process.platform === "linux" ? false : "counts the descriptors in /proc";

describe("a proxy after tens of thousands of requests, and thousands of aborted ones", { skip }, () => {
  it("holds no socket, deadline, place in line or object more than before", async () => {
    const seed = Number(process.env["HEDDLE_SEED"] ?? 1);
    const { counts, ...verdict } = await runLeak({
      seed,
      requests: 20_000,
      aborted: 2_000,
      parts: 4,
      onCount: () => {},
    });
    assert.deepEqual(verdict.failures, [], `HEDDLE_SEED=${seed} ${JSON.stringify(counts)}`);
    assert.ok(verdict.answered >= 20_000 && verdict.aborted >= 2_000, JSON.stringify(verdict));
    assert.ok(
      counts.some(({ idle }) => idle > 0),
      "no connection to the app was ever kept",
    );
  });
});
