import { describe } from "node:test";

import type { LbPolicy } from "../../../shared/model/cluster.ts";
import { hashingLaws, pickerLaws } from "../../laws/picker-laws.ts";

const ringHash: LbPolicy = { kind: "ring-hash", ringSizeMin: 1_024, ringSizeMax: 8_388_608 };
const maglev: LbPolicy = { kind: "maglev", tableSize: 65_537 };
const policies: readonly LbPolicy[] = [
  { kind: "round-robin" },
  { kind: "least-request", choices: 2 },
  { kind: "least-request", choices: 5 },
  { kind: "random" },
  { kind: "peak-ewma", decayMs: 10_000, defaultRttMs: 30 },
  ringHash,
  maglev,
];

for (const policy of policies) {
  describe(`a picker: ${Object.values(policy).join(" ")}`, () => pickerLaws(policy));
}
for (const policy of [ringHash, maglev]) {
  describe(`a hashing picker: ${policy.kind}`, () => hashingLaws(policy));
}
