import fc, { type Arbitrary } from "fast-check";

import type { Cluster, Endpoint, LbPolicy, LoadAssignment } from "../../shared/model/cluster.ts";
import type { ClusterPolicies, FallbackPolicy } from "../../shared/model/cluster-policy.ts";
import type { Listener } from "../../shared/model/listener.ts";
import type { RateLimitPolicy } from "../../shared/model/rate-limit.ts";
import type {
  FaultPolicy,
  ForwardAction,
  HashPolicy,
  HeaderMatch,
  PathMatch,
  QueryMatch,
  RedirectAction,
  RetryPolicy,
  Route,
  RouteAction,
  RouteConfig,
  RouteMatch,
  ValueMatch,
} from "../../shared/model/route.ts";

// Values in the form that decoding gives back: lower-case header names, endpoints in order of priority, weight 1 for a
// lone cluster, durations of whole microseconds.

const text = fc.string({ unit: "grapheme", minLength: 1, maxLength: 12 });
const anyText = fc.string({ unit: "grapheme", maxLength: 12 });
const token = fc.stringMatching(/^[a-z][a-z0-9-]{0,10}$/);
const durationMs = fc.oneof(
  fc.integer({ min: 0, max: 3_600_000 }),
  fc.integer({ min: 0, max: 100_000 }).map((us) => us / 1_000),
);
const positiveMs = fc.oneof(
  fc.integer({ min: 1, max: 3_600_000 }),
  fc.integer({ min: 1, max: 100_000 }).map((us) => us / 1_000),
);
const optional = <T>(arbitrary: Arbitrary<T>): Arbitrary<T | undefined> => fc.option(arbitrary, { nil: undefined });
const host = fc.oneof(fc.ipV4(), fc.ipV6());
const port = fc.integer({ min: 1, max: 65_535 });

const endpoint = (hosts: Arbitrary<string>): Arbitrary<Endpoint> =>
  fc.record({
    address: fc.record({ host: hosts, port }),
    weight: fc.integer({ min: 1, max: 0xffff_ffff }),
    health: fc.constantFrom("healthy", "unhealthy", "draining"),
    version: anyText,
    priority: fc.integer({ min: 0, max: 3 }),
  });

const endpoints = (hosts: Arbitrary<string>): Arbitrary<Endpoint[]> =>
  fc.array(endpoint(hosts), { maxLength: 8 }).map((list) => list.toSorted((a, b) => a.priority - b.priority));

export const loadAssignment: Arbitrary<LoadAssignment> = fc.record({ name: text, endpoints: endpoints(host) });

const lbPolicy: Arbitrary<LbPolicy> = fc.oneof(
  fc.record({ kind: fc.constant("round-robin" as const) }),
  fc.record({ kind: fc.constant("random" as const) }),
  fc.record({ kind: fc.constant("least-request" as const), choices: fc.integer({ min: 2, max: 9 }) }),
  fc.record({
    kind: fc.constant("ring-hash" as const),
    ringSizeMin: fc.integer({ min: 0, max: 8_388_608 }),
    ringSizeMax: fc.integer({ min: 0, max: 8_388_608 }),
  }),
  fc.record({ kind: fc.constant("maglev" as const), tableSize: fc.integer({ min: 2, max: 5_000_011 }) }),
  fc.record({ kind: fc.constant("peak-ewma" as const), decayMs: positiveMs, defaultRttMs: positiveMs }),
);

const percent = fc.integer({ min: 0, max: 100 });
const count = fc.integer({ min: 1, max: 100_000 });
/** In percent, as fine as Envoy's fractions. */
const share = fc.oneof(
  percent,
  fc.integer({ min: 0, max: 10_000 }).map((numerator) => (numerator * 100) / 10_000),
  fc.integer({ min: 0, max: 1_000_000 }).map((numerator) => (numerator * 100) / 1_000_000),
);
/** 0 turns the thing off. */
const countOrOff = fc.nat(1_000);

const fallback: Arbitrary<FallbackPolicy> = fc.oneof(
  fc.record({ kind: fc.constant("cached-response" as const), maxAgeMs: positiveMs, body: optional(anyText) }),
  fc.record({ kind: fc.constant("static" as const), body: anyText }),
  fc.record({ kind: fc.constant("service" as const), cluster: text }),
);

const policies: Arbitrary<ClusterPolicies> = fc.record({
  breaker: optional(
    fc.record({
      thresholdPercent: percent,
      windowMs: positiveMs,
      samplesMin: count,
      consecutiveFailures: countOrOff,
      recoveryMs: positiveMs,
      recoveryMaxMs: positiveMs,
      successes: count,
    }),
  ),
  retryBudget: optional(
    fc.record({ ratio: percent.map((share) => share / 100), minPerSec: countOrOff, windowMs: positiveMs }),
  ),
  limits: fc.record({
    connections: optional(count),
    pending: optional(count),
    requests: optional(count),
    retries: optional(countOrOff),
  }),
  adaptive: optional(
    fc.tuple(count, count).map(([one, other]) => ({
      concurrencyMin: Math.min(one, other),
      concurrencyMax: Math.max(one, other),
    })),
  ),
  outlier: optional(
    fc.record({
      consecutive5xx: countOrOff,
      consecutiveGateway: countOrOff,
      intervalMs: positiveMs,
      baseEjectionMs: positiveMs,
      maxEjectionMs: positiveMs,
      maxEjectionPercent: percent,
      successRateStdevFactor: countOrOff,
      failurePercentage: percent,
      hostsMin: count,
      volumeMin: count,
    }),
  ),
  healthCheck: optional(
    fc.record({
      by: fc.constantFrom("proxy", "callers", "both"),
      path: text,
      intervalMs: positiveMs,
      timeoutMs: positiveMs,
      unhealthyThreshold: count,
      healthyThreshold: count,
    }),
  ),
  slowStart: optional(fc.record({ windowMs: positiveMs, minWeightPercent: percent })),
  fallback: optional(fallback),
});

/** Slow start stands in the message of the balancer, and only some have a place for it. */
function withPlaceForSlowStart(value: Cluster): Cluster {
  if (["round-robin", "least-request", "peak-ewma"].includes(value.lb.kind)) return value;
  return { ...value, policies: { ...value.policies, slowStart: undefined } };
}

export const cluster: Arbitrary<Cluster> = fc
  .record({
    name: text,
    discovery: fc.oneof(
      fc.record({ kind: fc.constant("eds" as const), assignmentName: text }),
      fc.record({ kind: fc.constant("static" as const), endpoints: endpoints(host) }),
      fc.record({ kind: fc.constant("dns" as const), endpoints: endpoints(fc.oneof(host, fc.domain())) }),
    ),
    connectTimeoutMs: durationMs,
    lb: lbPolicy,
    panicThresholdPercent: fc.double({ min: 0, max: 100, noNaN: true, noDefaultInfinity: true }).map((x) => x + 0),
    policies,
    service: anyText,
    version: anyText,
  })
  .map(withPlaceForSlowStart);

const stringMatch: Arbitrary<ValueMatch> = fc.oneof(
  fc.record({
    kind: fc.constantFrom("exact" as const, "prefix" as const, "suffix" as const, "contains" as const),
    value: anyText,
    ignoreCase: fc.boolean(),
  }),
  fc.record({ kind: fc.constant("regex" as const), value: text }),
);
const present: Arbitrary<ValueMatch> = fc.record({ kind: fc.constant("present" as const), present: fc.boolean() });
const range: Arbitrary<ValueMatch> = fc.record({
  kind: fc.constant("range" as const),
  start: fc.maxSafeInteger(),
  end: fc.maxSafeInteger(),
});

const headerMatch: Arbitrary<HeaderMatch> = fc.record({
  name: fc.oneof(token, fc.constantFrom(":method", ":path", ":authority")),
  value: fc.oneof(stringMatch, present, range),
  invert: fc.boolean(),
  treatMissingAsEmpty: fc.boolean(),
});
const queryMatch: Arbitrary<QueryMatch> = fc.record({ name: text, value: fc.oneof(stringMatch, present) });

const pathMatch: Arbitrary<PathMatch> = fc.record({
  kind: fc.constantFrom("exact" as const, "prefix" as const, "segment-prefix" as const, "regex" as const),
  value: anyText,
});

const routeMatch: Arbitrary<RouteMatch> = fc.record({
  path: pathMatch,
  caseSensitive: fc.boolean(),
  headers: fc.array(headerMatch, { maxLength: 3 }),
  query: fc.array(queryMatch, { maxLength: 3 }),
});

const retryPolicy: Arbitrary<RetryPolicy> = fc.record({
  retryOn: fc.array(token, { maxLength: 3 }),
  retries: fc.nat(10),
  perTryTimeoutMs: optional(durationMs),
  retriableStatuses: fc.array(fc.integer({ min: 100, max: 599 }), { maxLength: 4 }),
  backoffBaseMs: durationMs,
  backoffMaxMs: durationMs,
  avoidPrevious: fc.boolean(),
  retryNonIdempotent: fc.boolean(),
  retryAfterMaxMs: fc.oneof(fc.constant(0), positiveMs),
  hedgeOnTryTimeout: fc.boolean(),
});

const terminal = fc.boolean();
const hashPolicy: Arbitrary<HashPolicy> = fc.oneof(
  fc.record({ kind: fc.constant("header" as const), name: token, terminal }),
  fc.record({ kind: fc.constantFrom("cookie" as const, "query" as const), name: text, terminal }),
  fc.record({ kind: fc.constant("source-ip" as const), terminal }),
);

const weightedClusters = fc.oneof(
  text.map((name) => [{ cluster: name, weight: 1 }]),
  fc
    .array(fc.record({ cluster: text, weight: fc.nat(1_000_000) }), { minLength: 2, maxLength: 4 })
    .filter((list) => list.some(({ weight }) => weight > 0)),
);

const forward: Arbitrary<ForwardAction> = fc.record({
  kind: fc.constant("forward" as const),
  clusters: weightedClusters,
  timeoutMs: optional(durationMs),
  retry: optional(retryPolicy),
  hashOn: fc.array(hashPolicy, { maxLength: 3 }),
  prefixRewrite: optional(text),
  regexRewrite: optional(fc.record({ pattern: text, substitution: anyText })),
  hostRewrite: optional(text),
  mirrors: fc.array(fc.record({ cluster: text, percent: share }), { maxLength: 2 }),
});

const redirect: Arbitrary<RedirectAction> = fc.record({
  kind: fc.constant("redirect" as const),
  status: fc.constantFrom(301, 302, 303, 307, 308),
  scheme: optional(text),
  host: optional(text),
  port: optional(port),
  path: optional(fc.record({ kind: fc.constantFrom("full" as const, "prefix" as const), value: anyText })),
  stripQuery: fc.boolean(),
});

const respond: Arbitrary<RouteAction> = fc.record({
  kind: fc.constant("respond" as const),
  status: fc.integer({ min: 200, max: 599 }),
  body: anyText,
});

const fault: Arbitrary<FaultPolicy> = fc
  .record({
    delay: optional(fc.record({ percent: share, ms: positiveMs })),
    abort: optional(fc.record({ percent: share, status: fc.integer({ min: 200, max: 599 }) })),
    headers: fc.array(headerMatch, { maxLength: 2 }),
    untilWallMs: optional(fc.integer({ min: 1, max: 4_102_444_800_000 })),
  })
  .filter(({ delay, abort }) => delay !== undefined || abort !== undefined);

const rateLimit: Arbitrary<RateLimitPolicy> = fc.record({
  name: text,
  requests: count,
  perMs: positiveMs,
  burst: count,
  by: fc.oneof(
    fc.record({ kind: fc.constantFrom("client" as const, "total" as const) }),
    fc.record({ kind: fc.constant("header" as const), name: token }),
  ),
  scope: fc.constantFrom("local", "global"),
  failOpen: fc.boolean(),
});

const route: Arbitrary<Route> = fc.record({
  name: anyText,
  match: routeMatch,
  action: fc.oneof(forward, redirect, respond),
  fault: optional(fault),
  rateLimit: optional(rateLimit),
});

export const routeConfig: Arbitrary<RouteConfig> = fc.record({
  name: anyText,
  virtualHosts: fc.array(
    fc.record({
      name: anyText,
      domains: fc.array(text, { minLength: 1, maxLength: 3 }),
      routes: fc.array(route, { maxLength: 4 }),
    }),
    { maxLength: 3 },
  ),
  ignorePortInHost: fc.boolean(),
});

export const listener: Arbitrary<Listener> = fc.record({
  name: text,
  direction: fc.constantFrom("inbound", "outbound", "unspecified"),
  bind: optional(fc.record({ host, port })),
  routes: fc.oneof(
    fc.record({ kind: fc.constant("rds" as const), routeConfigName: text }),
    fc.record({ kind: fc.constant("inline" as const), config: routeConfig }),
  ),
  statPrefix: anyText,
});
