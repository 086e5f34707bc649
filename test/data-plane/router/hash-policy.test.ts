import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { NO_HASH, cookieValue, hashRequest } from "../../../data-plane/router/hash-policy.ts";
import type { HashPolicy } from "../../../shared/model/route.ts";
import { hash32 } from "../../../shared/string-hash.ts";
import { head } from "../../support/route-builders.ts";

const byUser: HashPolicy = { kind: "header", name: "user_id", terminal: false };
const byCookie: HashPolicy = { kind: "cookie", name: "session_id", terminal: false };
const byQuery: HashPolicy = { kind: "query", name: "id", terminal: false };
const byIp: HashPolicy = { kind: "source-ip", terminal: false };

describe("the hash of a request", () => {
  it("is that of the one value a policy finds", () => {
    const request = head("GET web/?x=1&id=7", { user_id: "ann", cookie: "a=b; session_id=s1" });
    assert.equal(hashRequest([byUser], request, ""), hash32("ann"));
    assert.equal(hashRequest([byCookie], request, ""), hash32("s1"));
    assert.equal(hashRequest([byQuery], request, ""), hash32("7"));
    assert.equal(hashRequest([byIp], request, "10.0.0.9"), hash32("10.0.0.9"));
  });

  it("combines several values in order, rotating the former by one bit", () => {
    for (let n = 0; n < 100; n += 1) {
      const request = head("GET web/?id=7", { user_id: `user-${n}` });
      const [user, id] = [BigInt(hash32(`user-${n}`)), BigInt(hash32("7"))];
      const rotated = BigInt.asUintN(32, user << 1n) | (user >> 31n);
      assert.equal(hashRequest([byUser, byQuery], request, ""), Number(rotated ^ id));
      assert.notEqual(hashRequest([byQuery, byUser], request, ""), Number(rotated ^ id));
    }
  });

  it("stops at a terminal policy only when that found a value", () => {
    const terminal: HashPolicy = { ...byUser, terminal: true };
    const request = head("GET web/?id=7", { user_id: "ann" });
    assert.equal(hashRequest([terminal, byQuery], request, ""), hash32("ann"));
    assert.equal(hashRequest([terminal, byQuery], head("GET web/?id=7"), ""), hash32("7"));
  });

  it("does not exist when nothing is found", () => {
    assert.equal(hashRequest([byUser, byCookie, byQuery, byIp], head("GET web/"), ""), NO_HASH);
    assert.equal(hashRequest([], head("GET web/"), "10.0.0.9"), NO_HASH);
  });
});

describe("a cookie", () => {
  it("is found by its whole name", () => {
    const rows: [header: string | undefined, value: string | undefined][] = [
      [undefined, undefined],
      ["", undefined],
      ["id=1", "1"],
      ["xid=2; id=1", "1"],
      ["idx=2;id=1", "1"],
      ["a=id=3", undefined],
      ['id="q"', "q"],
      ["id=", undefined],
      ["id=1; id=2", "1"],
      ["id", undefined],
    ];
    for (const [text, value] of rows) assert.equal(cookieValue(text, "id"), value, text);
  });
});
