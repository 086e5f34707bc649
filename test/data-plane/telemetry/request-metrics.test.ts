import assert from "node:assert/strict";
import { describe, it } from "node:test";

import fc from "fast-check";

import type { MetricFamily } from "../../../data-plane/telemetry/prometheus-text.ts";
import { DURATION_BUCKETS_MS } from "../../../data-plane/telemetry/histogram.ts";
import { RequestMetrics } from "../../../data-plane/telemetry/request-metrics.ts";
import type { RequestRecord } from "../../../data-plane/telemetry/request-record.ts";
import { requestRecord } from "../../support/request-records.ts";

const anyRecord: fc.Arbitrary<RequestRecord> = fc
  .record({
    direction: fc.constantFrom("inbound" as const, "outbound" as const),
    source: fc.constantFrom("web", "api", "other"),
    destination: fc.constantFrom("reviews", "ratings", ""),
    version: fc.constantFrom("v1", "v2", "other"),
    status: fc.constantFrom(0, 200, 404, 503),
    flag: fc.constantFrom("" as const, "UF" as const),
    durationMs: fc.oneof(fc.constantFrom(...DURATION_BUCKETS_MS), fc.double({ min: 0, max: 1e6, noNaN: true })),
    bytesSent: fc.nat(10_000),
  })
  .map((over) => requestRecord(over));

function family(metrics: RequestMetrics, name: string): MetricFamily {
  const found = metrics.families().find((one) => one.name === name);
  assert.ok(found !== undefined);
  return found;
}

function total(metrics: RequestMetrics, name: string, suffix = ""): number {
  return family(metrics, name)
    .samples.filter((sample) => sample.suffix === suffix)
    .reduce((sum, { value }) => sum + value, 0);
}

describe("the metrics of requests", () => {
  it("count what a plain list of all records counts", () => {
    fc.assert(
      fc.property(fc.array(anyRecord, { maxLength: 200 }), (records) => {
        const metrics = new RequestMetrics();
        for (const record of records) metrics.onFinished(record);
        for (const { labels, value } of family(metrics, "heddle_requests_total").samples) {
          const wanted = new Map(labels);
          const naive = records.filter(
            (record) =>
              record.direction === wanted.get("direction") &&
              record.source === wanted.get("source") &&
              record.destination === wanted.get("destination") &&
              record.version === wanted.get("version") &&
              String(record.status) === wanted.get("code") &&
              record.flag === wanted.get("flag"),
          );
          assert.equal(value, naive.length);
        }
        assert.equal(total(metrics, "heddle_requests_total"), records.length);
        assert.equal(
          total(metrics, "heddle_response_bytes_total"),
          records.reduce((sum, { bytesSent }) => sum + bytesSent, 0),
        );
        for (const { suffix, labels, value } of family(metrics, "heddle_request_duration_milliseconds").samples) {
          if (suffix !== "_bucket") continue;
          const wanted = new Map(labels);
          const le = wanted.get("le") === "+Inf" ? Infinity : Number(wanted.get("le"));
          const naive = records.filter(
            (record) =>
              record.direction === wanted.get("direction") &&
              record.source === wanted.get("source") &&
              record.destination === wanted.get("destination") &&
              record.durationMs <= le,
          );
          assert.equal(value, naive.length);
        }
      }),
    );
  });

  it("take the time until a tunnel stood for its latency, and not the time it stood", () => {
    for (const [over, expected] of [
      [{ status: 101 }, 10.5],
      [{ status: 200, method: "CONNECT" }, 10.5],
      [{ status: 503, method: "CONNECT" }, 60_000],
      [{ status: 200 }, 60_000],
    ] as const) {
      const metrics = new RequestMetrics();
      metrics.onFinished(requestRecord({ ...over, durationMs: 60_000 }));
      assert.equal(total(metrics, "heddle_request_duration_milliseconds", "_sum"), expected);
    }
  });

  it("stay within their bound and lose no request, whatever the labels", () => {
    const seriesMax = 50;
    const metrics = new RequestMetrics(seriesMax);
    for (let request = 0; request < 10_000; request += 1) {
      metrics.onFinished(
        requestRecord({
          destination: `scan-${request % 3_000}`,
          status: 100 + (request % 900),
          version: `v${request % 7}`,
        }),
      );
    }
    const { samples } = family(metrics, "heddle_requests_total");
    assert.equal(total(metrics, "heddle_requests_total"), 10_000);
    assert.equal(total(metrics, "heddle_request_duration_milliseconds", "_count"), 10_000);
    const others = samples.filter(({ labels }) => labels.some(([, value]) => value === "other"));
    assert.equal(samples.length - others.length, seriesMax);
    assert.deepEqual(others.map(({ labels }) => new Map(labels).get("code")).toSorted(), [
      "1xx",
      "2xx",
      "3xx",
      "4xx",
      "5xx",
      "6xx",
      "7xx",
      "8xx",
      "9xx",
    ]);
    assert.ok(family(metrics, "heddle_request_duration_milliseconds").samples.length < (seriesMax + 1) * 25);
  });
});
