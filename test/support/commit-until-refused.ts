// Commits to the store at argv[2] until a commit is refused; prints each acknowledged revision, then the refusal.
import { writeSync } from "node:fs";

import { openSqliteStore } from "../../control-plane/store/sqlite-store.ts";
import type { CommitOutcome } from "../../control-plane/store/store.ts";
import { systemClock } from "../../shared/clock.ts";
import { policy } from "./catalog-rows.ts";
import { byTest, silentLog } from "./stores.ts";

const opened = openSqliteStore({ file: process.argv[2] ?? "", clock: systemClock, log: silentLog });
if (!opened.ok) {
  writeSync(1, `${opened.error}\n`);
  process.exit(1);
}
const store = opened.value;
const commit = (timeoutMs: number): CommitOutcome =>
  store.commit({ puts: [policy("a", { timeout_ms: timeoutMs })], deletions: [] }, byTest);

for (let index = 1; index < 1_000; index += 1) {
  const outcome = commit(index);
  if (outcome.kind === "committed") writeSync(1, `r${outcome.commit.revision}\n`);
  else if (outcome.kind === "unavailable") {
    const again = commit(index + 1);
    writeSync(
      1,
      `stopped: ${outcome.reason}; then the same: ${again.kind === "unavailable" && again.reason === outcome.reason}\n`,
    );
    break;
  }
}
