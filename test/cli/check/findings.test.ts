import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { catalogFindings } from "../../../cli/check/catalog-findings.ts";
import type { CatalogRows } from "../../../cli/check/catalog-rows.ts";
import { versionFindings } from "../../../cli/check/proxy-findings.ts";
import { rowFromDocument } from "../../../control-plane/catalog/document.ts";

type Document = Readonly<Record<string, unknown>>;

function rows(...documents: readonly Document[]): CatalogRows {
  const all = documents.map((document) => {
    const row = rowFromDocument(document);
    if (!row.ok) throw new Error(row.error.map(({ message }) => message).join());
    return row.value;
  });
  return {
    policies: all.filter((row) => row.kind === "ServicePolicy"),
    endpoints: all.filter((row) => row.kind === "ServiceEndpoint"),
    splits: all.filter((row) => row.kind === "TrafficSplit"),
    routes: all.filter((row) => row.kind === "Route"),
  };
}

const endpoint = (service: string, more: Document = {}): Document => ({
  kind: "ServiceEndpoint",
  service_name: service,
  pod_ip: "127.0.0.1",
  port: 9101,
  ...more,
});
const route = (name: string, position: number, more: Document = {}): Document => ({
  kind: "Route",
  name,
  position,
  destination_service: "reviews",
  ...more,
});

/** What is not ok, without the remedies. */
function wrong(catalog: CatalogRows): readonly string[] {
  return catalogFindings(catalog, () => false)
    .filter(({ mark }) => mark !== "ok")
    .map(({ mark, text }) => `${mark} ${text}`);
}

describe("check", () => {
  it("says what is well, too", () => {
    const findings = catalogFindings(rows(endpoint("reviews", { version: "v1" })), () => false);
    assert.deepEqual(new Set(findings.map(({ mark }) => mark)), new Set(["ok"]));
    assert.equal(findings.length, 4);
  });

  it("finds services without endpoints, and with none that is healthy, and names who wants them", () => {
    const catalog = rows(
      { kind: "ServicePolicy", service_name: "ghost" },
      endpoint("sick", { healthy: false }),
      endpoint("reviews"),
      route("a", 1, { destinations: [{ service: "nobody" }] }),
    );
    assert.deepEqual(wrong(catalog), [
      "bad service ghost has no endpoints (named by ServicePolicy ghost)",
      "bad service nobody has no endpoints (named by Route a)",
      "bad service sick: none of its 1 endpoints is healthy",
    ]);
  });

  it("finds apps that fail the health checks of their own proxies, while the policy asks these", () => {
    const found = (healthCheck: string, ...healths: readonly ("passing" | "failing")[]): readonly string[] => {
      const policy = { kind: "ServicePolicy", service_name: "reviews", health_check: healthCheck };
      const catalog = rows(policy, ...healths.map((_, n) => endpoint("reviews", { port: 9_100 + n })));
      const endpoints = catalog.endpoints.map((row, n) => ({ ...row, health: healths[n] ?? row.health }));
      return wrong({ ...catalog, endpoints });
    };
    const words = "apps fail their health checks";
    const [one] = found("proxy", "passing", "failing");
    assert.match(one ?? "", new RegExp(`^warn service reviews: 1 of 2 ${words} \\(.*:9101\\)$`));
    assert.match(found("both", "failing")[0] ?? "", new RegExp(`^bad service reviews: 1 of 1 ${words}`));
    assert.deepEqual(found("proxy", "passing"), []);
    assert.deepEqual(found("callers", "failing"), []);
  });

  it("finds splits to versions that nobody runs; an endpoint without a version is the first side", () => {
    const split: Document = { kind: "TrafficSplit", destination_service: "reviews", v1_weight: 90, v2_weight: 10 };
    assert.deepEqual(wrong(rows(endpoint("reviews"), split)), [
      "bad TrafficSplit *->reviews sends 10% to v2, which has no endpoints",
    ]);
    const both = rows(endpoint("reviews"), endpoint("reviews", { port: 9102, version: "v2" }), split);
    assert.deepEqual(wrong(both), []);
    const byHeader: Document = { ...split, v1_weight: 100, v2_weight: 0, header_match: { "x-canary": "1" } };
    assert.deepEqual(wrong(rows(endpoint("reviews"), byHeader)), [
      "warn TrafficSplit *->reviews sends matching headers to v2, which has no endpoints",
    ]);
  });

  it("finds hashing without a hash", () => {
    const policy: Document = { kind: "ServicePolicy", service_name: "reviews", lb_policy: "maglev" };
    assert.deepEqual(wrong(rows(endpoint("reviews"), policy)), [
      "warn ServicePolicy reviews: maglev without hash_on chooses freely",
    ]);
  });

  const shadowed: readonly (readonly [string, Document, Document])[] = [
    ["everything before a path", {}, { path_prefix: "/api" }],
    ["a prefix before a longer one", { path_prefix: "/api" }, { path_prefix: "/api/v1" }],
    ["a prefix before an exact path below it", { path_prefix: "/api" }, { path_exact: "/api/x" }],
    ["the same path twice", { path_exact: "/a" }, { path_exact: "/a" }],
    ["all methods before one", { path_exact: "/a" }, { path_exact: "/a", methods: ["GET"] }],
    ["all callers before one", {}, { source_service: "web" }],
    ["fewer headers before more", { header_match: { a: "1" } }, { header_match: { a: "1", b: "2" } }],
  ];
  for (const [name, first, second] of shadowed) {
    it(`finds a route that can never match: ${name}`, () => {
      const catalog = rows(endpoint("reviews"), route("second", 20, second), route("first", 10, first));
      assert.deepEqual(wrong(catalog), [
        "warn Route second can never match: first (position 10) takes everything first",
      ]);
    });
  }

  const reachable: readonly (readonly [string, Document, Document])[] = [
    ["a path before everything", { path_prefix: "/api" }, {}],
    ["a prefix before one that only looks longer", { path_prefix: "/api" }, { path_prefix: "/apix" }],
    ["one method before all", { methods: ["GET"] }, {}],
    ["one caller before all", { source_service: "web" }, {}],
    ["another header", { header_match: { a: "1" } }, { header_match: { a: "2" } }],
    ["a regular expression before a path", { path_regex: "/a.*" }, { path_exact: "/a" }],
    ["an exact path before its prefix", { path_exact: "/a" }, { path_prefix: "/a" }],
    ["another service", { destination_service: "other" }, {}],
  ];
  for (const [name, first, second] of reachable) {
    it(`leaves a route alone that can match: ${name}`, () => {
      const catalog = rows(
        endpoint("reviews"),
        endpoint("other"),
        route("second", 20, second),
        route("first", 10, first),
      );
      assert.deepEqual(wrong(catalog), []);
    });
  }

  it("finds policies that defeat what they are for, and a fault for a caller that nobody knows", () => {
    const catalog = rows(endpoint("reviews"), {
      kind: "ServicePolicy",
      service_name: "reviews",
      cb_threshold: 100,
      cb_consecutive_failures: 0,
      fallback: "cached_response",
      fault_abort_percent: 1,
      fault_abort_status: 503,
      fault_source: "web",
    });
    const textsOf = (hasProxy: (service: string) => boolean): readonly string[] =>
      catalogFindings(catalog, hasProxy).flatMap((finding) =>
        finding.mark === "ok" ? [] : [`${finding.text} -> ${finding.remedy}`],
      );
    const breaker =
      "ServicePolicy reviews: its circuit breaker never opens: cb_threshold is 100 and cb_consecutive_failures is 0" +
      " -> heddle policy set reviews --unset cb_threshold --unset cb_consecutive_failures";
    assert.deepEqual(
      textsOf(() => true),
      [breaker],
    );
    assert.equal(textsOf(() => false).length, 2);
  });

  it("compares the versions of proxies with its own", () => {
    const findings = versionFindings(
      new Map([
        ["a", "1.0.0"],
        ["b", "0.9.0"],
        ["c", undefined],
      ]),
      "1.0.0",
    );
    assert.deepEqual(
      findings.map(({ mark, text }) => `${mark} ${text}`),
      [
        "warn proxy b runs Heddle 0.9.0, this command is 1.0.0",
        "warn proxy c: its admin port does not answer from here",
      ],
    );
    assert.deepEqual(
      versionFindings(new Map([["a", "1.0.0"]]), "1.0.0").map(({ mark }) => mark),
      ["ok"],
    );
  });
});
