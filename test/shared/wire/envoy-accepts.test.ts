import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";

import type { Cluster, LbPolicy } from "../../../shared/model/cluster.ts";
import { NO_POLICIES, type ClusterPolicies } from "../../../shared/model/cluster-policy.ts";
import type { RateLimitKey } from "../../../shared/model/rate-limit.ts";
import type { Listener } from "../../../shared/model/listener.ts";
import type {
  FaultPolicy,
  ForwardAction,
  HashPolicy,
  Route,
  RouteAction,
  RouteMatch,
  ValueMatch,
} from "../../../shared/model/route.ts";
import { encodeCluster } from "../../../shared/wire/cluster-wire.ts";
import { encodeListener } from "../../../shared/wire/listener-wire.ts";
import { staticBootstrap } from "../../support/envoy-bootstrap.ts";
import { findEnvoy } from "../../support/envoy.ts";

// Envoy's own validation (types, ranges, extensions it knows) judges what our encoders write: it starts with
// `--mode validate`, opens no socket and ends.
const found = findEnvoy();
const skip = "skip" in found ? found.skip : false;

const match: RouteMatch = { path: { kind: "prefix", value: "/" }, caseSensitive: true, headers: [], query: [] };
const forward: ForwardAction = {
  kind: "forward",
  clusters: [{ cluster: "web", weight: 1 }],
  timeoutMs: 5_000,
  retry: undefined,
  hashOn: [],
  prefixRewrite: undefined,
  regexRewrite: undefined,
  hostRewrite: undefined,
  mirrors: [],
};
const mirrors = [
  { cluster: "web", percent: 100 },
  { cluster: "not-there-yet", percent: 0.5 },
];
const fault: FaultPolicy = {
  delay: { percent: 12.5, ms: 100 },
  abort: { percent: 0.001, status: 503 },
  headers: [{ name: "x-user", value: { kind: "present", present: true }, invert: false, treatMissingAsEmpty: false }],
  untilWallMs: 1_800_000_000_000,
};
const limit = { name: "web", requests: 5, perMs: 1_000, burst: 10, scope: "local", failOpen: true } as const;
const keys: readonly RateLimitKey[] = [{ kind: "client" }, { kind: "total" }, { kind: "header", name: "x-user" }];
const cluster: Cluster = {
  name: "web",
  discovery: { kind: "eds", assignmentName: "web" },
  connectTimeoutMs: 1_000,
  lb: { kind: "round-robin" },
  panicThresholdPercent: 50,
  policies: NO_POLICIES,
  service: "web",
  version: "",
};

const values: readonly ValueMatch[] = [
  { kind: "exact", value: "a", ignoreCase: true },
  { kind: "prefix", value: "a", ignoreCase: false },
  { kind: "suffix", value: "a", ignoreCase: false },
  { kind: "contains", value: "a", ignoreCase: false },
  { kind: "regex", value: "a|b" },
  { kind: "present", present: true },
];
const hashOn: readonly HashPolicy[] = [
  { kind: "header", name: "x-user", terminal: true },
  { kind: "cookie", name: "sid", terminal: false },
  { kind: "query", name: "q", terminal: false },
  { kind: "source-ip", terminal: false },
];
const retry = {
  retryOn: ["connect-failure", "reset", "retriable-status-codes"],
  retries: 2,
  perTryTimeoutMs: 500,
  retriableStatuses: [502, 503, 504],
  backoffBaseMs: 25,
  backoffMaxMs: 250,
  avoidPrevious: true,
  retryNonIdempotent: false,
  retryAfterMaxMs: 1_000,
  hedgeOnTryTimeout: true,
};

const matches: readonly RouteMatch[] = [
  match,
  { ...match, path: { kind: "prefix", value: "" } },
  { ...match, path: { kind: "exact", value: "/x" }, caseSensitive: false },
  { ...match, path: { kind: "segment-prefix", value: "/api" } },
  { ...match, path: { kind: "regex", value: "/v[0-9]+" } },
  ...values.map((value) => ({
    ...match,
    headers: [{ name: ":method", value, invert: true, treatMissingAsEmpty: true }],
    query: [{ name: "q", value }],
  })),
  {
    ...match,
    headers: [{ name: "x-n", value: { kind: "range", start: -5, end: 10 }, invert: false, treatMissingAsEmpty: false }],
  },
];
const actions: readonly RouteAction[] = [
  { ...forward, retry, hashOn, mirrors, prefixRewrite: "/y", hostRewrite: "other" },
  { ...forward, timeoutMs: 0, regexRewrite: { pattern: "a", substitution: "b" } },
  {
    ...forward,
    timeoutMs: undefined,
    clusters: [
      { cluster: "web", weight: 90 },
      { cluster: "not-there-yet", weight: 10 },
    ],
  },
  {
    kind: "redirect",
    status: 308,
    scheme: "https",
    host: "h",
    port: 8_443,
    path: { kind: "full", value: "/z" },
    stripQuery: true,
  },
  {
    kind: "redirect",
    status: 302,
    scheme: undefined,
    host: undefined,
    port: undefined,
    path: { kind: "prefix", value: "/p" },
    stripQuery: false,
  },
  { kind: "respond", status: 418, body: "tea" },
  { kind: "respond", status: 204, body: "" },
];
const noPolicies = { fault: undefined, rateLimit: undefined };
const routes: readonly Route[] = [
  ...matches.map((each, index) => ({ name: `match-${index}`, match: each, action: forward, ...noPolicies })),
  ...actions.map((action, index) => ({ name: `action-${index}`, match, action, ...noPolicies })),
  ...keys.map((by) => ({ name: `limit-${by.kind}`, match, action: forward, fault, rateLimit: { ...limit, by } })),
];
const lbPolicies: readonly LbPolicy[] = [
  { kind: "round-robin" },
  { kind: "random" },
  { kind: "least-request", choices: 2 },
  { kind: "ring-hash", ringSizeMin: 1_024, ringSizeMax: 65_536 },
  { kind: "maglev", tableSize: 65_537 },
  { kind: "peak-ewma", decayMs: 10_000, defaultRttMs: 30 },
];
const policies: ClusterPolicies = {
  breaker: {
    thresholdPercent: 50,
    windowMs: 30_000,
    samplesMin: 10,
    consecutiveFailures: 5,
    recoveryMs: 30_000,
    recoveryMaxMs: 300_000,
    successes: 2,
  },
  retryBudget: { ratio: 0.2, minPerSec: 0, windowMs: 10_000 },
  limits: { connections: 10, pending: 20, requests: 30, retries: undefined },
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
    intervalMs: 10_000,
    timeoutMs: 3_000,
    unhealthyThreshold: 3,
    healthyThreshold: 2,
  },
  slowStart: { windowMs: 30_000, minWeightPercent: 10 },
  fallback: { kind: "static", body: "{}" },
};

describe("a real Envoy accepts", { skip }, () => {
  it("every kind of match, action, policy and cluster that we write", () => {
    const endpoint = { weight: 1, version: "v1", health: "healthy" } as const;
    const inline: Listener = {
      name: "inline",
      direction: "outbound",
      bind: { host: "127.0.0.1", port: 15_001 },
      statPrefix: "outbound",
      routes: {
        kind: "inline",
        config: {
          name: "inline",
          ignorePortInHost: true,
          virtualHosts: [{ name: "web", domains: ["web", "*.web", "*"], routes }],
        },
      },
    };
    const rds: Listener = {
      name: "rds",
      direction: "inbound",
      bind: { host: "::1", port: 15_006 },
      statPrefix: "inbound",
      routes: { kind: "rds", routeConfigName: "table" },
    };
    const clusters = [
      ...lbPolicies.flatMap((lb, index) => [
        encodeCluster({ ...cluster, lb, name: `lb-${index}` }),
        encodeCluster({ ...cluster, lb, policies, name: `protected-${index}` }, "envoy"),
      ]),
      encodeCluster({ ...cluster, panicThresholdPercent: 0 }, "envoy"),
      encodeCluster({
        ...cluster,
        name: "fixed",
        discovery: {
          kind: "static",
          endpoints: [
            { ...endpoint, address: { host: "10.0.0.1", port: 80 }, priority: 0 },
            { ...endpoint, address: { host: "::1", port: 80 }, priority: 1, health: "draining" },
          ],
        },
      }),
      encodeCluster({
        ...cluster,
        name: "xds",
        discovery: {
          kind: "dns",
          endpoints: [{ ...endpoint, address: { host: "localhost", port: 15_010 }, priority: 0 }],
        },
      }),
    ];
    for (const kind of ["heddle", "envoy"] as const) {
      const listeners = [inline, rds].map((listener) => encodeListener(listener, kind));
      const { status, output } = validate(staticBootstrap({ listeners, clusters, ads: true }));
      assert.equal(status, 0, output);
    }
  });

  it("nothing that we did not mean: a mistake is found", () => {
    const { status, output } = validate(
      staticBootstrap({ listeners: [], clusters: [encodeCluster({ ...cluster, connectTimeoutMs: 0 })], ads: false }),
    );
    assert.notEqual(status, 0);
    assert.match(output, /ConnectTimeout/);
  });
});

function validate(config: Uint8Array): { readonly status: number | null; readonly output: string } {
  assert.ok("path" in found);
  const folder = mkdtempSync(join(tmpdir(), "heddle-envoy-"));
  try {
    const file = join(folder, "bootstrap.pb");
    writeFileSync(file, config);
    const run = spawnSync(found.path, ["-c", file, "--mode", "validate", "-l", "warn"], { timeout: 60_000 });
    return { status: run.status, output: run.stderr.toString() + run.stdout.toString() };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
