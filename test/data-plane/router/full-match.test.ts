import assert from "node:assert/strict";
import { describe, it } from "node:test";

import fc from "fast-check";
import { RE2JS } from "re2js";

import { compileRegex, literalPrefix } from "../../../data-plane/router/full-match.ts";

describe("a full match of a pattern", () => {
  it("is what the engine alone would say, for every pattern and value", () => {
    const piece = fc.constantFrom(
      "a",
      "b",
      "/",
      "-",
      "a*",
      "b?",
      "a+",
      "a{0}",
      "b{1,2}",
      ".",
      ".*",
      "[ab]",
      "(a)",
      "(a|b)",
      "|",
      "^",
      "$",
      "\\.",
      "(?i)",
      "(?:a)?",
    );
    const pattern = fc.array(piece, { maxLength: 6 }).map((parts) => parts.join(""));
    const value = fc.string({ unit: fc.constantFrom("a", "b", "/", "-", ".", "A"), maxLength: 6 });
    fc.assert(
      fc.property(pattern, fc.array(value, { minLength: 1, maxLength: 20 }), (text, values) => {
        const regex = compileRegex(text);
        if (!regex.ok) return assert.throws(() => RE2JS.compile(text));
        const engine = RE2JS.compile(text);
        for (const one of values) assert.equal(regex.value.matchesWhole(one), engine.matches(one), `${text} on ${one}`);
      }),
      { numRuns: 3_000 },
    );
  });

  it("begins with the literal text of the pattern, as far as that is sure", () => {
    const rows: [pattern: string, prefix: string][] = [
      ["/users/[0-9]+", "/users/"],
      ["^/users/.*", "/users/"],
      ["/a/b", "/a/b"],
      ["/ab*", "/a"],
      ["/ab?c", "/a"],
      ["/ab{0,1}", "/a"],
      ["/ab+", "/ab"],
      ["/a|/b", ""],
      ["(?i)/a", ""],
      ["", ""],
    ];
    for (const [pattern, prefix] of rows) assert.equal(literalPrefix(pattern), prefix, pattern);
  });
});
