import assert from "node:assert/strict";
import { describe, it } from "node:test";

import fc from "fast-check";

import { documentFromRow, rowFromDocument, rowFromStoredDocument } from "../../../control-plane/catalog/document.ts";
import { documents, rows } from "../../support/catalog-arbitraries.ts";
import { registered, endpoint, split } from "../../support/catalog-rows.ts";

describe("documents", () => {
  it("of every right row read back as the same row", () => {
    fc.assert(
      fc.property(rows, (row) => {
        assert.deepEqual(rowFromDocument(documentFromRow(row)), { ok: true, value: row });
      }),
    );
  });

  it("as stored keep what the server sets", () => {
    const row = { ...split("reviews", 90, 10), id: 7, updatedAt: "2026-11-21T10:00:00.000Z" };
    assert.deepEqual(rowFromStoredDocument("TrafficSplit", documentFromRow(row)), row);
    const leased = registered(endpoint("reviews", 1), "node-1");
    assert.deepEqual(rowFromStoredDocument("ServiceEndpoint", documentFromRow(leased)), leased);
  });

  it("as stored by an older schema get the defaults of columns that were added since", () => {
    const row = rowFromStoredDocument("ServicePolicy", { service_name: "a", retry_attempts: 1 });
    assert.equal(row.kind === "ServicePolicy" && row.connectTimeoutMs, 1_000);
  });

  it("begin with kind, keep one order of columns and leave out what is unset", () => {
    const document = documentFromRow(endpoint("reviews", 9_080, { version: "v1" }));
    assert.deepEqual(Object.entries(document), [
      ["kind", "ServiceEndpoint"],
      ["service_name", "reviews"],
      ["pod_ip", "10.0.0.1"],
      ["port", 9_080],
      ["version", "v1"],
      ["healthy", true],
      ["weight", 1],
      ["health", "unknown"],
    ]);
  });

  it("survive JSON", () => {
    fc.assert(
      fc.property(documents, (document) => {
        const again: unknown = JSON.parse(JSON.stringify(document));
        assert.deepEqual(rowFromDocument(again), rowFromDocument(document));
      }),
    );
  });

  it("of any shape whatever are read or refused with words, and never throw", () => {
    const kinds = fc.constantFrom("ServicePolicy", "ServiceEndpoint", "TrafficSplit", "Route", "x");
    const columns = fc.constantFrom(
      "service_name",
      "pod_ip",
      "port",
      "header_match",
      "destinations",
      "redirect",
      "methods",
      "path_regex",
      "hash_on",
    );
    const noise = fc.dictionary(fc.oneof(columns, fc.string()), fc.anything(), { noNullPrototype: true });
    fc.assert(
      fc.property(kinds, noise, (kind, document) => {
        const read = rowFromDocument({ ...document, kind });
        if (!read.ok) assert.ok(read.error.length > 0 && read.error.every(({ message }) => message.length > 0));
      }),
      { numRuns: 2_000 },
    );
  });
});
