import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";

import type { ServiceEndpoint } from "../../../control-plane/catalog/catalog.ts";
import { unhealthyByUs } from "../../../control-plane/liveness/ownership.ts";
import type { Store } from "../../../control-plane/store/store.ts";
import { endpoint, registered } from "../../support/catalog-rows.ts";
import { openStore } from "../../support/stores.ts";

const OPERATOR = "anna";
const PROXY = "proxy/web-1";
const row = registered(endpoint("web", 15_006), "web-1");

/** A store in which each author has put the row as it stands beside them. */
function history(t: TestContext, steps: readonly (readonly [author: string, row: ServiceEndpoint])[]): Store {
  const store = openStore(t);
  for (const [author, put] of steps) {
    const change = { puts: [put], deletions: [] };
    assert.equal(store.commit(change, { author, reason: "", expectedRevision: undefined }).kind, "committed");
  }
  return store;
}

describe("who took an endpoint out, after a restart of the control plane", () => {
  const out = { ...row, healthy: false };

  it("was this folder, when its lease ended, whatever an operator had changed before", (t) => {
    const store = history(t, [
      [PROXY, row],
      [OPERATOR, { ...row, weight: 7 }],
      [PROXY, { ...out, weight: 7 }],
    ]);
    assert.deepEqual(unhealthyByUs(store), new Set(["web-1"]));
  });

  it("was an operator, although its proxy has reported its health since", (t) => {
    const store = history(t, [
      [PROXY, row],
      [OPERATOR, out],
      [PROXY, { ...out, health: "failing" }],
      ["proxies", { ...out, health: "passing" }],
    ]);
    assert.deepEqual(unhealthyByUs(store), new Set());
  });

  it("was this folder, although an operator has given it a weight since", (t) => {
    const store = history(t, [
      [PROXY, row],
      [PROXY, out],
      [OPERATOR, { ...out, weight: 7 }],
    ]);
    assert.deepEqual(unhealthyByUs(store), new Set(["web-1"]));
  });
});
