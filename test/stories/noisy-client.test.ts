import assert from "node:assert/strict";
import { before, describe, it } from "node:test";

import { answersTo, type Answers } from "./answers.ts";
import { inForm } from "./story-form.ts";
import { NO_POLICIES, StoryMesh } from "./story-mesh.ts";

// Given a service that can do CAPACITY requests a second, and a client that sends three times as many,
// when the service has a rate limit for each client,
// then the noisy one is told to wait (429 with Retry-After), and another client sees nothing of it.

const WORKERS = 4;
const WORK_MS = 40;
/** 100 requests a second; fewer where timers are late. */
const CAPACITY = (WORKERS * 1_000) / WORK_MS;
/** With what the quiet one sends, half of the capacity: a busy machine may have less. */
const LIMIT = 30;
const QUIET_RATE = 20;
const NOISY_RATE = 3 * CAPACITY;
const SECONDS = inForm(4, 30);

describe("a noisy client", () => {
  const mesh = StoryMesh.around({ services: { reviews: 1 }, callers: ["noisy", "quiet"] });
  before(() => mesh.behave("reviews", { workers: WORKERS, workMs: WORK_MS }));

  async function bothCall(): Promise<{ readonly noisy: Answers; readonly quiet: Answers }> {
    const [noisy, quiet] = await Promise.all([
      answersTo({ from: mesh.caller("noisy"), to: "reviews", rate: NOISY_RATE, count: NOISY_RATE * SECONDS }),
      answersTo({ from: mesh.caller("quiet"), to: "reviews", rate: QUIET_RATE, count: QUIET_RATE * SECONDS }),
    ]);
    return { noisy, quiet };
  }

  it("meets its limit, and the other one nothing", async (t) => {
    const limit = { rate_limit_requests: LIMIT, rate_limit_unit: "second", rate_limit_by: "client" };
    await mesh.policy("reviews", { ...limit, timeout_ms: 2_000 });
    const { noisy, quiet } = await bothCall();
    t.diagnostic(`noisy: ${noisy.summary}`);
    t.diagnostic(`quiet: ${quiet.summary}`);
    assert.equal(quiet.failed.length, 0, quiet.summary);
    assert.equal(quiet.because("rate-limited").length, 0, quiet.summary);

    // A bucket that is full at first, and fills again while it lasts; a tenth more for what time measures differently here.
    const most = LIMIT + LIMIT * (noisy.elapsedMs / 1_000) * 1.1;
    assert.ok(noisy.well.length >= LIMIT && noisy.well.length <= most, `at most ${most}; ${noisy.summary}`);
    const refused = noisy.because("rate-limited");
    assert.equal(refused.length, noisy.failed.length, noisy.summary);
    for (const { status, headers } of refused) {
      assert.equal(status, 429);
      assert.ok(Number(headers["retry-after"]) >= 1);
    }
  });

  it("would take everything from the others without a limit", async (t) => {
    await mesh.policy("reviews", { ...NO_POLICIES, timeout_ms: 500 });
    const { quiet } = await bothCall();
    t.diagnostic(`quiet: ${quiet.summary}`);
    assert.ok(quiet.failed.length > quiet.sent / 4, quiet.summary);
  });
});
