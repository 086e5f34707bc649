import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { answersTo, type Answers } from "./answers.ts";
import { inForm } from "./story-form.ts";
import { NO_POLICIES, StoryMesh } from "./story-mesh.ts";

// Given a service that fails every request for a while under load, and a caller with a fallback,
// when the breaker of the caller's proxy opens,
// then the service is left alone, callers get the fallback and no errors, and all is as before soon after the service is well.

const RATE = inForm(300, 2000);
const OUTAGE_SEC = inForm(2.5, 20);
/** Short, so that probes and the end of the outage are seen in the time of a test. Each failed probe doubles it. */
const RECOVERY_SEC = 1;
/** The longest wait for a probe is ten times that. */
const PATIENCE_SEC = 60;

function calls(mesh: StoryMesh, seconds: number): Promise<Answers> {
  return answersTo({ from: mesh.caller("web"), to: "reviews", rate: RATE, count: RATE * seconds });
}

describe("a service that fails every request", () => {
  const mesh = StoryMesh.around({ services: { reviews: 2 } });

  it("is left alone, its callers have a fallback, and it comes back by itself", async (t) => {
    await mesh.policy("reviews", { fallback: "static", cb_recovery_sec: RECOVERY_SEC });
    const before = await calls(mesh, 1);
    assert.equal(before.failed.length + before.fallbacks.length, 0, before.summary);
    assert.equal((await mesh.breaker("web", "reviews")).state, "closed");

    const seenBefore = await mesh.seenBy("reviews");
    await mesh.behave("reviews", { fails: true });
    const outage = await calls(mesh, OUTAGE_SEC);
    const share = ((await mesh.seenBy("reviews")) - seenBefore) / outage.sent;
    t.diagnostic(`outage: ${outage.summary}; the apps saw ${(100 * share).toFixed(2)} % of it`);
    // Five failures open the breaker, requests that were under way then fail too, and a probe is one request.
    assert.ok(share <= 0.05, `the apps saw ${(100 * share).toFixed(1)} % of the load`);
    assert.equal(outage.failed.length + outage.well.length, 0, outage.summary);
    assert.equal((await mesh.breaker("web", "reviews")).state, "open");

    await mesh.behave("reviews", { fails: false });
    // Nobody is needed to close it but those who call anyway.
    for (let second = 0; (await mesh.breaker("web", "reviews")).state !== "closed"; second += 1) {
      assert.ok(second < PATIENCE_SEC, "the breaker does not close");
      const meanwhile = await calls(mesh, 1);
      assert.equal(meanwhile.failed.length, 0, meanwhile.summary);
    }
    const after = await calls(mesh, 1);
    t.diagnostic(`after: ${after.summary}; the breaker opened ${(await mesh.breaker("web", "reviews")).opens} times`);
    assert.equal(after.failed.length + after.fallbacks.length, 0, after.summary);
  });

  it("would be hit by all of it without a breaker", async (t) => {
    await mesh.policy("reviews", { ...NO_POLICIES, fallback: "static" });
    const seenBefore = await mesh.seenBy("reviews");
    await mesh.behave("reviews", { fails: true });
    const outage = await calls(mesh, 1);
    const share = ((await mesh.seenBy("reviews")) - seenBefore) / outage.sent;
    t.diagnostic(`${outage.summary}; the apps saw ${(100 * share).toFixed(0)} % of it`);
    assert.ok(share >= 1, `the apps saw ${(100 * share).toFixed(1)} % of the load`);
  });
});
