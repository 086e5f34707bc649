import assert from "node:assert/strict";
import { describe, it } from "node:test";

import fc from "fast-check";

import { applyChanges, planChange } from "../../../control-plane/catalog/apply-changes.ts";
import type { Catalog, Row } from "../../../control-plane/catalog/catalog.ts";
import { guardChange } from "../../../control-plane/catalog/guard.ts";
import { keyOf } from "../../../control-plane/catalog/row-key.ts";
import { catalogOf, endpoint, route, split } from "../../support/catalog-rows.ts";

function refusals(catalog: Catalog, puts: readonly Row[], deletions: readonly Row[] = []): readonly string[] {
  const planned = planChange(catalog, { puts, deletions: deletions.map(keyOf) }, "");
  return guardChange(catalog, applyChanges(catalog, planned, 2), planned).map(({ message }) => message);
}

const one = endpoint("reviews", 1, { version: "v1" });
const two = endpoint("reviews", 2, { version: "v1" });
const three = endpoint("reviews", 3, { version: "v2" });
const down = endpoint("reviews", 4, { version: "v2", healthy: false });

describe("the last usable endpoint of a service", () => {
  it("is not deleted without force, and the words say who leads to it", () => {
    const [words = ""] = refusals(catalogOf(one, split("reviews", 100, 0)), [], [one]);
    assert.match(words, /reviews would lose its last usable endpoint \(TrafficSplit reviews leads to it\)/);
    assert.match(words, /--force/);
  });

  it("is not made unhealthy without force", () => {
    assert.equal(refusals(catalogOf(one, down), [{ ...one, healthy: false }]).length, 1);
  });

  it("may be replaced by another in the same change", () => {
    assert.deepEqual(refusals(catalogOf(one, two), [endpoint("reviews", 9, { version: "v1" })], [one]), []);
  });
});

describe("more than half of the usable endpoints", () => {
  it("do not go at once without force; half of them may", () => {
    const catalog = catalogOf(one, two, three, endpoint("reviews", 5));
    assert.deepEqual(refusals(catalog, [], [one, two]), []);
    assert.match(
      refusals(catalog, [], [one, two, three])[0] ?? "",
      /3 of its 4 usable endpoints at once, more than half/,
    );
  });

  it("are counted without those that are down already: they carry no traffic", () => {
    const catalog = catalogOf(one, two, down, endpoint("reviews", 5, { healthy: false }));
    assert.deepEqual(refusals(catalog, [], [down, endpoint("reviews", 5)]), []);
  });
});

describe("a version that gets a share", () => {
  const catalog = catalogOf(one, two, three, split("reviews", 90, 10));

  it("does not lose its last usable endpoint without force", () => {
    assert.match(
      refusals(catalog, [], [three])[0] ?? "",
      /last usable endpoint of version v2, to which TrafficSplit reviews gives weight 10/,
    );
    assert.equal(refusals(catalog, [{ ...three, version: "v3" }]).length, 1);
  });

  it("may lose it together with its share", () => {
    assert.deepEqual(refusals(catalog, [split("reviews", 100, 0)], [three]), []);
  });
});

describe("a share", () => {
  it("may grow towards a version that has no usable endpoint: that takes nothing away", () => {
    assert.deepEqual(refusals(catalogOf(one, down, split("reviews", 100, 0)), [split("reviews", 90, 10)]), []);
  });

  it("of a route keeps the last endpoint of its version as that of a split does", () => {
    const canary = route("canary", "reviews", { destinations: [{ service: "reviews", version: "v2", weight: 1 }] });
    assert.equal(refusals(catalogOf(one, two, three, canary), [], [three]).length, 1);
  });
});

describe("the guard as a whole", () => {
  it("says nothing exactly when a naive count of one service's healthy endpoints says so", () => {
    const ports = fc.uniqueArray(fc.integer({ min: 1, max: 8 }), { minLength: 1 });
    fc.assert(
      fc.property(ports, ports, fc.boolean(), (present, targets, deletes) => {
        const lost = targets.filter((port) => present.includes(port));
        const catalog = catalogOf(...present.map((port) => endpoint("a", port)));
        const gone = lost.map((port) => endpoint("a", port, { healthy: false }));
        const words = deletes ? refusals(catalog, [], gone) : refusals(catalog, gone);
        assert.equal(words.length > 0, lost.length > present.length / 2);
      }),
    );
  });
});
