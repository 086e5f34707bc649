import assert from "node:assert/strict";
import { isIPv6 } from "node:net";
import { describe, it } from "node:test";
import fc from "fast-check";
import { parseAuthority } from "../../../data-plane/http1/authority.ts";

const RUNS = { seed: 20_260_101, numRuns: 5_000 };
const part = fc.constantFrom(
  ":",
  ":",
  "::",
  "0",
  "1f",
  "FFFF",
  "12345",
  "1.2.3.4",
  "256.1.1.1",
  "01.2.3.4",
  "g",
  ".",
  "%1",
);

describe("parseAuthority", () => {
  it("takes as IPv6 what node:net takes, without zones", () => {
    const literal = fc.array(part, { maxLength: 16 }).map((parts) => parts.join(""));
    const whole = fc
      .array(fc.constantFrom("0", "1f", "FFFF"), { minLength: 6, maxLength: 8 })
      .map((groups) => groups.join(":"));
    fc.assert(
      fc.property(fc.oneof(literal, whole), (text) => {
        const expected = isIPv6(text) && !text.includes("%");
        assert.equal(parseAuthority(`[${text}]`, "http") !== undefined, expected, text);
      }),
      RUNS,
    );
  });

  it("has one spelling per host and port, which reads as itself", () => {
    const host = fc.constantFrom("a", "A.b", "a.B.", "my_svc.ns", "10.0.0.1", "[::1]", "[FE80::A]", "x-1.example");
    const port = fc.constantFrom("", ":", ":80", ":0080", ":443", ":1", ":65535");
    fc.assert(
      fc.property(host, port, fc.constantFrom<"http" | "https">("http", "https"), (host, port, scheme) => {
        const read = parseAuthority(host + port, scheme);
        assert.ok(read !== undefined);
        assert.equal(read.hostname, host.toLowerCase().replace(/\.$/, ""));
        assert.equal(read.port, Number(port.slice(1)) || (scheme === "http" ? 80 : 443));
        assert.deepEqual(parseAuthority(read.authority, scheme), { ...read, hasPort: /:\d+$/.test(read.authority) });
      }),
      RUNS,
    );
  });

  it("keeps a port that is the default of the other scheme", () => {
    assert.equal(parseAuthority("a:443", "http")?.authority, "a:443");
    assert.equal(parseAuthority("a:80", "https")?.authority, "a:80");
  });
});
