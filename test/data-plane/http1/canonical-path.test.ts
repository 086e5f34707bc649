import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { canonicalPath } from "../../../data-plane/http1/canonical-path.ts";
import { pathCorpus } from "../../support/http-corpora.ts";
import { bytesOf, decodeRequests } from "./decode-all.ts";

const SEED = 20_260_101;

describe("canonicalPath", () => {
  const { entries, skip } = pathCorpus();

  it("agrees with Envoy's merged and resolved paths, or refuses", { skip }, () => {
    const merged = entries.filter(({ group }) => group === "MergeSlashes" || group === "Invalid");
    assert.equal(merged.length, 17);
    for (const { inp, out } of merged) {
      const refused = /#|\\|%2f|%5c|%00/i.test(inp);
      const { messages, end } = decodeRequests([bytesOf(`GET ${inp} HTTP/1.1\r\nHost: a\r\n\r\n`)]);
      if (refused) assert.equal(typeof end === "object" && end.status, 400, inp);
      else assert.equal(messages[0]?.head.path, out, inp);
    }
  });

  it("every path of the corpus is refused or becomes one canonical path", { skip }, () => {
    for (const { inp } of entries) {
      const { messages, end } = decodeRequests([bytesOf(`GET ${inp} HTTP/1.1\r\nHost: a\r\n\r\n`)]);
      const path = messages[0]?.head.path;
      if (path === undefined) assert.equal(typeof end === "object" && end.status, 400, inp);
      else assertCanonical(path);
    }
  });

  const part = fc.constantFrom(
    "/",
    "/",
    "a",
    "B",
    ".",
    "..",
    "%2e",
    "%41",
    "%e9",
    "%20",
    "%2f",
    "%00",
    "%",
    "%zz",
    ";",
    "~",
  );
  const path = fc.array(part, { maxLength: 12 }).map((parts) => `/${parts.join("")}`);

  it("is canonical after one application", () => {
    fc.assert(
      fc.property(path, (text) => {
        const once = canonicalPath(text);
        if (once !== undefined) assertCanonical(once);
      }),
      { seed: SEED, numRuns: 5_000 },
    );
  });

  it("decides as the slow reading of the rules does", () => {
    fc.assert(
      fc.property(path, (text) => assert.equal(canonicalPath(text), naivePath(text))),
      { seed: SEED, numRuns: 5_000 },
    );
  });
});

function assertCanonical(path: string): void {
  assert.match(path, /^\/(?!\/)/);
  assert.doesNotMatch(path, /\/\/|\/\.{1,2}(\/|$)|%2F|%5C|%00|%[^0-9A-F]|%.[^0-9A-F]/);
  assert.equal(canonicalPath(path), path);
}

/** The same rules by plain text replacement, one rule after the other. */
function naivePath(path: string): string | undefined {
  if (/%(?![0-9a-f]{2})|%2f|%5c|%00|%c[01]%[89ab]|%e0%[89]|%f0%8/i.test(path)) return undefined;
  let text = path.replaceAll(/%../g, (escape) => {
    const character = String.fromCharCode(Number.parseInt(escape.slice(1), 16));
    return /[\w.~-]/.test(character) ? character : escape.toUpperCase();
  });
  if (/\/\.{1,2};/.test(text)) return undefined;
  text = text.replaceAll(/\/\.(?=\/|$)/g, (_, at: number) => (at + 2 === text.length ? "/" : ""));
  while (/\/\.\.(\/|$)/.test(text)) {
    if (/^\/\.\.(\/|$)/.test(text)) return undefined;
    text = text.replace(/\/[^/]*\/\.\.(\/|$)/, "/");
  }
  return text.replaceAll(/\/+/g, "/") || "/";
}
