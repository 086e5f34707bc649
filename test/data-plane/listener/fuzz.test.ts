import { describe, it } from "node:test";

import { fuzzListener } from "../../fuzz/fuzz-listener.ts";

const CASES = 1_500;
const SEED = 20_260_104;

describe("a listener under random requests", () => {
  it(`forwards ${CASES} cases in one reading or not at all, and mixes no answers up`, async (t) => {
    await fuzzListener(t, CASES, SEED);
  });
});
