import assert from "node:assert/strict";
import { describe, it } from "node:test";

import fc from "fast-check";

import { appendAccessLogLine } from "../../../data-plane/telemetry/access-log-line.ts";
import { LineBuffer } from "../../../data-plane/telemetry/line-buffer.ts";
import type { RequestRecord } from "../../../data-plane/telemetry/request-record.ts";
import { requestRecord } from "../../support/request-records.ts";

function accessLogLine(record: RequestRecord): string {
  const line = new LineBuffer();
  appendAccessLogLine(record, line);
  return line.view().toString();
}

describe("a line of the access log", () => {
  it("is one JSON object, the mission's keys first", () => {
    assert.equal(
      accessLogLine(requestRecord()),
      '{"timestamp":"2026-01-02T03:04:05.067Z","source":"web","destination":"reviews","duration":12.345,"status":200,' +
        '"trace_id":"0af7651916cd43dd8448eb211c80319c","span_id":"b7ad6b7169203331","request_id":"5f0c","path":"/api",' +
        '"direction":"outbound","listener":"outbound","method":"GET",' +
        '"authority":"reviews","protocol":"HTTP/1.1","response_flags":"","response_code_details":"",' +
        '"route_name":"reviews/default","upstream_cluster":"reviews","version":"v1","config_revision":7,' +
        '"upstream_host":"127.0.0.1:9101","upstream_service_time":10.5,"attempts":1,"bytes_received":0,"bytes_sent":42}\n',
    );
  });

  it("tells what was retried for what, and why it ended, only where there is something to tell", () => {
    const line = accessLogLine(
      requestRecord({ attempts: 3, retriedFor: "503,connect-failed", retryRefusal: "retry-budget" }),
    );
    assert.match(
      line,
      /,"attempts":3,"retried_for":"503,connect-failed","retry_refused":"retry-budget","bytes_received":0,/,
    );
  });

  it("gives back every text exactly, on one line, and nothing in it can act on a terminal", () => {
    const wild = fc.string({
      unit: fc.oneof(
        fc.constantFrom('"', "\\", "\n", "\r", "\u001b", "\u009b", "\u2028"),
        fc.string({ minLength: 1, maxLength: 1, unit: "binary" }),
      ),
    });
    // Long enough to be copied at once, and nearly plain.
    const long = fc.string({ unit: "binary-ascii", minLength: 16, maxLength: 60 });
    const text = fc.oneof(wild, long);
    fc.assert(
      fc.property(text, text, text, (path, authority, source) => {
        const line = accessLogLine(requestRecord({ path, authority, source }));
        assert.equal(line.indexOf("\n"), line.length - 1);
        // eslint-disable-next-line no-control-regex -- control characters are what this looks for.
        assert.doesNotMatch(line.slice(0, -1), /[\u0000-\u001f\u007f-\u009f]/);
        const read: unknown = JSON.parse(line);
        assert.ok(typeof read === "object" && read !== null && "path" in read && "authority" in read);
        assert.ok("source" in read);
        assert.deepEqual([read.path, read.authority, read.source], [path, authority, source]);
      }),
    );
  });

  it("tells each request's own way, however many ways there are, and whichever it was before", () => {
    const name = fc.constantFrom(...Array.from({ length: 12 }, (_, index) => `name-${index}`));
    const status = fc.constantFrom(0, 200, 503);
    const record = fc.record({ source: name, destination: name, method: name, version: name, detail: name, status });
    fc.assert(
      fc.property(fc.array(record, { minLength: 1, maxLength: 60 }), (records) => {
        for (const { source, destination, method, version, detail, status } of records) {
          const read = JSON.parse(
            accessLogLine(requestRecord({ source, destination, method, version, detail, status })),
          );
          const names = { source, destination, method, version, status };
          assert.partialDeepStrictEqual(read, { ...names, response_code_details: detail });
        }
      }),
    );
  });

  it("tells two ways apart that differ in one thing", () => {
    const others: readonly [Partial<RequestRecord>, string][] = [
      [{ source: "other" }, '"source":"other"'],
      [{ destination: "other" }, '"destination":"other"'],
      [{ direction: "inbound" }, '"direction":"inbound"'],
      [{ listener: "other" }, '"listener":"other"'],
      [{ method: "PUT" }, '"method":"PUT"'],
      [{ authority: "other" }, '"authority":"other"'],
      [{ minorVersion: 0 }, '"protocol":"HTTP/1.0"'],
      [{ status: 404 }, '"status":404'],
      [{ flag: "UO" }, '"response_flags":"UO"'],
      [{ detail: "other" }, '"response_code_details":"other"'],
      [{ routeName: "other" }, '"route_name":"other"'],
      [{ clusterName: "other" }, '"upstream_cluster":"other"'],
      [{ version: "other" }, '"version":"other"'],
      [{ configRevision: 8 }, '"config_revision":8'],
    ];
    const usual = accessLogLine(requestRecord());
    for (const [other, wanted] of others) {
      assert.ok(!usual.includes(wanted), wanted);
      assert.ok(accessLogLine(requestRecord(other)).includes(wanted), wanted);
      assert.equal(accessLogLine(requestRecord()), usual);
    }
  });

  it("keeps the time of each request, also across seconds", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 4e12 }), (startWallMs) => {
        assert.ok(
          accessLogLine(requestRecord({ startWallMs })).startsWith(
            `{"timestamp":"${new Date(startWallMs).toISOString()}"`,
          ),
        );
      }),
    );
  });
});
