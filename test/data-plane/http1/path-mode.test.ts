import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { PATH_MODES, pathOf, type PathMode } from "../../../data-plane/http1/path-mode.ts";
import { pathCorpus } from "../../support/http-corpora.ts";
import { bytesOf, decodeRequests } from "./decode-all.ts";

const SEED = 20_260_102;

const MODE_OF_GROUP: ReadonlyMap<string, PathMode> = new Map([
  ["None", "none"],
  ["Base", "base"],
  ["MergeSlashes", "merge-slashes"],
  ["DecodeAndMergeSlashes", "decode-and-merge-slashes"],
  ["Invalid", "decode-and-merge-slashes"],
]);

describe("a path mode", () => {
  const { entries, skip } = pathCorpus();

  it("gives every path of the corpus as its group says, in all forms of the target", { skip }, () => {
    assert.equal(entries.length, 67);
    for (const { group, inp, out } of entries) {
      const pathMode = MODE_OF_GROUP.get(group);
      assert.ok(pathMode !== undefined, group);
      // A client drops the fragment; on the wire it is refused in every mode (R4).
      const path = inp.replace(/#.*/, "");
      for (const target of [path, `${path}?x=/../%2f`, `http://a${path}`]) {
        const text = `GET ${target} HTTP/1.1\r\nHost: a\r\n\r\n`;
        const { messages, end } = decodeRequests([bytesOf(text)], { pathMode });
        if (out === "400") assert.equal(typeof end === "object" && end.status, 400, inp);
        else assert.equal(messages[0]?.head.path, out, `${group} ${target}`);
      }
      if (path !== inp) {
        const { end } = decodeRequests([bytesOf(`GET ${inp} HTTP/1.1\r\nHost: a\r\n\r\n`)], { pathMode });
        assert.equal(typeof end === "object" && end.rule, "R4");
      }
    }
  });

  it("refuses malformed escapes and NUL, but for none, and clamps at the root, but for reject", () => {
    for (const path of ["/%", "/%2", "/%zz", "/a%00"]) {
      assert.equal(pathOf(path, "none"), path);
      for (const mode of PATH_MODES) if (mode !== "none") assert.equal(pathOf(path, mode), undefined, mode);
    }
    assert.equal(pathOf("/../a", "reject"), undefined);
    assert.equal(pathOf("/../a", "base"), "/a");
    assert.equal(pathOf("/a/..", "merge-slashes"), "/");
    assert.equal(pathOf("/a/b/..", "merge-slashes"), "/a/");
  });

  it("takes a backslash only where it is read as a slash or passed on as it is", () => {
    const decode = (pathMode: PathMode): unknown =>
      decodeRequests([bytesOf("GET /a\\b HTTP/1.1\r\nHost: a\r\n\r\n")], { pathMode }).messages[0]?.head.path;
    assert.deepEqual(PATH_MODES.map(decode), [undefined, "/a\\b", "/a/b", "/a/b", "/a/b"]);
  });

  const part = fc.constantFrom("/", "/", "a", ".", "..", "%2e", "%41", "%2f", "%5C", "\\", "%c0", "~");
  const path = fc.array(part, { maxLength: 12 }).map((parts) => `/${parts.join("")}`);

  it("leaves nothing to resolve or to merge", () => {
    fc.assert(
      fc.property(path, (text) => {
        const base = pathOf(text, "base") ?? "";
        assert.match(base, /^\//);
        assert.doesNotMatch(base, /\\|\/\.{1,2}(\/|$)|%41|%2e/);
        const merged = pathOf(text, "merge-slashes") ?? "";
        assert.equal(merged, base.replaceAll(/\/+/g, "/"));
        assert.doesNotMatch(pathOf(text, "decode-and-merge-slashes") ?? "", /\/\/|\\|%2f|%5c|\/\.{1,2}(\/|$)/i);
      }),
      { seed: SEED, numRuns: 5_000 },
    );
  });
});

describe("the underscore policy", () => {
  const decode = (underscores: "keep" | "drop" | "reject"): ReturnType<typeof decodeRequests> =>
    decodeRequests([bytesOf("GET / HTTP/1.1\r\nHost: a\r\nX_Role: b\r\nX-Role: c\r\nContent_Length: 5\r\n\r\n")], {
      underscores,
    });

  it("keeps such fields, drops them, or refuses the request; none is ever read as framing", () => {
    assert.deepEqual(decode("keep").messages[0]?.head.headers, ["x_role", "b", "x-role", "c", "content_length", "5"]);
    assert.equal(decode("keep").messages[0]?.head.framing, "none");
    assert.deepEqual(decode("drop").messages[0]?.head.headers, ["x-role", "c"]);
    const { end } = decode("reject");
    assert.equal(typeof end === "object" && end.code, "underscore_in_field_name");
  });
});
