import assert from "node:assert/strict";
import { before, describe, it, type TestContext } from "node:test";

import { answersTo, type Answers } from "./answers.ts";
import { inForm } from "./story-form.ts";
import { NO_POLICIES, StoryMesh, type PolicyColumns } from "./story-mesh.ts";

// Given a service that can do CAPACITY requests a second, one after the other in line,
// when three times as many come,
// then it goes on doing what it can for those who are let in, the others hear so at once, and all is well soon after. Without a
// limit the line grows until it takes longer than anybody waits, and all of the work is for nobody.

const WORKERS = inForm(4, 16);
const WORK_MS = 40;
const CAPACITY = (WORKERS * 1_000) / WORK_MS;
const HERD_SEC = inForm(3, 20);
const TIMEOUT_MS = 1_000;
/** As long as the herd may be felt after it has gone. */
const RECOVERY_SEC = inForm(2, 5);
/** A line of 0.4 s: short for who is in it, and long enough to keep the workers busy when a process has to wait for its turn. */
const REQUESTS_MAX = 10 * WORKERS;
/** A machine that stands still for longer than that empties the line, and is no fault of the mesh: the best herd counts. */
const HERDS = inForm(3, 1);
const PLAIN: PolicyColumns = { ...NO_POLICIES, timeout_ms: TIMEOUT_MS, retry_attempts: 1 };

interface Herd {
  readonly answers: Answers;
  /**
   * Good answers, as a share of the most that the service could have done meanwhile: as many as its workers had time for at
   * the pace they really had. So a busy machine, where each piece of work takes longer, changes nothing.
   */
  readonly goodput: number;
}

describe("a thundering herd", () => {
  const mesh = StoryMesh.around({ services: { reviews: 1 } });
  before(() => mesh.behave("reviews", { workers: WORKERS, workMs: WORK_MS }));

  const calls = (rate: number, count: number): Promise<Answers> =>
    answersTo({ from: mesh.caller("web"), to: "reviews", rate, count });

  async function herd(t: TestContext, isWanted: (found: Herd) => boolean): Promise<Herd> {
    for (let herds = 1; ; herds += 1) {
      const found = await oneHerd(t);
      if (isWanted(found) || herds === HERDS) return found;
    }
  }

  async function oneHerd(t: TestContext): Promise<Herd> {
    const [replica] = mesh.replicas("reviews");
    assert.ok(replica !== undefined);
    const before = await replica.counts();
    const startedMs = performance.now();
    const answers = await calls(3 * CAPACITY, 3 * CAPACITY * HERD_SEC);
    const elapsedMs = performance.now() - startedMs;
    const after = await replica.counts();
    const paceMs = (after.busyMs - before.busyMs) / (after.worked - before.worked);
    const goodput = answers.well.length / ((WORKERS * elapsedMs) / paceMs);
    t.diagnostic(`${answers.summary}; goodput ${(100 * goodput).toFixed(0)} % of the peak`);
    return { answers, goodput };
  }

  /** The herd has gone: those who come at half of the capacity are all served, soon. */
  async function recovers(): Promise<void> {
    const after = await calls(CAPACITY / 2, (CAPACITY / 2) * RECOVERY_SEC);
    const inLastSecond = after.failed.filter(({ sequence }) => sequence >= after.sent - CAPACITY / 2);
    assert.equal(inLastSecond.length, 0, after.summary);
  }

  for (const [name, limit] of [
    ["a limit of requests at once", { max_requests: REQUESTS_MAX }],
    ["a limit that follows the latency", { adaptive_concurrency: true }],
  ] as const) {
    it(`is kept to what the service can do by ${name}`, async (t) => {
      await mesh.policy("reviews", { ...PLAIN, ...limit });
      await calls(CAPACITY / 2, CAPACITY);
      const { answers, goodput } = await herd(t, (found) => found.goodput >= 0.8);
      assert.ok(goodput >= 0.8, `${goodput}`);
      const refused = answers.because("overflow", "load-shed");
      assert.equal(refused.length, answers.sent - answers.well.length, answers.summary);
      assert.ok(refused.every(({ status }) => status === 503));
      // Fast: who is refused knows it before those who were let in have their answers.
      const [refusedMs, servedMs] = [answers.latencyMs(0.5, refused), answers.latencyMs(0.5, answers.well)];
      assert.ok(refusedMs < servedMs, `refused in ${refusedMs} ms, served in ${servedMs} ms`);
      await recovers();
    });
  }

  it("brings it down without a limit: it works for those who have gone", async (t) => {
    await mesh.policy("reviews", PLAIN);
    const { answers, goodput } = await oneHerd(t);
    assert.ok(goodput <= 0.6, `${goodput}`);
    assert.ok(answers.because("timeout").length > answers.sent / 2, answers.summary);
  });
});
