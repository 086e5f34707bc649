import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { runStalledReaders } from "./stalled-readers.ts";

const skip = process.platform === "linux" ? false : "reads /proc";

describe("a hundred readers that stop in bodies of 100 MiB", { skip }, () => {
  it("cost the proxy no more than their buffers, and leave nothing behind", async () => {
    const verdict = await runStalledReaders({
      readers: 100,
      bodyBytes: 100 * 1024 * 1024,
      untilCut: false,
      onPhase: () => {},
    });
    assert.deepEqual(verdict.failures, []);
    assert.ok(verdict.writtenMb > 10, `the upstream wrote only ${verdict.writtenMb} MB`);
  });
});
