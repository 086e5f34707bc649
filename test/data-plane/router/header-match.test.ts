import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { compileHeaderMatch } from "../../../data-plane/router/header-match.ts";
import { headerValue } from "../../../data-plane/router/header-value.ts";
import type { HeaderMatch } from "../../../shared/model/route.ts";
import { exactly, head, header } from "../../support/route-builders.ts";

function holds(match: HeaderMatch, headers: Record<string, string | string[]>): boolean {
  return compileHeaderMatch(match, "", []).matches(head("GET web/a?q=1", headers));
}

describe("a condition on a header", () => {
  it("never holds for an absent header, inverted or not, unless that counts as empty", () => {
    const rows: [parts: Partial<HeaderMatch>, absent: boolean, empty: boolean, other: boolean][] = [
      [{}, false, false, false],
      [{ invert: true }, false, true, true],
      [{ treatMissingAsEmpty: true }, false, false, false],
      [{ treatMissingAsEmpty: true, invert: true }, true, true, true],
    ];
    for (const [parts, absent, empty, other] of rows) {
      const match = header("x-a", "1", parts);
      assert.deepEqual(
        [holds(match, {}), holds(match, { "x-a": "" }), holds(match, { "x-a": "2" })],
        [absent, empty, other],
      );
    }
    assert.equal(holds(header("x-a", "", { treatMissingAsEmpty: true }), {}), true);
  });

  it("on presence honours invert", () => {
    for (const present of [true, false]) {
      for (const invert of [true, false]) {
        const match = header("x-a", { kind: "present", present }, { invert });
        assert.equal(holds(match, { "x-a": "" }), present !== invert);
        assert.equal(holds(match, {}), present === invert);
      }
    }
  });

  it("compares texts and numbers like this table", () => {
    const rows: [value: HeaderMatch["value"], text: string, expected: boolean][] = [
      [{ kind: "prefix", value: "Ab", ignoreCase: false }, "abc", false],
      [{ kind: "prefix", value: "Ab", ignoreCase: true }, "aBc", true],
      [{ kind: "suffix", value: "c", ignoreCase: false }, "abc", true],
      [{ kind: "contains", value: "B", ignoreCase: true }, "abc", true],
      [{ kind: "regex", value: "a.c" }, "abc", true],
      [{ kind: "regex", value: "a.c" }, "xabc", false],
      [{ kind: "regex", value: "a" }, "ab", false],
      [{ kind: "range", start: 1, end: 10 }, "1", true],
      [{ kind: "range", start: 1, end: 10 }, "10", false],
      [{ kind: "range", start: -5, end: 0 }, "-5", true],
      [{ kind: "range", start: 0, end: 10 }, "1.5", false],
      [{ kind: "range", start: 0, end: 10 }, "", false],
      [{ kind: "range", start: 0, end: 10 }, "0x1", false],
    ];
    for (const [value, text, expected] of rows) {
      assert.equal(holds(header("x-a", value), { "x-a": text }), expected, `${JSON.stringify(value)} ${text}`);
    }
  });

  it("does not fold the case of a name given in upper case into a miss", () => {
    assert.equal(holds(header("X-Canary", "true"), { "x-canary": "true" }), true);
  });

  it("without a name, or with a pattern that is none, is refused", () => {
    const violations: { path: string; message: string }[] = [];
    compileHeaderMatch(header("", "x"), "headers[0]", violations);
    compileHeaderMatch(header("a", { kind: "regex", value: "(" }), "headers[1]", violations);
    compileHeaderMatch(header("a", { kind: "regex", value: "(?=a)" }), "headers[2]", violations);
    compileHeaderMatch(header("a", { kind: "regex", value: "a".repeat(5_000) }), "headers[3]", violations);
    compileHeaderMatch(header("a", { kind: "range", start: 2, end: 2 }), "headers[4]", violations);
    assert.deepEqual(
      violations.map(({ path }) => path),
      ["headers[0].name", ...[1, 2, 3].map((index) => `headers[${index}].safe_regex.regex`), "headers[4].range_match"],
    );
    assert.match(violations[1]?.message ?? "", /^"\(" is not a regular expression of RE2: /);
  });

  it("answers a pattern made to hang a backtracking engine at once", () => {
    const match = header("x-a", { kind: "regex", value: "(a+)+b" });
    assert.equal(holds(match, { "x-a": "a".repeat(8_000) }), false);
  });
});

describe("the value of a header", () => {
  it("of several lines is their list, cookies as one cookie string", () => {
    const request = head("GET web/", { "x-a": ["1", "2"], "x-b": "3", cookie: ["a=1", "b=2"] });
    assert.equal(headerValue(request, "x-a"), "1,2");
    assert.equal(headerValue(request, "x-b"), "3");
    assert.equal(headerValue(request, "x-c"), undefined);
    assert.equal(headerValue(request, "cookie"), "a=1; b=2");
  });

  it("is known for what the codec keeps out of the list", () => {
    const request = head("POST web:81/a?q=1");
    const names = [":method", ":path", ":authority", "host", ":scheme", "content-length", "upgrade", "expect", "te"];
    assert.deepEqual(
      names.map((name) => headerValue(request, name)),
      ["POST", "/a?q=1", "web:81", "web:81", "http", undefined, undefined, undefined, undefined],
    );
    request.framing = "length";
    request.contentLength = 5;
    request.upgrade = "websocket";
    request.expectsContinue = true;
    request.acceptsTrailers = true;
    assert.deepEqual(
      ["content-length", "transfer-encoding", "upgrade", "expect", "te"].map((name) => headerValue(request, name)),
      ["5", undefined, "websocket", "100-continue", "trailers"],
    );
    request.framing = "chunked";
    assert.equal(headerValue(request, "transfer-encoding"), "chunked");
  });

  it("of an exact match in the list does not match a name that only begins alike", () => {
    assert.equal(
      compileHeaderMatch({ ...header("x-a", "1"), value: exactly("1") }, "", []).matches(
        head("GET w/", { "x-ab": "1" }),
      ),
      false,
    );
  });
});
