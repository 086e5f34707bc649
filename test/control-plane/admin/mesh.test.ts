import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { describe, it } from "node:test";

import { status } from "@grpc/grpc-js";

import { openAdminPort, proxyOf, type Answer, type Message } from "../../support/admin-port.ts";
import { endpoint, policy, registered, split } from "../../support/catalog-rows.ts";
import { openStore, put, storeFile } from "../../support/stores.ts";

function refusal(answer: Answer): Extract<Answer, { ok: false }> {
  assert.ok(!answer.ok, "the call was answered OK");
  return answer;
}

function list(message: Message, field: string): readonly Message[] {
  const items = message[field] ?? [];
  assert.ok(Array.isArray(items));
  return items;
}

const three = [
  { service_endpoint: { service_name: "reviews", pod_ip: "10.0.0.1", port: 1, version: "v1" } },
  { service_policy: { service_name: "reviews", timeout_ms: 5_000, retry_attempts: 3 } },
  { traffic_split: { destination_service: "reviews", v1_weight: 100 } },
];

describe("a bundle", () => {
  it("is one transaction and one revision", async (t) => {
    const { must, store } = await openAdminPort(t);
    const result = await must("Mesh.ApplyBundle", { resources: three, options: { author: "alice" } });
    assert.deepEqual([result["revision"], list(result, "changes").length, store.catalog().revision], ["1", 3, 1]);
  });

  it("of the three sample documents is accepted in any order, with warnings and without force", async (t) => {
    const { must, store } = await openAdminPort(t);
    const samples = [
      { service_endpoint: { service_name: "reviews", pod_ip: "127.0.0.1", port: 9_101, version: "v1" } },
      {
        service_policy: {
          service_name: "reviews",
          retry_attempts: 3,
          timeout_ms: 5_000,
          cb_threshold: 50,
          cb_window_sec: 30,
        },
      },
      {
        traffic_split: {
          source_service: "web",
          destination_service: "reviews",
          v1_weight: 90,
          v2_weight: 10,
          header_match: { "x-canary": "true" },
        },
      },
    ];
    const nothing = { options: { force: true, reason: "the next order" } };
    for (const order of [
      [0, 1, 2],
      [0, 2, 1],
      [1, 0, 2],
      [1, 2, 0],
      [2, 0, 1],
      [2, 1, 0],
    ]) {
      const result = await must("Mesh.ApplyBundle", { resources: order.map((index) => samples[index]) });
      assert.equal(list(result, "warnings").length, 2, "no v2 of reviews yet, and no web");
      assert.equal(store.catalog().splits.get("reviews")?.length, 1);
      await must("Mesh.Rollback", { to_revision: 0, ...nothing });
    }
  });

  it("whose rows before and after would not fit a message is told in part, with the number of all", async (t) => {
    const { must } = await openAdminPort(t);
    const many = (body: string): Message => ({
      resources: Array.from({ length: 900 }, (_, index) => ({
        route: { name: `r${index}`, destination_service: "a", direct_response: { status: 200, body } },
      })),
    });
    await must("Mesh.ApplyBundle", many("x".repeat(4_000)));
    const result = await must("Mesh.ApplyBundle", many("y".repeat(4_000)));
    assert.equal(result["change_count"], 900);
    const told = list(result, "changes").length;
    assert.ok(told > 200 && told < 300, `about two mebibytes (${told} changes)`);

    const seen: unknown[] = [];
    let token: unknown = "";
    do {
      const page = await must("Mesh.GetRevision", { revision: 2, page_token: token });
      assert.equal(page["change_count"], 900);
      seen.push(...list(page, "changes").map(({ key }) => (key as Message)["name"]));
      token = page["next_page_token"] ?? "";
    } while (token !== "");
    assert.deepEqual(
      seen,
      Array.from({ length: 900 }, (_, index) => `r${index}`),
    );
  });

  it("with anything wrong in it stores nothing, and names each wrong field by its place", async (t) => {
    const { call, store } = await openAdminPort(t);
    const resources = [
      ...three.slice(0, 2),
      { traffic_split: { destination_service: "reviews", v1_weight: 95, v2_weight: 10 } },
      { service_policy: { service_name: "reviews" } },
      {},
      { route: { name: "r", destination_service: "nobody", destinations: [{ service: "a b" }] } },
    ];
    const deletions = [
      { kind: "Route", name: "none" },
      { kind: "Rout" },
      { kind: "ServiceEndpoint", service_name: "a" },
    ];
    const refused = refusal(await call("Mesh.ApplyBundle", { resources, deletions }));
    assert.equal(refused.code, status.INVALID_ARGUMENT);
    assert.deepEqual(
      refused.violations.map(({ path }) => path),
      [
        "resources[2].v1_weight",
        "resources[3]",
        "resources[4]",
        "resources[5].destinations[0].service",
        "deletions[0]",
        "deletions[1].kind",
        "deletions[2]",
      ],
    );
    assert.match(
      refused.details,
      /^resources\[2\]: TrafficSplit reviews: Weights must sum to 100 \(got 95\+10=105\); resources\[3\]: ServicePolicy reviews stands twice/,
    );
    assert.equal(store.catalog().revision, 0);
  });

  it("may delete and create together, in any order of references", async (t) => {
    const { must, store } = await openAdminPort(t);
    put(store, [policy("old")]);
    await must("Mesh.ApplyBundle", {
      resources: [...three].reverse(),
      deletions: [{ kind: "ServicePolicy", service_name: "old" }],
    });
    assert.deepEqual([...store.catalog().policies.keys()], ["reviews"]);
  });

  it("has its references checked by place as well", async (t) => {
    const { call } = await openAdminPort(t);
    const refused = refusal(
      await call("Mesh.ApplyBundle", { resources: [three[1], { traffic_split: { destination_service: "nobody" } }] }),
    );
    assert.deepEqual(
      refused.violations.map(({ path }) => path),
      ["resources[1].destination_service"],
    );
    assert.match(refused.details, /^resources\[1\]: TrafficSplit nobody: .* heddle endpoint set nobody/);
  });

  it("must have something in it, and at most 10,000 things", async (t) => {
    const { call, must } = await openAdminPort(t);
    assert.match(refusal(await call("Mesh.ApplyBundle", {})).details, /1-10000 resources and deletions \(got 0\)/);
    const many = (count: number): Message => ({
      resources: Array.from({ length: count }, (_, index) => ({ service_policy: { service_name: `s${index}` } })),
    });
    assert.match(refusal(await call("Mesh.ApplyBundle", many(10_001))).details, /got 10001/);
    assert.equal((await must("Mesh.ApplyBundle", many(10_000)))["revision"], "1");
  });

  it("with thousands of violations is answered with as many as fit and their number", async (t) => {
    const { call } = await openAdminPort(t);
    const resources = Array.from({ length: 5_000 }, () => ({ service_policy: { service_name: "é".repeat(50) } }));
    const refused = refusal(await call("Mesh.ApplyBundle", { resources }));
    assert.equal(refused.code, status.INVALID_ARGUMENT);
    assert.match(refused.details, /\.\.\. \(5000 violations in all\)$/);
    assert.ok(refused.violations.length > 5);
  });
});

describe("the ledger", () => {
  it("lists revisions newest first in pages, and tells one with its rows", async (t) => {
    const { must, call, store } = await openAdminPort(t);
    for (let index = 1; index <= 5; index += 1) put(store, [policy("a", { timeout_ms: index })]);
    const first = await must("Mesh.ListRevisions", { page_size: 2 });
    assert.deepEqual(
      list(first, "revisions").map((row) => [row["revision"], row["author"], row["change_count"]]),
      [
        ["5", "test", 1],
        ["4", "test", 1],
      ],
    );
    const second = await must("Mesh.ListRevisions", { page_size: 3, page_token: first["next_page_token"] });
    assert.deepEqual(
      list(second, "revisions").map((row) => row["revision"]),
      ["3", "2", "1"],
    );
    assert.equal(second["next_page_token"] ?? "", "");
    const one = await must("Mesh.GetRevision", { revision: 5 });
    const [change] = list(one, "changes") as readonly {
      before: { service_policy: Message };
      after: { service_policy: Message };
    }[];
    assert.deepEqual([change?.before.service_policy["timeout_ms"], change?.after.service_policy["timeout_ms"]], [4, 5]);
    const refused = refusal(await call("Mesh.GetRevision", { revision: 6 }));
    assert.deepEqual([refused.code, refused.details], [status.NOT_FOUND, "r6 is not in the ledger; the newest is r5"]);
  });

  it("takes the mesh back to an older revision, as a new one that says so", async (t) => {
    const { must, store } = await openAdminPort(t);
    const leased = registered(endpoint("reviews", 1, { version: "v1" }), "node-1");
    put(store, [leased, policy("reviews"), split("reviews", 100, 0)]);
    put(store, [
      { ...leased, healthy: false },
      policy("reviews", { timeout_ms: 1 }),
      registered(endpoint("reviews", 2), "node-2"),
    ]);
    const dry = await must("Mesh.Rollback", { to_revision: 1, options: { dry_run: true } });
    assert.deepEqual([list(dry, "changes").length, store.catalog().revision], [1, 2]);
    const result = await must("Mesh.Rollback", { to_revision: 1 });
    assert.equal(result["revision"], "3");
    assert.equal(store.revision(3)?.reason, "rollback to r1");
    const { policies, endpoints } = store.catalog();
    assert.equal(policies.get("reviews")?.timeoutMs, 5_000);
    assert.deepEqual(
      endpoints.get("reviews")?.map(({ port, healthy }) => [port, healthy]),
      [
        [1, false],
        [2, true],
      ],
    );
  });

  it("takes the mesh back although a service of then is away now", async (t) => {
    const { must, store } = await openAdminPort(t);
    const leased = registered(endpoint("reviews", 1, { version: "v1" }), "node-1");
    put(store, [leased, split("reviews", 100, 0, { header_match: { a: "1" } })]);
    put(
      store,
      [split("reviews", 100, 0)],
      [{ kind: "ServiceEndpoint", serviceName: "reviews", podIp: "10.0.0.1", port: 1 }],
    );
    await must("Mesh.Rollback", { to_revision: 1 });
    assert.deepEqual(store.catalog().splits.get("reviews")?.[0]?.headerMatch, { a: "1" });
    assert.equal(store.catalog().endpoints.size, 0);
  });

  it("takes the mesh back to nothing only with force", async (t) => {
    const { must, call, store } = await openAdminPort(t);
    put(store, [endpoint("reviews", 1)]);
    assert.equal(refusal(await call("Mesh.Rollback", { to_revision: 0 })).code, status.FAILED_PRECONDITION);
    await must("Mesh.Rollback", { to_revision: 0, options: { force: true } });
    assert.equal(store.catalog().endpoints.size, 0);
    assert.equal(refusal(await call("Mesh.Rollback", { to_revision: 99 })).code, status.NOT_FOUND);
  });
});

describe("the proxies", () => {
  it("are listed by name in pages, with their state per type", async (t) => {
    const routes = {
      type: "routes",
      state: "NACKED",
      sentVersion: "r2.b",
      acknowledgedVersion: "r1.a",
      sentWallMs: 1_700_000_000_000,
      answeredWallMs: undefined,
      nackReason: "no such cluster",
    } as const;
    const proxies = [
      proxyOf("b", "web", { types: [routes], adminAddress: "127.0.0.1:15000" }),
      proxyOf("a", "reviews"),
    ];
    const { must } = await openAdminPort(t, { fleet: { proxies: () => proxies } });
    const first = await must("Mesh.ListProxies", { page_size: 1 });
    assert.deepEqual(
      list(first, "proxies").map((proxy) => proxy["node_id"]),
      ["a"],
    );
    const [proxy] = list(await must("Mesh.ListProxies", { page_token: first["next_page_token"] }), "proxies");
    assert.deepEqual(
      [proxy?.["node_id"], proxy?.["kind"], proxy?.["admin_address"]],
      ["b", "heddle", "127.0.0.1:15000"],
    );
    const [type] = list(proxy ?? {}, "types");
    assert.deepEqual(
      [type?.["state"], type?.["nack_reason"], type?.["sent_version"]],
      ["NACKED", "no such cluster", "r2.b"],
    );
  });

  it("are waited for, the newest revision being the one that is meant by none", async (t) => {
    const asked: [number, number][] = [];
    const waiting = [{ nodeId: "b", service: "web", reason: "listeners r1 sent 12s ago, no ACK" }];
    const waitForRevision = (revision: number, timeoutMs: number) => {
      asked.push([revision, timeoutMs]);
      return Promise.resolve({ revision, acknowledged: 1, waiting });
    };
    const { must, call, store } = await openAdminPort(t, { fleet: { waitForRevision } });
    put(store, [policy("a")]);
    put(store, [policy("b")]);
    const result = await must("Mesh.WaitForRevision", { timeout: { seconds: 1, nanos: 500_000_000 } });
    assert.deepEqual([result["revision"], result["acknowledged"], list(result, "waiting").length], ["2", 1, 1]);
    await must("Mesh.WaitForRevision", { revision: 1, timeout: {} });
    assert.deepEqual(asked, [
      [2, 1_500],
      [1, 0],
    ]);
    assert.equal(refusal(await call("Mesh.WaitForRevision", { revision: 3 })).code, status.NOT_FOUND);
    assert.equal(
      refusal(await call("Mesh.WaitForRevision", { timeout: { seconds: -1 } })).code,
      status.INVALID_ARGUMENT,
    );
  });

  it("are waited for no longer than the caller waits, so that it learns who is late", async (t) => {
    let askedMs = 0;
    const waitForRevision = (revision: number, timeoutMs: number) => {
      askedMs = timeoutMs;
      return Promise.resolve({ revision, acknowledged: 0, waiting: [] });
    };
    const { call } = await openAdminPort(t, { fleet: { waitForRevision } });
    await call("Mesh.WaitForRevision", { timeout: { seconds: 60 } }, 5_000);
    assert.ok(askedMs > 0 && askedMs < 5_000, `asked for ${askedMs} ms`);
  });

  it("are no longer waited for when the caller has gone", async (t) => {
    const gone = Promise.withResolvers<string>();
    const waitForRevision = (revision: number, _timeoutMs: number, signal: AbortSignal) => {
      signal.addEventListener("abort", () => gone.resolve("gone"));
      return gone.promise.then(() => ({ revision, acknowledged: 0, waiting: [] }));
    };
    const { call } = await openAdminPort(t, { fleet: { waitForRevision } });
    const refused = refusal(await call("Mesh.WaitForRevision", { timeout: { seconds: 60 } }, 200));
    assert.equal(refused.code, status.DEADLINE_EXCEEDED);
    assert.equal(await gone.promise, "gone");
  });
});

describe("a backup over the port", () => {
  it("is a store that opens with the same content", async (t) => {
    const { stream, store } = await openAdminPort(t, { store: openStore(t, { file: storeFile(t) }) });
    put(store, [policy("a"), endpoint("a", 1)]);
    const chunks: Buffer[] = [];
    for await (const { data } of stream("Mesh.Backup", {}) as AsyncIterable<{ data: Buffer }>) chunks.push(data);
    assert.ok(chunks.length > 1);
    const file = storeFile(t);
    writeFileSync(file, Buffer.concat(chunks));
    const restored = openStore(t, { file });
    assert.equal(restored.meshId, store.meshId);
    assert.deepEqual(restored.catalog(), store.catalog());
  });
});

describe("a store that cannot write", () => {
  it("for want of room is RESOURCE_EXHAUSTED with its reason, and reads go on", async (t) => {
    const store = openStore(t, { file: storeFile(t), bytesMax: 200_000 });
    const { call, must } = await openAdminPort(t, { store });
    const body = "x".repeat(4_000);
    const rules = Array.from({ length: 200 }, (_, index) => ({
      route: { name: `r${index}`, destination_service: "a", direct_response: { status: 200, body } },
    }));
    const refused = refusal(await call("Mesh.ApplyBundle", { resources: rules }));
    assert.deepEqual(
      [refused.code, /nothing was stored: .* full/.test(refused.details)],
      [status.RESOURCE_EXHAUSTED, true],
    );
    assert.deepEqual(list(await must("Routes.List", {}), "items"), []);
    assert.equal((await must("ServicePolicies.Apply", { service_policy: { service_name: "a" } }))["revision"], "1");
  });
});
