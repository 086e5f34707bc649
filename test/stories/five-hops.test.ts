import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { answersTo } from "./answers.ts";
import { NO_POLICIES, StoryMesh, type PolicyColumns } from "./story-mesh.ts";

// Given a chain of five hops, web -> a -> b -> c -> d -> leaf, whose leaf fails every request, and three attempts at every hop,
// when web calls a,
// then the leaf gets next to no more requests than web has made, where attempts that multiply would make 3^5 = 243 of each.

const CHAIN = ["a", "b", "c", "d", "leaf"];
/** Every retry waits a little, and 243 attempts after one another take some seconds: longer than any timeout by default. */
const TIMEOUT_MS = 60_000;

interface Storm {
  /** Requests that the leaf sees for each that web makes. */
  readonly amplification: number;
  /** Requests of web that it sees more than once. */
  readonly retried: number;
}

describe("a chain of five hops with a failing leaf", () => {
  const mesh = StoryMesh.around({ services: Object.fromEntries(CHAIN.map((service) => [service, 1])) });

  async function storm(columns: PolicyColumns, load: { rate: number; count: number }): Promise<Storm> {
    for (const [at, service] of CHAIN.entries()) {
      await mesh.policy(service, { timeout_ms: TIMEOUT_MS, retry_attempts: 3, ...columns });
      await mesh.behave(service, { calls: CHAIN[at + 1] ?? "", fails: service === "leaf" });
    }
    const before = (await mesh.sights("leaf")).length;
    const answers = await answersTo({ from: mesh.caller("web"), to: "a", ...load });
    assert.equal(answers.well.length, 0, answers.summary);
    const ids = (await mesh.sights("leaf")).slice(before).map(({ id }) => id);
    const retried = new Set(ids.filter((id, at) => ids.indexOf(id) !== at)).size;
    return { amplification: ids.length / answers.sent, retried };
  }

  it("is retried by one hop and within its budget, breakers or not", async (t) => {
    // No breakers: they would keep everything from the leaf. A budget of 20 % and nothing on top.
    const alone = { ...NO_POLICIES, retry_budget_percent: 20, retry_budget_min_per_sec: 0 };
    const { amplification, retried } = await storm(alone, { rate: 30, count: 120 });
    t.diagnostic(`with a budget and one hop that retries: x ${amplification.toFixed(2)}, ${retried} were retried`);
    // And two: a connection that its other end was closing is replaced, whatever the budget.
    assert.ok(amplification <= 1.2 + 2 / 120, `x ${amplification.toFixed(2)}`);
    assert.ok(retried > 0, "nothing was retried at all");
  });

  it("sees next to nothing of it with everything at its default", async (t) => {
    const { amplification } = await storm({}, { rate: 30, count: 60 });
    t.diagnostic(`by default: x ${amplification.toFixed(2)}`);
    assert.ok(amplification <= 1.2, `x ${amplification.toFixed(2)}`);
  });

  it("would be in a storm without policies, and without trace headers to know a request by", async (t) => {
    for (const service of CHAIN) await mesh.behave(service, { passesTraceOn: false });
    const { amplification } = await storm(NO_POLICIES, { rate: 30, count: 2 });
    t.diagnostic(`without: x ${amplification.toFixed(0)}`);
    assert.ok(amplification >= 100, `x ${amplification.toFixed(0)}`);
  });
});
