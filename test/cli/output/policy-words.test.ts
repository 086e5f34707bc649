import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { clusterPolicyWords, routePolicyWords } from "../../../cli/output/policy-words.ts";
import { NO_POLICIES } from "../../../shared/model/cluster-policy.ts";
import type { Route } from "../../../shared/model/route.ts";

const plain: Route = {
  name: "service/web",
  match: { path: { kind: "prefix", value: "/" }, caseSensitive: true, headers: [], query: [] },
  action: {
    kind: "forward",
    clusters: [{ cluster: "web", weight: 1 }],
    timeoutMs: 5_000,
    retry: undefined,
    hashOn: [],
    prefixRewrite: undefined,
    regexRewrite: undefined,
    hostRewrite: undefined,
    mirrors: [],
  },
  fault: undefined,
  rateLimit: undefined,
};

describe("the words of policies", () => {
  it("are none where nothing is on", () => {
    assert.deepEqual(clusterPolicyWords(NO_POLICIES), []);
    assert.deepEqual(routePolicyWords(plain), []);
  });

  it("say what protects a cluster", () => {
    const words = clusterPolicyWords({
      breaker: {
        thresholdPercent: 50,
        windowMs: 30_000,
        samplesMin: 10,
        consecutiveFailures: 5,
        recoveryMs: 30_000,
        recoveryMaxMs: 300_000,
        successes: 2,
      },
      retryBudget: { ratio: 0.28, minPerSec: 3, windowMs: 10_000 },
      limits: { connections: undefined, pending: 20, requests: 30, retries: 0 },
      adaptive: { concurrencyMin: 3, concurrencyMax: 1_000 },
      outlier: {
        consecutive5xx: 5,
        consecutiveGateway: 0,
        intervalMs: 10_000,
        baseEjectionMs: 30_000,
        maxEjectionMs: 300_000,
        maxEjectionPercent: 50,
        successRateStdevFactor: 1_900,
        failurePercentage: 85,
        hostsMin: 5,
        volumeMin: 100,
      },
      healthCheck: {
        by: "both",
        path: "/health",
        intervalMs: 500,
        timeoutMs: 100,
        unhealthyThreshold: 3,
        healthyThreshold: 2,
      },
      slowStart: { windowMs: 30_000, minWeightPercent: 10 },
      fallback: { kind: "cached-response", maxAgeMs: 300_000, body: "{}" },
    });
    assert.deepEqual(
      words.map(({ policy, setting }) => `${policy}: ${setting}`),
      [
        "breaker: opens above 50% of 10 or more in 30s or 5 in a row, for 30s to 300s, closes after 2",
        "retry-budget: 28% of the requests in 10s, at least 3/s",
        "limits: pending 20, requests 30, retries 0",
        "adaptive: 3-1000 requests at once",
        "outlier: 5 5xx in a row or 1.9 deviations below the others or 85% failed, out for 30s to 300s, " +
          "at most 50% of the endpoints",
        "health-check: GET /health every 500ms by both, out after 3, back after 2",
        "slow-start: from 10% in 30s",
        "fallback: the last good answer, up to 300s old, or a fixed one",
      ],
    );
  });

  it("say what a route does to its requests", () => {
    assert.ok(plain.action.kind === "forward");
    const words = routePolicyWords({
      ...plain,
      action: {
        ...plain.action,
        mirrors: [{ cluster: "shadow", percent: 0.5 }],
        retry: {
          retryOn: ["5xx", "reset"],
          retries: 2,
          perTryTimeoutMs: 1_500,
          retriableStatuses: [],
          backoffBaseMs: 25,
          backoffMaxMs: 250,
          avoidPrevious: true,
          retryNonIdempotent: true,
          retryAfterMaxMs: 1_000,
          hedgeOnTryTimeout: true,
        },
      },
      fault: {
        delay: { percent: 10, ms: 250 },
        abort: { percent: 5, status: 503 },
        headers: [
          { name: "x-user", value: { kind: "present", present: true }, invert: false, treatMissingAsEmpty: false },
        ],
        untilWallMs: 1_800_000_000_000,
      },
      rateLimit: {
        name: "web",
        requests: 5,
        perMs: 60_000,
        burst: 10,
        by: { kind: "header", name: "x-user" },
        scope: "global",
        failOpen: true,
      },
    });
    assert.deepEqual(
      words.map(({ policy, setting }) => `${policy}: ${setting}`),
      [
        "retry: 2 on 5xx reset, 1.5s a try, hedged, Retry-After up to 1s, also what is not idempotent",
        "mirror: 0.5% to shadow",
        "fault: 10% delayed by 250ms, 5% answered 503, when x-user, until 2027-01-15T08:00:00.000Z",
        "rate-limit: 5 in 60s, 10 at once, by header x-user, global",
      ],
    );
  });
});
