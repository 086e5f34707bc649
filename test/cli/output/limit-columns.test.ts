import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { limitColumns } from "../../../cli/output/limit-columns.ts";
import type { RateLimitJson } from "../../../data-plane/admin/admin-json.ts";

const LIMIT: RateLimitJson = {
  policy: {
    name: "reviews",
    requests: 100,
    perMs: 60_000,
    burst: 10,
    by: { kind: "header", name: "x-tenant" },
    scope: "local",
    failOpen: true,
  },
  allowed: 12,
  limited: 3,
  keys: 2,
  shared: null,
};

function cells(limit: RateLimitJson): readonly (string | undefined)[] {
  return limitColumns.map(({ text }) => text(limit));
}

describe("the limits of a proxy", () => {
  it("are told with what they did", () => {
    const setting = "100 in 60s, 10 at once, by header x-tenant, local";
    assert.deepEqual(cells(LIMIT), ["reviews", setting, "2", "12", "3", "", "", "", ""]);
  });

  it("say that a shared one goes on without its coordinator", () => {
    const shared = { coordinator: "gone", proxies: 4, held: 0, owed: 1, leased: 9, failures: 2 } as const;
    const told = cells({ ...LIMIT, shared }).slice(5);
    assert.deepEqual(told, ["gone, 1/4 of it here", "0", "1", "2"]);
    assert.equal(cells({ ...LIMIT, shared: { ...shared, coordinator: "present" } })[5], "present");
  });
});
