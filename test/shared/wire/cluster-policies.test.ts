import assert from "node:assert/strict";
import { describe, it } from "node:test";

import fc from "fast-check";

import { Cluster as ClusterMessage } from "../../../shared/generated/envoy/config/cluster/v3/cluster.ts";
import type { Cluster } from "../../../shared/model/cluster.ts";
import { NO_POLICIES } from "../../../shared/model/cluster-policy.ts";
import { decodeCluster, encodeCluster } from "../../../shared/wire/cluster-wire.ts";
import { cluster } from "../../support/model-arbitraries.ts";
import { protoTree } from "../../support/proto-tree.ts";

/** What is left of a cluster when only Envoy's own messages speak. */
function asEnvoySays(value: Cluster, checks: boolean): Cluster {
  const { limits, outlier, slowStart, retryBudget, healthCheck } = value.policies;
  return {
    ...value,
    lb: value.lb.kind === "peak-ewma" ? { kind: "least-request", choices: 2 } : value.lb,
    service: value.name,
    version: "",
    policies: {
      ...NO_POLICIES,
      limits,
      outlier,
      slowStart,
      retryBudget:
        retryBudget === undefined || limits.retries !== undefined
          ? undefined
          : { ...retryBudget, minPerSec: Math.max(1, retryBudget.minPerSec) },
      healthCheck:
        !checks || healthCheck === undefined || healthCheck.by === "proxy"
          ? undefined
          : { ...healthCheck, by: "callers" },
    },
  };
}

const plain = cluster.map((value) => structuredClone(value));

describe("the policies of a cluster", () => {
  it("reach an Envoy as far as Envoy has words for them", () => {
    fc.assert(
      fc.property(plain, (value) =>
        assert.deepEqual(decodeCluster(encodeCluster(value, "envoy")), { ok: true, value: asEnvoySays(value, true) }),
      ),
    );
  });

  it("reach a gRPC client without health checks, which it does not make", () => {
    fc.assert(
      fc.property(plain, (value) =>
        assert.deepEqual(decodeCluster(encodeCluster(value, "grpc")), { ok: true, value: asEnvoySays(value, false) }),
      ),
    );
  });

  it("that are off are said to be off, because Envoy would take its own defaults", () => {
    const [value] = fc.sample(plain, { numRuns: 1, seed: 1 });
    assert.ok(value !== undefined);
    const message = ClusterMessage.decode(encodeCluster({ ...value, policies: NO_POLICIES }, "envoy"));
    const thresholds = message.circuitBreakers?.thresholds[0];
    assert.equal(thresholds?.maxRequests, 0xffff_ffff);
    assert.equal(thresholds?.maxRetries, 0xffff_ffff);
    assert.equal(thresholds?.retryBudget, undefined);
    const outlier = ClusterMessage.decode(
      encodeCluster({ ...value, policies: { ...NO_POLICIES, outlier: allOff } }, "envoy"),
    ).outlierDetection;
    const chances = Object.entries(outlier ?? {}).filter(([field]) => field.startsWith("enforcing"));
    assert.deepEqual(
      chances.map(([, chance]) => chance),
      Array.from({ length: 7 }, () => 0),
    );
  });
});

const allOff = {
  consecutive5xx: 0,
  consecutiveGateway: 0,
  intervalMs: 10_000,
  baseEjectionMs: 30_000,
  maxEjectionMs: 300_000,
  maxEjectionPercent: 50,
  successRateStdevFactor: 0,
  failurePercentage: 0,
  hostsMin: 5,
  volumeMin: 100,
};

describe("a cluster of a foreign control plane", () => {
  it("without protections has none", () => assert.deepEqual(policies({}), NO_POLICIES));

  it("with outlier detection ejects as Envoy does by default", () => {
    assert.deepEqual(policies({ outlier_detection: {} }).outlier, {
      consecutive5xx: 5,
      consecutiveGateway: 0,
      intervalMs: 10_000,
      baseEjectionMs: 30_000,
      maxEjectionMs: 300_000,
      maxEjectionPercent: 10,
      successRateStdevFactor: 1_900,
      failurePercentage: 0,
      hostsMin: 5,
      volumeMin: 100,
    });
  });

  it("with the share of failures alone takes its minimums, with both the larger ones", () => {
    const share = { enforcing_failure_percentage: { value: 100 }, failure_percentage_minimum_hosts: { value: 9 } };
    const alone = policies({ outlier_detection: { ...share, enforcing_success_rate: { value: 0 } } }).outlier;
    assert.deepEqual([alone?.failurePercentage, alone?.hostsMin, alone?.volumeMin], [85, 9, 50]);
    const both = policies({ outlier_detection: { ...share, success_rate_request_volume: { value: 7 } } }).outlier;
    assert.deepEqual([both?.failurePercentage, both?.hostsMin, both?.volumeMin], [85, 9, 50]);
  });

  it("that holds endpoints out for longer than five minutes may do so", () => {
    const { outlier } = policies({ outlier_detection: { base_ejection_time: { seconds: 600 } } });
    assert.equal(outlier?.maxEjectionMs, 600_000);
  });

  it("with a threshold has Envoy's defaults for the others, of the default priority", () => {
    const thresholds = [{ priority: "HIGH", max_requests: { value: 1 } }, { max_requests: { value: 9 } }];
    assert.deepEqual(policies({ circuit_breakers: { thresholds } }), {
      ...NO_POLICIES,
      limits: { connections: 1_024, pending: 1_024, requests: 9, retries: 3 },
    });
  });

  it("with a retry budget is bound by it and not by max_retries", () => {
    const retryBudget = { budget_percent: { value: 28 }, min_retry_concurrency: { value: 7 } };
    const { limits, retryBudget: budget } = policies({
      circuit_breakers: { thresholds: [{ retry_budget: retryBudget, max_retries: { value: 1 } }] },
    });
    assert.equal(limits.retries, undefined);
    assert.deepEqual(budget, { ratio: 0.28, minPerSec: 7, windowMs: 10_000 });
  });

  it("with a health check has its callers ask", () => {
    const check = {
      timeout: { seconds: 1 },
      interval: { seconds: 5 },
      unhealthy_threshold: { value: 3 },
      healthy_threshold: { value: 2 },
      http_health_check: { path: "/healthz" },
    };
    assert.deepEqual(policies({ health_checks: [check] }).healthCheck, {
      by: "callers",
      path: "/healthz",
      intervalMs: 5_000,
      timeoutMs: 1_000,
      unhealthyThreshold: 3,
      healthyThreshold: 2,
    });
  });

  it("with slow start has it in either form of the balancer", () => {
    const slowStart = { slow_start_window: { seconds: 60 } };
    const older = policies({ round_robin_lb_config: { slow_start_config: slowStart } });
    assert.deepEqual(older.slowStart, { windowMs: 60_000, minWeightPercent: 10 });
    const type = "envoy.extensions.load_balancing_policies.least_request.v3.LeastRequest";
    const value = encode(type, { slow_start_config: { ...slowStart, min_weight_percent: { value: 25 } } });
    const config = { name: "x", typed_config: { type_url: `type.googleapis.com/${type}`, value } };
    const newer = policies({ load_balancing_policy: { policies: [{ typed_extension_config: config }] } });
    assert.deepEqual(newer.slowStart, { windowMs: 60_000, minWeightPercent: 25 });
  });
});

function policies(change: object): Cluster["policies"] {
  const eds = { eds_config: { ads: {}, resource_api_version: "V3" } };
  const message = { name: "web", type: "EDS", eds_cluster_config: eds, ...change };
  const decoded = decodeCluster(encode(ClusterMessage.$type, message));
  assert.ok(decoded.ok, JSON.stringify(decoded));
  return decoded.value.policies;
}

function encode(type: string, message: object): Uint8Array {
  const codec = protoTree.lookupType(type);
  return codec.encode(codec.fromObject(message)).finish();
}
