import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { applyChanges, planChange } from "../../../control-plane/catalog/apply-changes.ts";
import type { Catalog, Row } from "../../../control-plane/catalog/catalog.ts";
import { warnChange } from "../../../control-plane/catalog/warnings.ts";
import { catalogOf, endpoint, policy, route, split } from "../../support/catalog-rows.ts";

function warnings(catalog: Catalog, puts: readonly Row[], proxies: readonly string[] = []): readonly string[] {
  const planned = planChange(catalog, { puts, deletions: [] }, "");
  return warnChange(applyChanges(catalog, planned, 2), planned, (service) => proxies.includes(service));
}

const v1 = endpoint("reviews", 1, { version: "v1" });
const v2 = endpoint("reviews", 2, { version: "v2" });
const v2Down = endpoint("reviews", 2, { version: "v2", healthy: false });

describe("a share of a version without a usable endpoint", () => {
  it("is told with the weight, the 503 and the command that starts one", () => {
    assert.deepEqual(warnings(catalogOf(v1, policy("web")), [split("reviews", 90, 10, { source_service: "web" })]), [
      "TrafficSplit web->reviews gives weight 10 to version v2 of reviews, which has no usable endpoint: those calls get 503 until one is started: heddle run --service reviews --version v2 -- COMMAND",
    ]);
  });

  it("is told when its endpoints are there but not healthy", () => {
    assert.equal(warnings(catalogOf(v1, v2Down), [split("reviews", 90, 10)]).length, 1);
    assert.deepEqual(warnings(catalogOf(v1, v2), [split("reviews", 90, 10)]), []);
  });

  it("is told while it shrinks, until it is 0", () => {
    const catalog = catalogOf(v1, v2Down, split("reviews", 50, 50));
    assert.equal(warnings(catalog, [split("reviews", 90, 10)]).length, 1);
    assert.deepEqual(warnings(catalog, [split("reviews", 100, 0)]), []);
  });

  it("is told of both sides when the service has only a policy", () => {
    assert.equal(warnings(catalogOf(policy("reviews")), [split("reviews", 90, 10)]).length, 2);
  });

  it("is told for a route as for a split", () => {
    const canary = route("canary", "reviews", { destinations: [{ service: "reviews", version: "v2", weight: 1 }] });
    assert.match(warnings(catalogOf(v1), [canary])[0] ?? "", /^Route canary gives weight 1 to version v2 of reviews/);
    assert.deepEqual(warnings(catalogOf(v1, v2), [canary]), []);
  });

  it("that is the first of a split also goes to endpoints without a version (C16)", () => {
    assert.deepEqual(warnings(catalogOf(endpoint("reviews", 1)), [split("reviews", 100, 0)]), []);
    assert.equal(warnings(catalogOf(endpoint("reviews", 1)), [split("reviews", 99, 1)]).length, 1);
  });

  it("is not told again by a change that leaves the row as it is", () => {
    assert.deepEqual(warnings(catalogOf(v1, split("reviews", 90, 10)), [split("reviews", 90, 10)]), []);
  });

  it("is not told when the same change brings the endpoint", () => {
    assert.deepEqual(warnings(catalogOf(v1), [split("reviews", 90, 10), v2]), []);
  });
});

describe("a rule for the calls of a service that nobody knows", () => {
  const rule = split("reviews", 100, 0, { source_service: "web" });

  it("is told with the command that starts it", () => {
    assert.deepEqual(warnings(catalogOf(v1), [rule]), [
      "TrafficSplit web->reviews is for calls from web, which has no proxy, no endpoint and no policy: it waits until one is started: heddle run --service web -- COMMAND",
    ]);
    assert.equal(warnings(catalogOf(v1), [route("r", "reviews", { source_service: "web" })]).length, 1);
  });

  it("is fine when the source has an endpoint, a policy or a proxy", () => {
    assert.deepEqual(warnings(catalogOf(v1, endpoint("web", 1)), [rule]), []);
    assert.deepEqual(warnings(catalogOf(v1, policy("web")), [rule]), []);
    assert.deepEqual(warnings(catalogOf(v1), [rule], ["web"]), []);
  });
});
