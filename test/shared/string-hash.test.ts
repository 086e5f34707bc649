import assert from "node:assert/strict";
import { describe, it } from "node:test";

import fc from "fast-check";

import { hash32 } from "../../shared/string-hash.ts";

describe("the hash of a text", () => {
  it("is MurmurHash3 over its UTF-16 code units", () => {
    // Reference values of MurmurHash3_x86_32 over the same bytes, little endian.
    assert.equal(hash32("", 0), 0);
    assert.equal(hash32("", 1), 0x514e28b7);
    assert.equal(hash32("", 0xffffffff), 0x81f16f39);
    // 21 43 65 87 and 21 43, from the test vectors of the algorithm.
    assert.equal(hash32("\u4321\u8765", 0), 0xf55b516b);
    assert.equal(hash32("\u4321\u8765", 0x5082edee), 0x2362f9de);
    assert.equal(hash32("\u4321", 0), 0xa0f7b07a);
    assert.equal(hash32("\u0000\u0000", 0), 0x2362f9de);
  });

  it("is an unsigned 32-bit number for every text and seed", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), fc.integer(), (text, seed) => {
        const hash = hash32(text, seed);
        assert.ok(Number.isInteger(hash) && hash >= 0 && hash <= 0xffffffff);
      }),
    );
  });

  it("spreads texts that differ little evenly over buckets", () => {
    for (const textOf of [(n: number) => `user-${n}`, (n: number) => `10.0.${n >> 8}.${n & 255}:8080`, String]) {
      const buckets = Array.from({ length: 64 }, () => 0);
      const count = 64_000;
      for (let n = 0; n < count; n += 1) {
        const bucket = hash32(textOf(n)) % 64;
        buckets[bucket] = (buckets[bucket] ?? 0) + 1;
      }
      const expected = count / 64;
      const chiSquare = buckets.reduce((sum, seen) => sum + (seen - expected) ** 2 / expected, 0);
      // 63 degrees of freedom: above 120 once in 30,000 for a fair hash. The inputs are fixed, so this never flickers.
      assert.ok(chiSquare < 120, `chi-square ${chiSquare}`);
    }
  });

  it("changes about half of its bits with one character", () => {
    let changed = 0;
    for (let n = 0; n < 1_000; n += 1) {
      let bits = (hash32(`key-${n}-a`) ^ hash32(`key-${n}-b`)) >>> 0;
      for (; bits !== 0; bits &= bits - 1) changed += 1;
    }
    assert.ok(changed > 15_500 && changed < 16_500, `${changed} of 32,000 bits`);
  });
});
