import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { OwnedCounts } from "../../../data-plane/workers/count-book.ts";
import { sharedCallMemory } from "../../../data-plane/workers/shared-calls.ts";
import { sharedCountMemory } from "../../../data-plane/workers/shared-count.ts";
import { Siblings } from "../../../data-plane/workers/siblings.ts";
import { WORKER_SILENCE_MS, WORKER_WATCH_MS } from "../../../shared/defaults.ts";
import { systemRandom } from "../../../shared/random.ts";
import { systemTimers, type Timers } from "../../../shared/timers.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { eventually, proxyConfig } from "../../support/proxies.ts";
import { silentLog } from "../../support/workers.ts";

describe("the threads beside the main one", () => {
  it("are ended and started anew when they answer nothing for a while, and left alone while they do", async (t) => {
    const clock = new ManualClock();
    let watch = (): void => undefined;
    const timers: Timers = {
      after: (delayMs, task) => systemTimers.after(delayMs, task),
      every: (periodMs, task) => {
        assert.equal(periodMs, WORKER_WATCH_MS);
        watch = task;
        return { cancel: () => undefined };
      },
    };
    const memory = sharedCountMemory(2);
    const siblings = new Siblings({
      config: proxyConfig({ service: "web", controlPlanes: [], workers: 2 }),
      memory,
      callMemory: sharedCallMemory(2),
      counts: new OwnedCounts(memory),
      meeting: "siblings.test",
      standingNews: () => ({ attempts: [], breakers: [], ejections: [], budgets: [], tokens: [] }),
      accessLog: undefined,
      clock,
      timers,
      random: systemRandom,
      log: silentLog,
    });
    t.after(() => siblings.stop());
    siblings.start();
    const answered = async (): Promise<number> => (await siblings.tallies()).length;
    await eventually(answered, (count) => count === 1);

    watch();
    clock.now += WORKER_SILENCE_MS - 1;
    watch();
    await eventually(answered, (count) => count === 1);
    assert.equal(siblings.restarts, 0);

    watch();
    clock.now += WORKER_SILENCE_MS;
    // Its answer cannot have come: nothing else has run in this thread meanwhile.
    watch();
    await eventually(
      async () => siblings.restarts,
      (restarts) => restarts === 1,
    );
    await eventually(answered, (count) => count === 1);
  });
});
