import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { applyChanges, planChange } from "../../../control-plane/catalog/apply-changes.ts";
import type { Catalog, Row } from "../../../control-plane/catalog/catalog.ts";
import { validateReferences } from "../../../control-plane/catalog/validate.ts";
import type { Violation } from "../../../shared/violation.ts";
import { catalogOf, endpoint, policy, route, split } from "../../support/catalog-rows.ts";

function violations(catalog: Catalog, ...puts: readonly Row[]): readonly Violation[] {
  const after = applyChanges(catalog, planChange(catalog, { puts, deletions: [] }, ""), 2);
  const placed = puts.map((row, index) => ({ row, path: puts.length === 1 ? "" : `resources[${index}]` }));
  return validateReferences(catalog, after, placed);
}

describe("a split", () => {
  it("of a service that nobody knows is refused with the command that adds an endpoint", () => {
    const [refused] = violations(catalogOf(), split("nobody", 100, 0));
    assert.equal(refused?.path, "destination_service");
    assert.match(
      refused.message,
      /^TrafficSplit nobody: destination_service names the service "nobody", which has no endpoints and no policy/,
    );
    assert.match(refused.message, /heddle endpoint set nobody\/IP:PORT/);
  });

  it("may come with its service in one bundle, in any order", () => {
    assert.deepEqual(violations(catalogOf(), split("reviews", 100, 0), endpoint("reviews", 1)), []);
    assert.deepEqual(violations(catalogOf(), policy("reviews"), split("reviews", 100, 0)), []);
  });

  it("may have a source that only calls and is never called", () => {
    assert.deepEqual(
      violations(catalogOf(endpoint("reviews", 1)), split("reviews", 100, 0, { source_service: "cron" })),
      [],
    );
  });

  it("that is wrong only in case is told the right name", () => {
    assert.match(
      violations(catalogOf(endpoint("reviews", 1)), split("Reviews", 100, 0))[0]?.message ?? "",
      /Did you mean reviews\?/,
    );
  });
});

describe("a policy", () => {
  it("must mirror to and fall back on services that exist, by a row or in the same bundle", () => {
    const sends = policy("a", { mirror_to: "b/v2", fallback: "service", fallback_service: "c" });
    assert.deepEqual(
      violations(catalogOf(), sends).map(({ path }) => path),
      ["mirror_to", "fallback_service"],
    );
    assert.deepEqual(violations(catalogOf(endpoint("b", 1)), sends, policy("c")), []);
  });

  it("may mirror to a version of its own, and have a fault for a caller that nobody knows", () => {
    const fault = { fault_abort_percent: 1, fault_abort_status: 503, fault_source: "ghost" };
    assert.deepEqual(violations(catalogOf(), policy("a", { mirror_to: "a/v2", ...fault, fault_duration_sec: 0 })), []);
  });
});

describe("a route", () => {
  it("must lead to services that exist, each named by its place", () => {
    const two = route("r", "shop", { destinations: [{ service: "reviews" }, { service: "nobody" }] });
    const found = violations(catalogOf(endpoint("reviews", 1)), two, policy("other"));
    assert.deepEqual(
      found.map(({ path }) => path),
      ["resources[0].destinations[1].service"],
    );
  });

  it("that answers by itself, or leads elsewhere, may have any host", () => {
    const answers = route("r", "old-shop", { redirect: { host: "shop" } });
    const leads = route("s", "shop", { destinations: [{ service: "reviews" }] });
    assert.deepEqual(violations(catalogOf(endpoint("reviews", 1)), answers, leads), []);
    assert.equal(violations(catalogOf(), route("r", "old-shop")).length, 1);
  });
});

describe("a new service", () => {
  it("must differ from the others in more than case, because hosts are compared without it", () => {
    const found = violations(catalogOf(endpoint("Reviews", 1)), endpoint("reviews", 2));
    assert.match(found[0]?.message ?? "", /differs from the service "Reviews" only in case/);
    assert.equal(violations(catalogOf(), policy("Web"), endpoint("web", 1)).length, 2);
    assert.deepEqual(violations(catalogOf(endpoint("Reviews", 1)), policy("Reviews")), []);
  });
});
