import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { status } from "@grpc/grpc-js";

import { KINDS } from "../../../control-plane/catalog/catalog.ts";
import { columnOf } from "../../../control-plane/catalog/field.ts";
import { fieldsByKind } from "../../../control-plane/catalog/fields.ts";
import { openAdminPort, proxyOf, type Answer } from "../../support/admin-port.ts";
import { endpoint, policy, registered, split } from "../../support/catalog-rows.ts";
import { protoTree } from "../../support/proto-tree.ts";
import { put } from "../../support/stores.ts";

function refusal(answer: Answer): Extract<Answer, { ok: false }> {
  assert.ok(!answer.ok, "the call was answered OK");
  return answer;
}

const reviews = { service_name: "reviews", pod_ip: "10.0.0.1", port: 9_080, version: "v1" };
const canary = {
  destination_service: "reviews",
  source_service: "web",
  v1_weight: 90,
  v2_weight: 10,
  header_match: { "X-Canary": "true" },
};

describe("every kind", () => {
  it("has in its proto message the fields of its table", () => {
    for (const kind of KINDS) {
      const names = protoTree.lookupType(`heddle.admin.v1.${kind}`).fieldsArray.map(({ name }) => name);
      assert.deepEqual(names.sort(), Object.keys(fieldsByKind[kind]).map(columnOf).sort(), kind);
    }
  });

  it("is applied, got, listed and deleted", async (t) => {
    const { must, call } = await openAdminPort(t);
    const rule = {
      name: "old",
      destination_service: "shop",
      direct_response: { status: 404, body: "gone" },
      methods: ["GET"],
    };
    const cases = [
      [
        "ServiceEndpoints",
        "service_endpoint",
        { ...reviews, version: "v2" },
        { service_name: "reviews", pod_ip: "10.0.0.1", port: 9_080 },
      ],
      ["ServicePolicies", "service_policy", { service_name: "reviews", timeout_ms: 7 }, { service_name: "reviews" }],
      ["TrafficSplits", "traffic_split", canary, { source_service: "web", destination_service: "reviews" }],
      ["Routes", "route", rule, { name: "old" }],
    ] as const;
    for (const [service, field, resource, key] of cases) {
      await must(`${service}.Apply`, { [field]: resource });
      const got = await must(`${service}.Get`, key);
      const expected = field === "traffic_split" ? { ...resource, header_match: { "x-canary": "true" } } : resource;
      for (const [column, value] of Object.entries(expected)) assert.deepEqual(got[column], value, column);
      const listed = await must(`${service}.List`, {});
      assert.deepEqual(listed["items"], [got]);
    }
    for (const [service, , , key] of [...cases].reverse()) {
      await must(`${service}.Delete`, { ...key, options: { force: true } });
      assert.equal(refusal(await call(`${service}.Get`, key)).code, status.NOT_FOUND);
      assert.equal(refusal(await call(`${service}.Delete`, key)).code, status.NOT_FOUND);
    }
  });

  it("needs its whole key", async (t) => {
    const { call } = await openAdminPort(t);
    for (const service of ["ServicePolicies", "ServiceEndpoints", "TrafficSplits", "Routes"]) {
      for (const method of ["Get", "Delete"]) {
        const refused = refusal(await call(`${service}.${method}`, {}));
        assert.deepEqual(
          [refused.code, /the key of a \w+ needs/.test(refused.details)],
          [status.INVALID_ARGUMENT, true],
        );
      }
    }
  });
});

describe("Apply", () => {
  it("is a PUT: what is omitted goes back to its default (F4.23, F4.28, C17)", async (t) => {
    const { must } = await openAdminPort(t);
    await must("ServicePolicies.Apply", { service_policy: { service_name: "a", timeout_ms: 7, retry_attempts: 1 } });
    await must("ServicePolicies.Apply", { service_policy: { service_name: "a", cb_threshold: 9 } });
    const got = await must("ServicePolicies.Get", { service_name: "a" });
    assert.deepEqual([got["timeout_ms"], got["retry_attempts"], got["cb_threshold"]], [5_000, 3, 9]);
  });

  it("tells every violation at once, as words and as google.rpc.BadRequest", async (t) => {
    const { call, store } = await openAdminPort(t);
    const refused = refusal(
      await call("ServicePolicies.Apply", { service_policy: { service_name: "a", timeout_ms: 0, cb_threshold: 101 } }),
    );
    assert.equal(refused.code, status.INVALID_ARGUMENT);
    assert.equal(
      refused.details,
      "ServicePolicy a: timeout_ms must be 1-3600000 ms (got 0); ServicePolicy a: cb_threshold must be 1-100% (got 101)",
    );
    assert.deepEqual(
      refused.violations.map(({ path }) => path),
      ["timeout_ms", "cb_threshold"],
    );
    assert.equal(store.catalog().revision, 0);
  });

  it("says of wrong weights what the seed says (F2.26, C10)", async (t) => {
    const { call } = await openAdminPort(t);
    const refused = refusal(
      await call("TrafficSplits.Apply", {
        traffic_split: { destination_service: "reviews", v1_weight: 95, v2_weight: 10 },
      }),
    );
    assert.equal(refused.details, "TrafficSplit reviews: Weights must sum to 100 (got 95+10=105)");
  });

  it("answers with the revision, the rows before and after, and whom they reach", async (t) => {
    const proxies = [
      proxyOf("web-1", "web"),
      proxyOf("web-2", "web"),
      proxyOf("api-1", "api"),
      proxyOf("web-0", "web", { connected: false }),
    ];
    const { must } = await openAdminPort(t, { fleet: { proxies: () => proxies, connectedCount: () => 3 } });
    const added = await must("ServiceEndpoints.Apply", { service_endpoint: reviews });
    assert.deepEqual([added["revision"], added["proxies"]], ["1", 3]);
    const result = await must("TrafficSplits.Apply", { traffic_split: { ...canary, v1_weight: 100, v2_weight: 0 } });
    assert.equal(result["proxies"], 2, "only the proxies of web");
    const again = await must("TrafficSplits.Apply", { traffic_split: { ...canary, v1_weight: 100, v2_weight: 0 } });
    assert.deepEqual(
      [again["revision"], again["changes"] ?? [], again["proxies"] ?? 0],
      ["2", [], 0],
      "nothing changed",
    );
  });

  it("as a dry run says the same and stores nothing", async (t) => {
    const { must, store } = await openAdminPort(t);
    const dry = await must("ServicePolicies.Apply", {
      service_policy: { service_name: "a" },
      options: { dry_run: true },
    });
    const changes = dry["changes"];
    assert.ok(Array.isArray(changes));
    assert.deepEqual([dry["dry_run"], dry["revision"] ?? "0", changes.length], [true, "0", 1]);
    assert.equal(store.catalog().policies.size, 0);
  });

  it("keeps who and why, and refuses them when too long", async (t) => {
    const { must, call, store } = await openAdminPort(t);
    await must("ServicePolicies.Apply", {
      service_policy: { service_name: "a" },
      options: { author: "alice", reason: "OPS-7" },
    });
    assert.deepEqual([store.revision(1)?.author, store.revision(1)?.reason], ["alice", "OPS-7"]);
    await must("ServicePolicies.Apply", { service_policy: { service_name: "b" } });
    assert.match(store.revision(2)?.author ?? "", /^unnamed at 127\.0\.0\.1:/);
    const options = { author: "a".repeat(257), reason: "r".repeat(1_025) };
    const refused = refusal(await call("ServicePolicies.Apply", { service_policy: { service_name: "c" }, options }));
    assert.deepEqual(
      refused.violations.map(({ path }) => path),
      ["options.author", "options.reason"],
    );
    const escapes = { author: "a\u001b[2J", reason: "first line\nsecond\u0007" };
    const odd = refusal(
      await call("ServicePolicies.Apply", { service_policy: { service_name: "c" }, options: escapes }),
    );
    assert.match(odd.details, /options\.author must be without control characters; options\.reason must be/);
  });

  it("is ABORTED with the actual revision when another was expected", async (t) => {
    const { must, call } = await openAdminPort(t);
    await must("ServicePolicies.Apply", { service_policy: { service_name: "a" } });
    const change = { service_policy: { service_name: "a", timeout_ms: 1 } };
    for (const dryRun of [false, true]) {
      const refused = refusal(
        await call("ServicePolicies.Apply", { ...change, options: { expected_revision: 7, dry_run: dryRun } }),
      );
      assert.equal(refused.code, status.ABORTED);
      assert.match(refused.details, /stands at r1, not at the expected r7/);
    }
    await must("ServicePolicies.Apply", { ...change, options: { expected_revision: 1 } });
  });

  it("leaves a proxy its lease on the row that it registered", async (t) => {
    const { must, store } = await openAdminPort(t);
    put(store, [registered(endpoint("reviews", 9_080), "node-1"), endpoint("reviews", 2)]);
    await must("ServiceEndpoints.Apply", { service_endpoint: { ...reviews, weight: 5, registered_by: "mallory" } });
    const row = store
      .catalog()
      .endpoints.get("reviews")
      ?.find(({ port }) => port === 9_080);
    assert.deepEqual([row?.registeredBy, row?.weight], ["node-1", 5]);
  });
});

describe("what will not work yet", () => {
  it("is a warning and never a refusal, in a dry run too", async (t) => {
    const proxies = [proxyOf("web-1", "web")];
    const { must } = await openAdminPort(t, { fleet: { proxies: () => proxies } });
    await must("ServiceEndpoints.Apply", { service_endpoint: reviews });
    const words =
      /^TrafficSplit web->reviews gives weight 10 to version v2 of reviews, .* heddle run --service reviews/;
    for (const options of [{ dry_run: true }, {}, { force: true }]) {
      const result = await must("TrafficSplits.Apply", { traffic_split: canary, options });
      const warnings = result["warnings"] ?? [];
      assert.ok(Array.isArray(warnings));
      // The last one changes nothing any more, so there is nothing to warn of.
      assert.equal(warnings.length, "force" in options ? 0 : 1, JSON.stringify(options));
      if (warnings.length > 0) assert.match(warnings[0], words);
    }
  });

  it("is told for at most 100 rows and counted for the others", async (t) => {
    const { must } = await openAdminPort(t);
    const splits = Array.from({ length: 105 }, (_, index) => ({
      traffic_split: { destination_service: "reviews", source_service: `s${index}` },
    }));
    const result = await must("Mesh.ApplyBundle", { resources: [{ service_endpoint: reviews }, ...splits] });
    const warnings = result["warnings"];
    assert.ok(Array.isArray(warnings));
    assert.deepEqual([warnings.length, warnings.at(-1)], [101, "5 more warnings of this kind"]);
  });
});

describe("what the guards refuse", () => {
  it("is FAILED_PRECONDITION, says --force, and passes with force (F2.26, DESIGN 8)", async (t) => {
    const { must, call, store } = await openAdminPort(t);
    put(store, [endpoint("reviews", 9_080), split("reviews", 100, 0)]);
    const key = { service_name: "reviews", pod_ip: "10.0.0.1", port: 9_080 };
    for (const options of [{}, { dry_run: true }]) {
      const refused = refusal(await call("ServiceEndpoints.Delete", { ...key, options }));
      assert.deepEqual([refused.code, refused.details.includes("--force")], [status.FAILED_PRECONDITION, true]);
    }
    const sick = refusal(await call("ServiceEndpoints.Apply", { service_endpoint: { ...reviews, healthy: false } }));
    assert.equal(sick.code, status.FAILED_PRECONDITION);
    await must("ServiceEndpoints.Delete", { ...key, options: { force: true } });
  });

  it("does not touch a change without effect, whatever has become of the mesh", async (t) => {
    const { must, store } = await openAdminPort(t);
    put(store, [endpoint("reviews", 9_080), split("reviews", 100, 0)]);
    put(store, [], [{ kind: "ServiceEndpoint", serviceName: "reviews", podIp: "10.0.0.1", port: 9_080 }]);
    await must("TrafficSplits.Apply", { traffic_split: { destination_service: "reviews" } });
  });
});

describe("List", () => {
  it("gives every row once, in one order, in pages, while rows come and go between them", async (t) => {
    const { must, store } = await openAdminPort(t);
    put(
      store,
      Array.from({ length: 25 }, (_, index) => policy(`s${String(index).padStart(2, "0")}`)),
    );
    const seen: unknown[] = [];
    let token: unknown = "";
    do {
      const page = await must("ServicePolicies.List", { page_size: 10, page_token: token });
      const items = page["items"];
      assert.ok(Array.isArray(items));
      seen.push(...items.map((item: { service_name: string }) => item.service_name));
      token = page["next_page_token"] ?? "";
      // A row before the page and one at its very end go; one far behind comes.
      if (seen.length === 10)
        put(
          store,
          [policy("s99")],
          [
            { kind: "ServicePolicy", serviceName: "s00" },
            { kind: "ServicePolicy", serviceName: "s09" },
          ],
        );
    } while (token !== "");
    assert.deepEqual(seen, [...Array.from({ length: 25 }, (_, index) => `s${String(index).padStart(2, "0")}`), "s99"]);
  });

  it("refuses an odd page size or token", async (t) => {
    const { call } = await openAdminPort(t);
    for (const request of [{ page_size: -1 }, { page_size: 1_001 }, { page_token: "!" }, { page_token: "abc" }]) {
      for (const method of ["ServicePolicies.List", "Mesh.ListRevisions", "Mesh.ListProxies"]) {
        assert.equal(refusal(await call(method, request)).code, status.INVALID_ARGUMENT, method);
      }
    }
  });

  it("ends a page before its message gets too large for a client", async (t) => {
    const { must, store } = await openAdminPort(t);
    const body = "x".repeat(4_096);
    const rules = Array.from({ length: 600 }, (_, index) => ({
      name: `r${index}`,
      destination_service: "a",
      direct_response: { status: 200, body },
    }));
    await must("Mesh.ApplyBundle", { resources: rules.map((route) => ({ route })) });
    const page = await must("Routes.List", { page_size: 1_000 });
    const items = page["items"];
    assert.ok(Array.isArray(items) && items.length > 200 && items.length < 260, "about one mebibyte");
    assert.notEqual(page["next_page_token"], undefined);
    assert.equal(store.catalog().routes.get("a")?.length, 600);
  });
});
