import assert from "node:assert/strict";
import { before, describe, it } from "node:test";

import { until } from "../chaos/until.ts";
import { answersTo, type Answers } from "./answers.ts";
import { inForm } from "./story-form.ts";
import { NO_POLICIES, StoryMesh } from "./story-mesh.ts";

// Given three replicas under load, half of it POST,
// when each is restarted, app and proxy, one after the other,
// then no request fails, every answered one was served, and no POST twice.

const RATE = inForm(100, 500);
const ROUNDS = inForm(1, 10);
/** So that requests are under way whenever something is stopped. */
const WORK_MS = 50;
/** Three processes stop and start beside the load: a machine that stands still for a while is not what this is about. */
const TIMEOUT_MS = 30_000;

describe("a rolling restart of all replicas", () => {
  const mesh = StoryMesh.around({ services: { reviews: 3 } });
  before(() => mesh.behave("reviews", { workMs: WORK_MS }));

  /** Calls until it is done. */
  function callsDuring(count: Promise<unknown>): Promise<Answers> {
    return answersTo({
      from: mesh.caller("web"),
      to: "reviews",
      rate: RATE,
      count,
      plan: (sequence) => (sequence % 2 === 0 ? {} : { method: "POST", body: "x".repeat(1_024) }),
    });
  }

  /** How often each request was served. */
  async function served(): Promise<ReadonlyMap<string, number>> {
    const times = new Map<string, number>();
    for (const { id } of await mesh.sights("reviews")) times.set(id, (times.get(id) ?? 0) + 1);
    return times;
  }

  it("loses no request and repeats no POST", async (t) => {
    await mesh.policy("reviews", { timeout_ms: TIMEOUT_MS });
    const restarts = async (): Promise<void> => {
      for (let round = 0; round < ROUNDS; round += 1) {
        for (const replica of mesh.replicas("reviews")) {
          await replica.restart();
          await replica.behave({ workMs: WORK_MS });
          await mesh.knows("web", { reviews: 3 });
        }
      }
    };
    const answers = await callsDuring(restarts());
    t.diagnostic(answers.summary);
    assert.equal(answers.failed.length, 0, answers.summary);
    assert.ok(answers.sent >= RATE, "it was over before it began");

    const times = await served();
    const unseen = answers.well.filter(({ id }) => !times.has(id));
    assert.equal(unseen.length, 0, "answered, but no app saw it");
    const doubled = answers.all.filter(({ id, request }) => request.method === "POST" && (times.get(id) ?? 0) > 1);
    assert.equal(doubled.length, 0, "a POST was served twice");
  });

  it("would lose some if they were not drained", async (t) => {
    const [replica] = mesh.replicas("reviews");
    assert.ok(replica !== undefined);
    await mesh.policy("reviews", { ...NO_POLICIES, timeout_ms: TIMEOUT_MS });
    await replica.behave({ workMs: 60_000 });
    const crash = async (): Promise<void> => {
      const { seen } = await replica.counts();
      await until(async () => (await replica.counts()).seen >= seen + 10, "some are under way, every other one a POST");
      await replica.kill();
    };
    const answers = await callsDuring(crash());
    t.diagnostic(answers.summary);
    assert.ok(answers.failed.length > 0, answers.summary);
  });
});
