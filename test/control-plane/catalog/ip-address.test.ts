import assert from "node:assert/strict";
import { isIP } from "node:net";
import { describe, it } from "node:test";

import fc from "fast-check";

import { canonicalIp } from "../../../control-plane/catalog/ip-address.ts";

describe("canonicalIp", () => {
  it("takes what Node takes as an address, zones left out (F4.32)", () => {
    const nearly = fc.stringMatching(/^[0-9a-f:.]{0,20}$/);
    fc.assert(
      fc.property(fc.oneof(fc.ipV4(), fc.ipV6(), fc.ipV4Extended(), nearly), (text) => {
        assert.equal(canonicalIp(text) !== undefined, isIP(text) !== 0 && !text.includes("%"), text);
      }),
      { numRuns: 2_000 },
    );
  });

  it("gives every spelling of an address one spelling", () => {
    fc.assert(
      fc.property(fc.ipV6(), (text) => {
        const canonical = canonicalIp(text);
        assert.ok(canonical !== undefined);
        assert.equal(canonicalIp(canonical), canonical);
        assert.equal(canonicalIp(text.toUpperCase()), canonical);
      }),
    );
    assert.equal(canonicalIp("0:0::0001"), "::1");
  });
});
