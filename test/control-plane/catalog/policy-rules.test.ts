import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { rowFromDocument } from "../../../control-plane/catalog/document.ts";
import { describeRange, type Field } from "../../../control-plane/catalog/field.ts";
import { servicePolicyFields, servicePolicyGroups } from "../../../control-plane/catalog/service-policy-fields.ts";
import { columnOf } from "../../../control-plane/catalog/field.ts";
import { policy } from "../../support/catalog-rows.ts";

function refusals(columns: Readonly<Record<string, unknown>>): readonly string[] {
  const read = rowFromDocument({ kind: "ServicePolicy", service_name: "a", ...columns });
  return read.ok ? [] : read.error.map(({ message }) => message);
}

describe("the columns of a ServicePolicy", () => {
  it("have the defaults that were agreed on", () => {
    const { kind, serviceName, updatedAt, ...columns } = policy("a");
    assert.deepEqual([kind, serviceName, updatedAt], ["ServicePolicy", "a", ""]);
    assert.deepEqual(columns, {
      retryAttempts: 3,
      timeoutMs: 5_000,
      perTryTimeoutMs: null,
      connectTimeoutMs: 1_000,
      retryOn: ["connect-failure", "reset-before-request", "gateway-error", "retriable-4xx", "retriable-status-codes"],
      retryStatuses: [502, 503, 504],
      retryNonIdempotent: false,
      retryBackoffBaseMs: 25,
      retryBackoffMaxMs: 250,
      retryAfterMaxMs: 1_000,
      hedgeOnPerTryTimeout: false,
      retryBudgetPercent: 20,
      retryBudgetMinPerSec: 3,
      retryBudgetWindowSec: 10,
      cbThreshold: 50,
      cbWindowSec: 30,
      cbMinRequests: 10,
      cbConsecutiveFailures: 5,
      cbRecoverySec: 30,
      cbSuccesses: 2,
      maxConnections: null,
      maxPendingRequests: null,
      maxRequests: null,
      maxRetries: null,
      adaptiveConcurrency: false,
      outlierConsecutive5xx: 5,
      outlierConsecutiveGateway: 0,
      outlierIntervalMs: 10_000,
      outlierBaseEjectionMs: 30_000,
      outlierMaxEjectionMs: 300_000,
      outlierMaxEjectionPercent: 50,
      outlierSuccessRateStdev: 0,
      outlierFailurePercentage: 0,
      outlierMinHosts: 5,
      outlierMinRequests: 100,
      healthCheck: "none",
      healthCheckPath: "/health",
      healthCheckIntervalMs: 10_000,
      healthCheckTimeoutMs: 3_000,
      healthCheckUnhealthy: 3,
      healthCheckHealthy: 2,
      lbPolicy: "round_robin",
      hashOn: null,
      panicThreshold: 50,
      slowStartSec: 0,
      rateLimitRequests: null,
      rateLimitUnit: "second",
      rateLimitBurst: null,
      rateLimitBy: "client",
      rateLimitScope: "local",
      rateLimitFailOpen: true,
      faultDelayPercent: 0,
      faultDelayMs: null,
      faultAbortPercent: 0,
      faultAbortStatus: null,
      faultSource: null,
      faultHeaderMatch: null,
      faultDurationSec: 600,
      faultUntil: null,
      mirrorTo: null,
      mirrorPercent: 100,
      fallback: "none",
      fallbackBody: '{"status": "fallback", "message": "Service temporarily unavailable"}',
      fallbackMaxAgeSec: 300,
      fallbackService: null,
    });
  });

  it("are each refused by name, with the range and the value, all at once", () => {
    const settings = Object.entries(servicePolicyFields).filter(([, { role }]: [string, Field]) => role === "setting");
    const wrong = Object.fromEntries(settings.map(([property]) => [columnOf(property), ["%"]]));
    const expected = settings.map(([property, field]: [string, Field]) => {
      const column = columnOf(property);
      return `ServicePolicy a: ${column} must be ${describeRange(field)} (got ["%"])`;
    });
    assert.deepEqual(refusals(wrong), expected);
    assert.ok(expected.length > 60);
  });

  it("are each refused beyond their bounds", () => {
    for (const [property, { shape, unit }] of Object.entries<Field>({ ...servicePolicyFields })) {
      if (shape.type !== "integer") continue;
      for (const value of [shape.min - 1, shape.max + 1]) {
        const column = columnOf(property);
        assert.deepEqual(refusals({ [column]: value }), [
          `ServicePolicy a: ${column} must be ${shape.min}-${shape.max}${unit} (got ${value})`,
        ]);
      }
    }
  });

  it("stand under one heading each", () => {
    const grouped = Object.values(servicePolicyGroups).flatMap((group) => Object.keys(group));
    const all = Object.keys(servicePolicyFields).filter((name) => name !== "serviceName" && name !== "updatedAt");
    assert.deepEqual(grouped.toSorted(), all.toSorted());
  });
});

describe("lists and words of a ServicePolicy", () => {
  it("have one order and no doubles, so that equal ones are equal rows", () => {
    const row = policy("a", { retry_on: ["5xx", "reset", "5xx"], retry_statuses: [503, 429, 503] });
    assert.deepEqual(
      [row.retryOn, row.retryStatuses],
      [
        ["reset", "5xx"],
        [429, 503],
      ],
    );
  });

  it("are refused empty, unknown, or too long", () => {
    const columns = [
      { retry_on: [] },
      { retry_on: ["sometimes"] },
      { retry_on: "reset" },
      { retry_statuses: [] },
      { retry_statuses: [399] },
      { retry_statuses: ["503"] },
      { retry_statuses: Array.from({ length: 17 }, (_, index) => 400 + index) },
      { rate_limit_by: "user" },
      { rate_limit_by: "header:" },
      { rate_limit_by: "cookie:a" },
      { mirror_to: "a b" },
      { mirror_to: "b/" },
      { mirror_to: "/v2" },
      { mirror_to: `b/${"v".repeat(33)}` },
      { health_check_path: "health" },
      { fault_header_match: { "a b": "1" } },
    ];
    for (const wrong of columns) {
      const [column] = Object.keys(wrong);
      const found = refusals(wrong);
      assert.equal(found.length, 1, JSON.stringify(wrong));
      assert.match(found[0] ?? "", new RegExp(`^ServicePolicy a: ${column}`));
    }
  });

  it("name headers without case, and clusters with any version", () => {
    const row = policy("a", { rate_limit_by: "header:X-User", mirror_to: "b.c/2026/11" });
    assert.deepEqual([row.rateLimitBy, row.mirrorTo], ["header:x-user", "b.c/2026/11"]);
  });
});

describe("the rules between columns", () => {
  const cases: readonly (readonly [Readonly<Record<string, unknown>>, string])[] = [
    [{ timeout_ms: 100, per_try_timeout_ms: 100 }, "per_try_timeout_ms must be below timeout_ms, 100 ms (got 100 ms)"],
    [{ retry_backoff_base_ms: 300 }, "retry_backoff_base_ms must be at most retry_backoff_max_ms, 250 ms (got 300 ms)"],
    [
      { hedge_on_per_try_timeout: true },
      "hedge_on_per_try_timeout needs per_try_timeout_ms, after which the next try starts",
    ],
    [
      { outlier_max_ejection_ms: 29_999 },
      "outlier_max_ejection_ms must be at least outlier_base_ejection_ms, 30000 ms (got 29999 ms)",
    ],
    [
      { health_check_timeout_ms: 10_000 },
      "health_check_timeout_ms must be below health_check_interval_ms, 10000 ms (got 10000 ms)",
    ],
    [{ hash_on: "source" }, "hash_on needs lb_policy ring_hash or maglev (got round_robin)"],
    [{ rate_limit_burst: 5 }, "rate_limit_burst needs rate_limit_requests, without which there is no limit"],
    [{ fault_delay_percent: 5 }, "fault_delay_percent needs fault_delay_ms beside it (got 5% of nothing)"],
    [{ fault_abort_percent: 5 }, "fault_abort_percent needs fault_abort_status beside it (got 5% of nothing)"],
    [{ fallback: "service" }, "fallback_service is missing: fallback service needs the name of one"],
    [{ fallback_service: "b" }, "fallback_service needs fallback service (got fallback none)"],
    [
      { fallback: "service", fallback_service: "a" },
      "fallback_service must be another service (got a, whose fallback it is)",
    ],
    [{ fallback_body: "ä".repeat(2_049) }, "fallback_body must be at most 4096 bytes (got 4098)"],
    [{ mirror_to: "a" }, "mirror_to must be another service, or one version such as a/v2 (got a)"],
  ];
  for (const [columns, text] of cases) {
    it(`refuse ${JSON.stringify(columns).slice(0, 60)}`, () => {
      assert.deepEqual(refusals(columns), [`ServicePolicy a: ${text}`]);
    });
  }

  it("let a fault be switched off by its share alone", () => {
    const off = { fault_delay_ms: 7, fault_abort_percent: 0, fault_abort_status: 503 };
    assert.deepEqual(refusals(off), []);
  });

  it("tell all that is wrong at once", () => {
    const wrong = {
      hedge_on_per_try_timeout: true,
      health_check_timeout_ms: 10_000,
      rate_limit_burst: 5,
      fault_delay_percent: 5,
      fault_abort_percent: 5,
      fallback_service: "b",
      mirror_to: "a",
    };
    assert.equal(refusals(wrong).length, Object.keys(wrong).length);
  });

  it("allow a mirror to a version of the service itself", () => {
    assert.equal(policy("a", { mirror_to: "a/v2" }).mirrorTo, "a/v2");
  });
});
