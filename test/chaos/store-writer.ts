// A write storm on the store at argv[2]: each commit writes the same number into rows of three kinds and into its
// reason, then prints "REVISION NUMBER" with one system call: what was printed was acknowledged. Ends only by a signal.
import { writeSync } from "node:fs";

import { openSqliteStore } from "../../control-plane/store/sqlite-store.ts";
import { systemClock } from "../../shared/clock.ts";
import { endpoint, policy, route } from "../support/catalog-rows.ts";
import { silentLog } from "../support/stores.ts";

const opened = openSqliteStore({ file: process.argv[2] ?? "", clock: systemClock, log: silentLog });
if (!opened.ok) throw new Error(opened.error);
const store = opened.value;

for (let number = store.catalog().revision + 1; ; number += 1) {
  const puts = [
    policy("storm", { timeout_ms: (number % 3_600_000) + 1 }),
    endpoint("storm", 1, { version: `n${number}` }),
    route("storm", "storm", { direct_response: { status: 200, body: String(number) } }),
  ];
  const outcome = store.commit(
    { puts, deletions: [] },
    { author: "storm", reason: String(number), expectedRevision: number - 1 },
  );
  if (outcome.kind !== "committed") throw new Error(JSON.stringify(outcome));
  writeSync(1, `${outcome.commit.revision} ${number}\n`);
}
