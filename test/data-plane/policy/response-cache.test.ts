import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

import fc from "fast-check";

import { ResponseCache, type StoredResponse } from "../../../data-plane/policy/response-cache.ts";
import { mayStore } from "../../../data-plane/policy/storable.ts";

const BOUNDS = { bytesMax: 10_000, entriesMax: 8 };

function answer(body: string, headers: string[] = []): { headers: string[]; body: Buffer } {
  return { headers, body: Buffer.from(body) };
}

function bodyOf(stored: StoredResponse | undefined): string | undefined {
  return stored?.body.toString();
}

/** Of the heap, without what is garbage. */
function usedBytes(): number {
  setFlagsFromString("--expose-gc");
  runInNewContext("gc")();
  return process.memoryUsage().heapUsed;
}

describe("what may be kept", () => {
  const cases: readonly (readonly [string, boolean, string, number, string[], string[]])[] = [
    ["a plain 200 to a GET", true, "GET", 200, [], []],
    ["an answer to a POST", false, "POST", 200, [], []],
    ["a 404", false, "GET", 404, [], []],
    ["no-store", false, "GET", 200, [], ["cache-control", "max-age=5, No-Store"]],
    ["private, with an argument", false, "GET", 200, [], ["cache-control", 'private="x"']],
    ["must-revalidate: it may not be served when stale", false, "GET", 200, [], ["cache-control", "must-revalidate"]],
    ["on a second line", false, "GET", 200, [], ["cache-control", "max-age=1", "cache-control", "no-store"]],
    ["a request that says no-store", false, "GET", 200, ["cache-control", "no-store"], []],
    ["a request with credentials", false, "GET", 200, ["authorization", "x"], []],
    ["a request with cookies", false, "GET", 200, ["cookie", "a=1"], []],
    ["a request with credentials, and public", true, "GET", 200, ["authorization", "x"], ["cache-control", "public"]],
    [
      "an answer that sets a cookie, even public",
      false,
      "GET",
      200,
      [],
      ["cache-control", "public", "set-cookie", "a=1"],
    ],
    ["a fallback of another proxy", false, "GET", 200, [], ["x-heddle-fallback", "static"]],
    ["vary by anything", false, "GET", 200, [], ["vary", "accept, *"]],
  ];
  for (const [name, expected, method, status, request, response] of cases) {
    it(`${expected ? "is" : "is not"} ${name}`, () =>
      assert.equal(mayStore(method, status, request, response), expected));
  }
});

describe("the cache of last good answers", () => {
  it("gives an answer only to the variant it was chosen for", () => {
    const cache = new ResponseCache(BOUNDS);
    cache.store("k", ["accept-language", "de"], answer("hallo", ["vary", "Accept-Language"]), 0);
    assert.equal(bodyOf(cache.find("k", ["accept-language", "de"], 100, 0)), "hallo");
    assert.equal(cache.find("k", ["accept-language", "en"], 100, 0), undefined);
    assert.equal(cache.find("k", [], 100, 0), undefined);
  });

  it("keeps no memory beyond what it counts: not the heads of the requests that answers were chosen by", () => {
    const cache = new ResponseCache({ bytesMax: 16 * 1024 * 1024, entriesMax: 4_096 });
    const before = usedBytes();
    for (let entry = 0; entry < 2_000; entry += 1) {
      // As the decoder cuts it: parts of one long string.
      const bytes = Buffer.from(`/a-path-of-some-length-${entry} | gzip, deflate, br, zstd | ${"x".repeat(32_000)}`);
      const head = bytes.toString("latin1");
      const [path = "", accepted = ""] = head.split(" | ");
      cache.store(`reviews ${path}`, ["accept-encoding", accepted], answer("x", ["vary", "accept-encoding"]), 0);
    }
    const grownBytes = usedBytes() - before;
    assert.equal(cache.size, 2_000);
    assert.ok(grownBytes < 8 * 1024 * 1024, `${grownBytes} bytes for ${cache.bytes} that were counted`);
  });

  it("counts the age that an answer came with, and does not keep the header", () => {
    const cache = new ResponseCache(BOUNDS);
    cache.store("k", [], answer("x", ["age", "3", "x-a", "1"]), 0);
    assert.deepEqual(cache.find("k", [], 3_000, 0)?.headers, ["x-a", "1"]);
    assert.equal(cache.find("k", [], 3_000, 1), undefined);
  });

  it("agrees with a naive model, and keeps its bounds", () => {
    const step = fc.record({ key: fc.nat(12), size: fc.nat(4_000), at: fc.nat(100) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const cache = new ResponseCache(BOUNDS);
        let model: { key: string; size: number; storedMs: number }[] = [];
        let nowMs = 0;
        for (const { key, size, at } of steps) {
          nowMs += at;
          const name = `k${key}`;
          cache.store(name, [], answer("x".repeat(size)), nowMs);
          model = [...model.filter((one) => one.key !== name), { key: name, size, storedMs: nowMs }];
          const cost = (): number => model.reduce((sum, one) => sum + 512 + one.key.length + one.size, 0);
          while (model.length > BOUNDS.entriesMax || cost() > BOUNDS.bytesMax) model.shift();
          assert.equal(cache.bytes, cost());
          assert.equal(cache.size, model.length);
        }
        for (let key = 0; key <= 12; key += 1) {
          const kept = model.find((one) => one.key === `k${key}` && nowMs - one.storedMs <= 200);
          assert.equal(cache.find(`k${key}`, [], 200, nowMs)?.body.length, kept?.size);
        }
      }),
      { numRuns: 2_000 },
    );
  });
});
