import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { rowFromDocument } from "../../../control-plane/catalog/document.ts";
import { readRow } from "../../../control-plane/catalog/read-row.ts";
import { route, rowOf, split } from "../../support/catalog-rows.ts";

function refusals(document: unknown): readonly string[] {
  const read = rowFromDocument(document);
  return read.ok ? [] : read.error.map(({ message }) => message);
}

function paths(document: unknown): readonly string[] {
  const read = rowFromDocument(document);
  return read.ok ? [] : read.error.map(({ path }) => path);
}

const reviews = { kind: "ServicePolicy", service_name: "reviews" };
const canary = { kind: "TrafficSplit", destination_service: "reviews" };
const rule = { kind: "Route", name: "r", destination_service: "reviews" };

describe("a ServicePolicy", () => {
  it("has the defaults of the seed: 3, 5000, 50, 30 (F4.10, F4.23)", () => {
    const row = rowOf("ServicePolicy", { service_name: "reviews" });
    assert.deepEqual([row.retryAttempts, row.timeoutMs, row.cbThreshold, row.cbWindowSec], [3, 5_000, 50, 30]);
  });

  it("is a PUT: an omitted field is reset to its default, null and absent alike (F4.28, C17)", () => {
    const row = rowOf("ServicePolicy", { service_name: "reviews", timeout_ms: null });
    assert.equal(row.timeoutMs, 5_000);
  });

  it("is refused with every violation at once, each naming row, field, range and value", () => {
    assert.deepEqual(
      refusals({ ...reviews, retry_attempts: 40, timeout_ms: 0, cb_threshold: "50", lb_policy: "fastest" }),
      [
        "ServicePolicy reviews: retry_attempts must be 1-10 (got 40)",
        "ServicePolicy reviews: timeout_ms must be 1-3600000 ms (got 0)",
        'ServicePolicy reviews: cb_threshold must be 1-100% (got "50")',
        'ServicePolicy reviews: lb_policy must be one of round_robin, least_request, peak_ewma, ring_hash, maglev, random (got "fastest")',
      ],
    );
  });

  it("needs a per-try timeout below the whole timeout, and a back-off that rises", () => {
    assert.deepEqual(paths({ ...reviews, timeout_ms: 100, per_try_timeout_ms: 100, retry_backoff_base_ms: 300 }), [
      "per_try_timeout_ms",
      "retry_backoff_base_ms",
    ]);
  });

  it("hashes only where something is hashed, on a header in lower case, a cookie or the source", () => {
    assert.equal(
      rowOf("ServicePolicy", { service_name: "a", lb_policy: "maglev", hash_on: "header:X-User" }).hashOn,
      "header:x-user",
    );
    assert.equal(
      rowOf("ServicePolicy", { service_name: "a", lb_policy: "ring_hash", hash_on: "cookie:SID" }).hashOn,
      "cookie:SID",
    );
    assert.deepEqual(paths({ ...reviews, hash_on: "source" }), ["hash_on"]);
    for (const hashOn of ["header:", "header:a b", "path", "cookie:x;y", 7]) {
      assert.deepEqual(paths({ ...reviews, lb_policy: "maglev", hash_on: hashOn }), ["hash_on"], String(hashOn));
    }
  });

  it("takes whole numbers only", () => {
    for (const value of [1.5, Number.NaN, Infinity, -1, 2 ** 40, true, [], {}, "3"]) {
      assert.deepEqual(paths({ ...reviews, retry_attempts: value }), ["retry_attempts"], String(value));
    }
  });
});

describe("names (F4.32)", () => {
  it("have at most 128 characters of a safe set, and versions 32", () => {
    const longest = "a".repeat(128);
    assert.equal(rowOf("ServicePolicy", { service_name: longest }).serviceName, longest);
    for (const name of [`${longest}a`, "-a", "a.", "a b", "a/b", "a|b", "ä", "a\n", ""]) {
      assert.deepEqual(paths({ kind: "ServicePolicy", service_name: name }), ["service_name"], JSON.stringify(name));
    }
    const endpoint = { kind: "ServiceEndpoint", service_name: "a", pod_ip: "10.0.0.1", port: 1 };
    assert.deepEqual(paths({ ...endpoint, version: "v".repeat(32) }), []);
    assert.deepEqual(paths({ ...endpoint, version: "v".repeat(33) }), ["version"]);
  });
});

describe("a ServiceEndpoint", () => {
  it("has a port of 1-65535 and an address that can be called (F4.32)", () => {
    for (const port of [0, 65_536, -1, 80.5]) {
      assert.deepEqual(paths({ kind: "ServiceEndpoint", service_name: "a", pod_ip: "10.0.0.1", port }), ["port"]);
    }
    for (const ip of ["10.0.0", "10.0.0.256", "localhost", "fe80::1%eth0", "0.0.0.0", "::", ":::"]) {
      assert.deepEqual(paths({ kind: "ServiceEndpoint", service_name: "a", pod_ip: ip, port: 1 }), ["pod_ip"], ip);
    }
  });

  it("is one row however its address is spelled", () => {
    const row = rowOf("ServiceEndpoint", { service_name: "a", pod_ip: "0:0:0:0:0:0:0:1", port: 1 });
    assert.equal(row.podIp, "::1");
  });

  it("is healthy, of weight 1 and of no version unless told otherwise (F4.13)", () => {
    const row = rowOf("ServiceEndpoint", { service_name: "a", pod_ip: "10.0.0.1", port: 1 });
    assert.deepEqual([row.healthy, row.weight, row.version, row.registeredBy], [true, 1, null, null]);
  });

  it("cannot be given a lease by its author", () => {
    const row = rowOf("ServiceEndpoint", { service_name: "a", pod_ip: "10.0.0.1", port: 1, registered_by: "me" });
    assert.equal(row.registeredBy, null);
  });
});

describe("a TrafficSplit", () => {
  it("must have weights that sum to 100, in the words of the seed (F2.26, C10)", () => {
    assert.deepEqual(refusals({ ...canary, v1_weight: 95, v2_weight: 10 }), [
      "TrafficSplit reviews: Weights must sum to 100 (got 95+10=105)",
    ]);
    assert.deepEqual(refusals({ ...canary, source_service: "web", v1_weight: 0 }), [
      "TrafficSplit web->reviews: Weights must sum to 100 (got 0+0=0)",
    ]);
  });

  it("is 100 to 0, for all callers, between v1 and v2 by default (F4.12, C9, C16)", () => {
    const row = rowOf("TrafficSplit", { destination_service: "reviews" });
    assert.deepEqual([row.v1Weight, row.v2Weight, row.sourceService], [100, 0, null]);
    assert.deepEqual([row.v1Version, row.v2Version, row.headerMatch], ["v1", "v2", null]);
  });

  it("maps its two sides to any two versions (C16)", () => {
    const row = split("reviews", 90, 10, { v1_version: "stable", v2_version: "canary" });
    assert.deepEqual([row.v1Version, row.v2Version], ["stable", "canary"]);
    assert.deepEqual(paths({ ...canary, v1_version: "v2" }), ["v2_version"]);
  });

  it("compares header names without case, and takes JSON true as the text (F4.20, F4.29)", () => {
    const row = split("reviews", 100, 0, { header_match: { "X-Canary": true, "x-wave": 2 } });
    assert.deepEqual(row.headerMatch, { "x-canary": "true", "x-wave": "2" });
  });

  it("refuses headers that no request can have", () => {
    const odd = { "a b": "1", "": "1", "x-a": "line\nbreak", "x-b": " blank", "x-c": {}, "x-d": "1", "X-D": "again" };
    assert.equal(refusals({ ...canary, header_match: odd }).length, 6);
    assert.deepEqual(paths({ ...canary, header_match: ["x"] }), ["header_match"]);
    const many = Object.fromEntries(Array.from({ length: 17 }, (_, index) => [`x-${index}`, "1"]));
    assert.match(refusals({ ...canary, header_match: many }).join(), /at most 16 entries \(got 17\)/);
  });

  it("keeps a header named __proto__ a header", () => {
    const document: unknown = JSON.parse(
      '{"kind":"TrafficSplit","destination_service":"a","header_match":{"__proto__":"1"}}',
    );
    const read = rowFromDocument(document);
    assert.ok(read.ok && read.value.kind === "TrafficSplit");
    assert.deepEqual(Object.entries(read.value.headerMatch ?? {}), [["__proto__", "1"]]);
  });
});

describe("a Route", () => {
  it("matches by one kind of path and does one thing", () => {
    const document = {
      ...rule,
      path_exact: "/a",
      path_prefix: "/b",
      redirect: { path: "/c" },
      direct_response: { status: 200 },
    };
    assert.deepEqual(refusals(document), [
      "Route r: only one of path_exact, path_prefix and path_regex may be set (got path_exact and path_prefix)",
      "Route r: only one of destinations, redirect and direct_response may be set (got redirect and direct_response)",
    ]);
  });

  it("takes regexes of RE2 only, and only small ones", () => {
    assert.deepEqual(paths({ ...rule, path_regex: "/(a|b)+" }), []);
    for (const regex of ["(", "(?=x)", "\\1", "x{1001}", "(x{999})+(x{999})+", "a".repeat(513)]) {
      assert.deepEqual(paths({ ...rule, path_regex: regex }), ["path_regex"], regex.slice(0, 20));
    }
  });

  it("names every part of a destination that is wrong by its place", () => {
    const destinations = [{ service: "a" }, { service: "", weight: -1, wieght: 2 }, 7];
    assert.deepEqual(paths({ ...rule, destinations }), [
      "destinations[1].wieght",
      "destinations[1].service",
      "destinations[1].weight",
      "destinations[2]",
    ]);
    assert.deepEqual(paths({ ...rule, destinations: [{ service: "a", weight: 0 }] }), ["destinations"]);
    assert.deepEqual(paths({ ...rule, destinations: Array.from({ length: 17 }, () => ({ service: "a" })) }), [
      "destinations",
    ]);
  });

  it("writes methods in upper case, sorted and once", () => {
    assert.deepEqual(route("r", "a", { methods: ["post", "GET", "POST"] }).methods, ["GET", "POST"]);
    assert.deepEqual(paths({ ...rule, methods: ["G T", 7] }), ["methods[0]", "methods[1]"]);
    assert.deepEqual(paths({ ...rule, methods: "GET" }), ["methods"]);
  });

  it("refuses rewrites and limits where nothing is forwarded or matched", () => {
    const answered = { ...rule, direct_response: { status: 204 }, timeout_ms: 5, retry_attempts: 2, host_rewrite: "a" };
    assert.deepEqual(paths(answered), ["host_rewrite", "timeout_ms", "retry_attempts"]);
    assert.deepEqual(paths({ ...rule, prefix_rewrite: "/x" }), ["prefix_rewrite"]);
    assert.deepEqual(paths({ ...rule, path_regex: "/a", prefix_rewrite: "/x" }), ["prefix_rewrite"]);
  });

  it("refuses a redirect to itself and a body of more than 4096 bytes", () => {
    assert.deepEqual(paths({ ...rule, redirect: { status: 302 } }), ["redirect"]);
    assert.deepEqual(paths({ ...rule, redirect: {} }), ["redirect"]);
    assert.deepEqual(paths({ ...rule, redirect: { status: 305, host: "a" } }), ["redirect.status"]);
    assert.deepEqual(paths({ ...rule, direct_response: { status: 200, body: "ä".repeat(2_049) } }), [
      "direct_response.body",
    ]);
    assert.deepEqual(paths({ ...rule, direct_response: {} }), ["direct_response.status"]);
  });
});

describe("an input of the wrong shape", () => {
  it("is a violation, never an exception", () => {
    for (const input of [null, undefined, 7, "x", [], {}, { kind: 1 }, { kind: "__proto__" }, { kind: "toString" }]) {
      assert.equal(refusals(input).length, 1, JSON.stringify(input));
    }
    assert.match(refusals({ kind: "TraficSplit" })[0] ?? "", /did you mean TrafficSplit\?/);
  });

  it("has its unknown keys named, with the nearest known one", () => {
    assert.deepEqual(refusals({ ...reviews, timout_ms: 1 }), [
      "ServicePolicy reviews: timout_ms is no field; did you mean timeout_ms?",
    ]);
    assert.match(
      refusals({ ...reviews, colour: 1 })[0] ?? "",
      /colour is no field; the fields are service_name, retry_attempts/,
    );
  });

  it("as a message has the names of properties, and the same words", () => {
    const read = readRow("ServicePolicy", { serviceName: "reviews", timeoutMs: 0 }, "property");
    assert.deepEqual(read.ok ? [] : read.error, [
      { path: "timeout_ms", message: "ServicePolicy reviews: timeout_ms must be 1-3600000 ms (got 0)" },
    ]);
  });
});
