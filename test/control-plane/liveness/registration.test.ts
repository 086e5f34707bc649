import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { registrationChange, rowOfNode, type Wish } from "../../../control-plane/liveness/registration.ts";
import { catalogOf, endpoint, registered } from "../../support/catalog-rows.ts";
import { describeKey } from "../../../control-plane/catalog/row-key.ts";
import type { ProxyNode } from "../../../shared/model/node.ts";
import type { Catalog } from "../../../control-plane/catalog/catalog.ts";

const node: ProxyNode = {
  id: "web-1",
  kind: "heddle",
  service: "web",
  version: "v2",
  inbound: "10.0.0.1:15006",
  outbound: undefined,
  admin: undefined,
  snapshotSource: "none",
};

function grant(catalog: Catalog, wish: Wish, isOurs = true): readonly string[] {
  return grantAll(catalog, [["web-1", wish]], () => isOurs);
}

function grantAll(
  catalog: Catalog,
  wishes: readonly (readonly [string, Wish])[],
  isOurs: (nodeId: string) => boolean = () => true,
): readonly string[] {
  const change = registrationChange(catalog, new Map(wishes), isOurs);
  return [
    ...change.puts.map((row) =>
      row.kind === "ServiceEndpoint"
        ? `put ${row.port} ${row.version ?? "-"} ${row.healthy ? "healthy" : "unhealthy"} w${row.weight} ${row.registeredBy}`
        : row.kind,
    ),
    ...change.deletions.map((key) => `delete ${describeKey(key)}`),
  ];
}

function present(): Wish {
  const row = rowOfNode(node);
  assert.ok(row?.ok);
  return { kind: "present", row: row.value };
}

describe("a node that connects", () => {
  it("is listed under the address that it tells", () => {
    assert.deepEqual(grant(catalogOf(), present()), ["put 15006 v2 healthy w1 web-1"]);
  });

  it("is not listed without an inbound address, and says why it cannot be with a wrong one", () => {
    assert.equal(rowOfNode({ ...node, inbound: undefined }), undefined);
    for (const inbound of ["localhost:80", "0.0.0.0:80", "10.0.0.1:0", "10.0.0.1"]) {
      assert.equal(rowOfNode({ ...node, inbound })?.ok, false, inbound);
    }
    assert.equal(rowOfNode({ ...node, service: "no spaces" })?.ok, false);
  });

  it("at another address than before leaves none of the old behind", () => {
    const before = catalogOf(registered(endpoint("web", 7), "web-1"), registered(endpoint("web", 8), "web-2"));
    assert.deepEqual(grant(before, present()), ["put 15006 v2 healthy w1 web-1", "delete web/10.0.0.1:7"]);
  });

  it("again becomes healthy when its lease was what had ended", () => {
    const before = catalogOf(registered(endpoint("web", 15_006, { healthy: false, version: "v2" }), "web-1"));
    assert.deepEqual(grant(before, present()), ["put 15006 v2 healthy w1 web-1"]);
  });

  it("again stays out when an operator had taken it out, and keeps the weight that one gave it", () => {
    const before = catalogOf(registered(endpoint("web", 15_006, { healthy: false, weight: 9 }), "web-1"));
    assert.deepEqual(grant(before, present(), false), ["put 15006 v2 unhealthy w9 web-1"]);
  });
});

describe("a node that is lost", () => {
  it("is taken out and not deleted; one that said goodbye is deleted", () => {
    const before = catalogOf(registered(endpoint("web", 15_006), "web-1"), endpoint("web", 9));
    assert.deepEqual(grant(before, { kind: "unhealthy" }), ["put 15006 - unhealthy w1 web-1"]);
    assert.deepEqual(grant(before, { kind: "gone" }), ["delete web/10.0.0.1:15006"]);
  });

  it("and registered nothing changes nothing", () => {
    assert.deepEqual(grant(catalogOf(endpoint("web", 9)), { kind: "unhealthy" }), []);
  });
});

describe("an address that another node takes", () => {
  const before = catalogOf(registered(endpoint("web", 15_006, { version: "v2" }), "web-0"));
  const listed = ["put 15006 v2 healthy w1 web-1"];

  it("in the same batch in which the first one left, is lost or moved, is named once and is the newcomer's", () => {
    const moved = rowOfNode({ ...node, id: "web-0", inbound: "10.0.0.1:15007" });
    assert.ok(moved?.ok);
    const leavings: readonly Wish[] = [{ kind: "gone" }, { kind: "unhealthy" }];
    for (const leaving of leavings) {
      assert.deepEqual(
        grantAll(before, [
          ["web-0", leaving],
          ["web-1", present()],
        ]),
        listed,
      );
      assert.deepEqual(
        grantAll(before, [
          ["web-1", present()],
          ["web-0", leaving],
        ]),
        listed,
      );
    }
    assert.deepEqual(
      grantAll(before, [
        ["web-1", present()],
        ["web-0", { kind: "present", row: moved.value }],
      ]),
      [...listed, "put 15007 v2 healthy w1 web-0"],
    );
  });

  it("is not touched by what becomes of the first one later", () => {
    const after = catalogOf(registered(endpoint("web", 15_006), "web-1"));
    for (const kind of ["unhealthy", "gone"] as const) assert.deepEqual(grantAll(after, [["web-0", { kind }]]), []);
  });

  it("is used again when the first one's lease had ended, and stays out when an operator took it out", () => {
    const out = catalogOf(registered(endpoint("web", 15_006, { version: "v2", healthy: false }), "web-0"));
    const wishes = [["web-1", present()]] as const;
    assert.deepEqual(
      grantAll(out, wishes, (id) => id === "web-0"),
      listed,
    );
    assert.deepEqual(
      grantAll(out, wishes, (id) => id === "web-1"),
      ["put 15006 v2 unhealthy w1 web-1"],
    );
  });
});
