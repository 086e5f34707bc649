import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { ask } from "../support/proxies.ts";
import { StoryMesh } from "./story-mesh.ts";

// The behaviour test of the pattern (seed F2.54): a caller gets `success`, `fallback` while the service fails, and `success`
// again with the very next call. It takes one failure to see a fallback, and no waiting to be over it (F2.68).

async function statusOf(mesh: StoryMesh): Promise<string> {
  const { body } = await ask(mesh.caller("web"), { headers: { host: "external-service" } });
  return (JSON.parse(body) as { status: string }).status;
}

describe("a service with a fallback", () => {
  const mesh = StoryMesh.around({ services: { "external-service": 1 } });

  it("answers with it while it fails, and by itself as soon as it is well", async () => {
    await mesh.policy("external-service", { fallback: "static" });
    assert.equal(await statusOf(mesh), "success");

    await mesh.behave("external-service", { fails: true });
    assert.equal(await statusOf(mesh), "fallback");

    await mesh.behave("external-service", { fails: false });
    assert.equal(await statusOf(mesh), "success");
    assert.equal((await mesh.breaker("web", "external-service")).opens, 0);
  });

  it("would be missed: without one the failure is the answer", async () => {
    await mesh.policy("external-service", { fallback: "none" });
    await mesh.behave("external-service", { fails: true });
    assert.equal(await statusOf(mesh), "error");
  });
});
