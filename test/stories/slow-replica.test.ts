import assert from "node:assert/strict";
import { before, describe, it } from "node:test";

import { answersTo, type Answers } from "./answers.ts";
import { inForm } from "./story-form.ts";
import { NO_POLICIES, StoryMesh } from "./story-mesh.ts";

// Given three replicas of which one is slow,
// when callers go on calling,
// then it is ejected or avoided, and 99 of 100 callers wait no longer than the other two take.

const RATE = inForm(100, 500);
const CALLS = RATE * inForm(2, 10);
/** So slow that no busy machine makes the other two like it, and what is below it is not its doing. */
const SLOW_MS = 2_000;
/** Where a policy says that this is too slow. */
const TRY_TIMEOUT_MS = 1_000;
const SLOW = "reviews-2";

describe("one slow replica of three", () => {
  const mesh = StoryMesh.around({ services: { reviews: 3 } });
  before(() => slowReplica().behave({ workMs: SLOW_MS }));

  function slowReplica(): ReturnType<StoryMesh["replicas"]>[number] {
    const found = mesh.replicas("reviews").find(({ name }) => name === SLOW);
    assert.ok(found !== undefined);
    return found;
  }

  /** What callers got, and the share of the attempts that went to the slow one. */
  async function calls(count: number): Promise<{ readonly answers: Answers; readonly share: number }> {
    const before = await slowReplica().counts();
    const answers = await answersTo({ from: mesh.caller("web"), to: "reviews", rate: RATE, count });
    return { answers, share: ((await slowReplica().counts()).seen - before.seen) / count };
  }

  it("costs one caller in three its time without policies", async (t) => {
    await mesh.policy("reviews", { ...NO_POLICIES, timeout_ms: 10_000, lb_policy: "round_robin" });
    const { answers, share } = await calls(RATE);
    t.diagnostic(`${answers.summary}; ${(100 * share).toFixed(1)} % of it went to the slow one`);
    assert.ok(share > 0.3, `${share}`);
    assert.ok(answers.latencyMs(0.99) >= SLOW_MS, answers.summary);
  });

  it("is avoided by peak_ewma, which goes by the time of answers", async (t) => {
    await mesh.policy("reviews", { ...NO_POLICIES, timeout_ms: 10_000, lb_policy: "peak_ewma" });
    // It has to be met to be known.
    await calls(RATE);
    const { answers, share } = await calls(CALLS);
    t.diagnostic(`${answers.summary}; ${(100 * share).toFixed(1)} % of it went to the slow one`);
    assert.equal(answers.failed.length, 0, answers.summary);
    assert.ok(share < 0.03, `${share}`);
    // It is asked now and then, for it may be well again; 1 % of so few calls are too few to count on.
    assert.ok(answers.latencyMs(inForm(0.97, 0.99)) < SLOW_MS, answers.summary);
  });

  it("is ejected when it is too slow for five tries in a row, and nobody fails meanwhile", async (t) => {
    await mesh.policy("reviews", {
      timeout_ms: 10_000,
      per_try_timeout_ms: TRY_TIMEOUT_MS,
      lb_policy: "round_robin",
      outlier_consecutive_5xx: 5,
    });
    const until = await calls(RATE * 2);
    t.diagnostic(`until it is: ${until.answers.summary}`);
    assert.equal(until.answers.failed.length, 0, until.answers.summary);
    const ejected = (await mesh.endpoints("web", "reviews")).filter(({ ejection }) => ejection !== null);
    assert.deepEqual(
      ejected.map(({ address }) => address),
      [slowReplica().inbound],
    );

    const { answers, share } = await calls(CALLS);
    t.diagnostic(`after it: ${answers.summary}`);
    assert.equal(answers.failed.length, 0, answers.summary);
    assert.equal(share, 0);
    assert.ok(answers.latencyMs(0.99) < TRY_TIMEOUT_MS, answers.summary);
  });
});
