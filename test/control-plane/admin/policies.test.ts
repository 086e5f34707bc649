import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { status } from "@grpc/grpc-js";

import { openAdminPort } from "../../support/admin-port.ts";
import { endpoint, policy } from "../../support/catalog-rows.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { openStore, put } from "../../support/stores.ts";

/** Every setting of a policy away from its default. */
const everything = {
  service_name: "reviews",
  retry_attempts: 4,
  timeout_ms: 2_000,
  per_try_timeout_ms: 400,
  connect_timeout_ms: 250,
  retry_on: ["reset", "retriable-status-codes"],
  retry_statuses: [429, 503],
  retry_non_idempotent: true,
  retry_backoff_base_ms: 10,
  retry_backoff_max_ms: 100,
  retry_after_max_ms: 0,
  hedge_on_per_try_timeout: true,
  retry_budget_percent: 10,
  retry_budget_min_per_sec: 0,
  retry_budget_window_sec: 60,
  cb_threshold: 25,
  cb_window_sec: 60,
  cb_min_requests: 20,
  cb_consecutive_failures: 0,
  cb_recovery_sec: 5,
  cb_successes: 1,
  max_connections: 100,
  max_pending_requests: 50,
  max_requests: 200,
  max_retries: 0,
  adaptive_concurrency: true,
  outlier_consecutive_5xx: 0,
  outlier_consecutive_gateway: 3,
  outlier_interval_ms: 1_000,
  outlier_base_ejection_ms: 5_000,
  outlier_max_ejection_ms: 60_000,
  outlier_max_ejection_percent: 10,
  outlier_success_rate_stdev: 1_900,
  outlier_failure_percentage: 85,
  outlier_min_hosts: 2,
  outlier_min_requests: 20,
  health_check: "both",
  health_check_path: "/ready",
  health_check_interval_ms: 2_000,
  health_check_timeout_ms: 500,
  health_check_unhealthy: 2,
  health_check_healthy: 1,
  lb_policy: "ring_hash",
  hash_on: "header:x-user",
  panic_threshold: 0,
  slow_start_sec: 30,
  rate_limit_requests: 100,
  rate_limit_unit: "minute",
  rate_limit_burst: 20,
  rate_limit_by: "header:x-tenant",
  rate_limit_scope: "global",
  rate_limit_fail_open: false,
  fault_delay_percent: 5,
  fault_delay_ms: 300,
  fault_abort_percent: 1,
  fault_abort_status: 503,
  fault_source: "web",
  fault_header_match: { "x-chaos": "1" },
  fault_duration_sec: 60,
  mirror_to: "shadow/v2",
  mirror_percent: 10,
  fallback: "service",
  fallback_body: "{}",
  fallback_max_age_sec: 60,
  fallback_service: "backup",
};

function withoutServerColumns({
  updated_at: _at,
  fault_until: _until,
  ...columns
}: Readonly<Record<string, unknown>>): object {
  return columns;
}

describe("a policy with every setting", () => {
  it("is read back as it was written, over the wire, and every one goes back to its default by a PUT without it", async (t) => {
    const { must, store } = await openAdminPort(t);
    put(store, [policy("shadow"), policy("backup")]);
    const { service_name: _name, ...defaults } = withoutServerColumns(
      await must("ServicePolicies.Get", { service_name: "backup" }),
    ) as typeof everything;
    await must("ServicePolicies.Apply", { service_policy: everything });
    const got = await must("ServicePolicies.Get", { service_name: "reviews" });
    assert.deepEqual(withoutServerColumns(got), everything);
    for (const [column, value] of Object.entries(defaults)) assert.notDeepEqual(got[column], value, column);
    await must("ServicePolicies.Apply", { service_policy: { service_name: "reviews" } });
    const reset = await must("ServicePolicies.Get", { service_name: "reviews" });
    assert.deepEqual(withoutServerColumns(reset), { service_name: "reviews", ...defaults });
  });

  it("is brought back by a rollback, and a dry run stores nothing", async (t) => {
    const { must, store } = await openAdminPort(t);
    put(store, [policy("shadow"), policy("backup"), policy("reviews")]);
    const dry = await must("ServicePolicies.Apply", { service_policy: everything, options: { dry_run: true } });
    assert.deepEqual([dry["dry_run"], store.catalog().revision], [true, 1]);
    await must("ServicePolicies.Apply", { service_policy: everything });
    await must("Mesh.Rollback", { to_revision: 1 });
    assert.equal(store.catalog().policies.get("reviews")?.retryAttempts, 3);
    await must("Mesh.Rollback", { to_revision: 2 });
    const back = await must("ServicePolicies.Get", { service_name: "reviews" });
    assert.deepEqual(withoutServerColumns(back), everything);
  });

  it("is refused when those that it sends requests to do not exist, both at once", async (t) => {
    const { call, store } = await openAdminPort(t);
    const answer = await call("ServicePolicies.Apply", { service_policy: everything });
    assert.ok(!answer.ok);
    assert.equal(answer.code, status.INVALID_ARGUMENT);
    assert.deepEqual(
      answer.violations.map(({ path }) => path),
      ["mirror_to", "fallback_service"],
    );
    assert.match(answer.details, /mirror_to names the service "shadow", which has no endpoints and no policy/);
    assert.equal(store.catalog().revision, 0);
  });
});

describe("the fault of a policy", () => {
  it("ends by the wall clock of the commit, whatever end the request names", async (t) => {
    const clock = new ManualClock();
    const { must } = await openAdminPort(t, { store: openStore(t, { clock }) });
    const fault = {
      service_name: "a",
      fault_abort_percent: 100,
      fault_abort_status: 503,
      fault_until: { seconds: 1, nanos: 0 },
    };
    await must("ServicePolicies.Apply", { service_policy: fault });
    const until = async (): Promise<unknown> =>
      (await must("ServicePolicies.Get", { service_name: "a" }))["fault_until"];
    const seconds = (): string => String(Math.floor(clock.wallMs() / 1_000) + 600);
    assert.equal(((await until()) as { seconds: string }).seconds, seconds());
    clock.now += 100_000;
    const renewed = await must("ServicePolicies.Apply", { service_policy: fault });
    assert.equal(renewed["revision"], "2");
    assert.equal(((await until()) as { seconds: string }).seconds, seconds());
    await must("ServicePolicies.Apply", { service_policy: { service_name: "a" } });
    assert.equal((await until()) ?? null, null);
  });

  it("without an end is told as a warning", async (t) => {
    const { must } = await openAdminPort(t);
    const result = await must("ServicePolicies.Apply", {
      service_policy: { service_name: "a", fault_delay_percent: 1, fault_delay_ms: 1, fault_duration_sec: 0 },
    });
    assert.match(String(result["warnings"]), /^ServicePolicy a: its fault has no end/);
  });
});

describe("the reported health of an endpoint", () => {
  it("stays when an operator changes the row, and nobody can write it", async (t) => {
    const { must, store } = await openAdminPort(t);
    put(store, [{ ...endpoint("reviews", 9_080), registeredBy: "reviews-1", health: "failing" }]);
    await must("ServiceEndpoints.Apply", {
      service_endpoint: { service_name: "reviews", pod_ip: "10.0.0.1", port: 9_080, weight: 7, health: "passing" },
    });
    const [row] = store.catalog().endpoints.get("reviews") ?? [];
    assert.deepEqual([row?.weight, row?.health], [7, "failing"]);
  });
});
