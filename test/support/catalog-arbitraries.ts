import assert from "node:assert/strict";

import fc from "fast-check";

import type { Row } from "../../control-plane/catalog/catalog.ts";
import { rowFromDocument } from "../../control-plane/catalog/document.ts";

const services = fc.constantFrom("web", "reviews", "ratings", "details.v2", "a-b_c");
const versions = fc.constantFrom("v1", "v2", "2026-11-21", "canary+7");
const ips = fc.oneof(fc.ipV4(), fc.ipV6()).filter((ip) => ip !== "0.0.0.0" && !/^[0:.]*$/.test(ip));
const paths = fc.constantFrom("/", "/api", "/api/v1", "/a%20b", "/x;y=1");
const headers = fc.dictionary(
  fc.constantFrom("x-canary", "X-Team", "x-id"),
  fc.oneof(fc.constantFrom("a", "true", ""), fc.boolean(), fc.nat(9)),
  {
    noNullPrototype: true,
  },
);
const weights = fc.integer({ min: 0, max: 100 });
const perhaps = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.option(arbitrary, { nil: undefined });
/** Documents have no key for what was left out. */
const document = (columns: Record<string, fc.Arbitrary<unknown>>): fc.Arbitrary<Record<string, unknown>> =>
  fc
    .record(columns)
    .map((record) => Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined)));

const policyDocuments = document({
  kind: fc.constant("ServicePolicy"),
  service_name: services,
  retry_attempts: perhaps(fc.integer({ min: 1, max: 10 })),
  timeout_ms: perhaps(fc.integer({ min: 100, max: 3_600_000 })),
  per_try_timeout_ms: perhaps(fc.integer({ min: 1, max: 99 })),
  cb_threshold: perhaps(fc.integer({ min: 1, max: 100 })),
  lb_policy: perhaps(fc.constantFrom("round_robin", "least_request", "peak_ewma", "random")),
  panic_threshold: perhaps(weights),
  retry_on: perhaps(fc.uniqueArray(fc.constantFrom("reset", "5xx", "gateway-error"), { minLength: 1 })),
  retry_statuses: perhaps(fc.uniqueArray(fc.integer({ min: 400, max: 599 }), { minLength: 1, maxLength: 16 })),
  retry_non_idempotent: perhaps(fc.boolean()),
  max_requests: perhaps(fc.integer({ min: 1, max: 1_000_000 })),
  outlier_consecutive_5xx: perhaps(fc.integer({ min: 0, max: 1_000 })),
  health_check: perhaps(fc.constantFrom("none", "proxy", "callers", "both")),
  slow_start_sec: perhaps(fc.integer({ min: 0, max: 3_600 })),
  rate_limit_requests: perhaps(fc.integer({ min: 1, max: 1_000_000 })),
  rate_limit_by: perhaps(fc.constantFrom("client", "total", "header:X-User")),
  fault_source: perhaps(services),
  fault_header_match: perhaps(headers),
  mirror_to: perhaps(fc.constantFrom("shadow", "shadow/v2", "reviews/canary")),
  fallback: perhaps(fc.constantFrom("none", "static", "cached_response")),
}).chain((columns) =>
  fc
    .constantFrom<Record<string, unknown>>(
      {},
      { fault_delay_percent: 5, fault_delay_ms: 100 },
      { fault_abort_percent: 100, fault_abort_status: 503, fault_duration_sec: 0 },
      { fallback: "service", fallback_service: "backup" },
      { per_try_timeout_ms: 99, hedge_on_per_try_timeout: true },
    )
    .map((more) => ({ ...columns, ...more })),
);
const endpointDocuments = document({
  kind: fc.constant("ServiceEndpoint"),
  service_name: services,
  pod_ip: ips,
  port: fc.integer({ min: 1, max: 65_535 }),
  version: perhaps(versions),
  healthy: perhaps(fc.boolean()),
  weight: perhaps(fc.integer({ min: 1, max: 1_000 })),
});
const splitDocuments = fc
  .tuple(
    weights,
    document({
      kind: fc.constant("TrafficSplit"),
      source_service: perhaps(services),
      destination_service: services,
      header_match: perhaps(headers),
      v2_version: perhaps(fc.constantFrom("v2", "canary")),
    }),
  )
  .map(([weight, columns]) => ({ ...columns, v1_weight: weight, v2_weight: 100 - weight }));
const routeDocuments = document({
  kind: fc.constant("Route"),
  name: fc.constantFrom("first", "second", "the third"),
  destination_service: services,
  source_service: perhaps(services),
  position: perhaps(fc.nat(100_000)),
  path_prefix: perhaps(paths),
  methods: perhaps(fc.uniqueArray(fc.constantFrom("GET", "post", "DELETE"))),
  header_match: perhaps(headers),
  destinations: perhaps(
    fc.array(
      document({ service: services, version: perhaps(versions), weight: perhaps(fc.integer({ min: 1, max: 9 })) }),
      { maxLength: 3 },
    ),
  ),
  timeout_ms: perhaps(fc.integer({ min: 1, max: 5_000 })),
});

/** Right documents of any kind over few names, so that keys meet often. */
export const documents: fc.Arbitrary<Record<string, unknown>> = fc.oneof(
  policyDocuments,
  endpointDocuments,
  splitDocuments,
  routeDocuments,
);

/** Right rows of any kind. */
export const rows: fc.Arbitrary<Row> = documents.map((columns) => {
  const read = rowFromDocument(columns);
  assert.ok(read.ok, JSON.stringify(read));
  return read.value;
});
