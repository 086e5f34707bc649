/** Heads that made proxies disagree on where a request ends: at most one way to read each of them, or none. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type DesyncEntry, desyncCorpus, desyncMessage, payloadText } from "../../support/http-corpora.ts";
import { type Decoded, bytesOf, decodeRequests, everyByte, pieces } from "./decode-all.ts";

/** Called compliant there, refused by a rule of http1.md: how the payload starts, or the field it is about -> rule. */
const STRICTER: readonly (readonly [RegExp, string])[] = [
  [/^GET {2}HTTP/, "R5"],
  [/^GET \/\xd1/, "R5"],
  [/^POST \/user:pass123@/, "R4"],
  [/Transfer-Encoding:[^\r]*\r\nTransfer-Encoding:/, "F4"],
  [/Transfer-Encoding:\s*chunked;/, "F5"],
  [/Transfer-Encoding:\s*(gzip|deflate)[^\r]*, ?\t*\s*chunked/, "F3"],
];

describe("the desync corpus", () => {
  const { entries, skip } = desyncCorpus();

  it("has the entries that its README counts", { skip }, () => assert.equal(entries.length, 97));

  it("severe: refused, and nothing of it is taken for a request", { skip }, () => {
    for (const entry of of(entries, "Severe")) {
      const { end, messages } = decodeEntry(entry);
      assert.ok(typeof end === "object", entry.id);
      assert.equal(messages.length, 0, entry.id);
    }
  });

  it("ambiguous and acceptable: refused by a rule, or read as exactly one request", { skip }, () => {
    for (const entry of [...of(entries, "Ambiguous"), ...of(entries, "Acceptable")]) {
      const { end, messages, bodyBegun } = decodeEntry(entry);
      if (typeof end === "object") assert.equal(messages.length, 0, entry.id);
      else assert.equal(messages.length + Number(bodyBegun), 1, entry.id);
    }
  });

  it("compliant: taken, but for the rules on the list", { skip }, () => {
    for (const entry of of(entries, "Compliant")) {
      const { end, messages, bodyBegun } = decodeEntry(entry);
      const expected = STRICTER.find(([pattern]) => pattern.test(payloadText(entry)))?.[1] ?? "";
      assert.equal(typeof end === "object" ? end.rule : "", expected, payloadText(entry));
      if (expected === "") assert.equal(messages.length + Number(bodyBegun), 1, entry.id);
    }
  });

  it("is read the same way byte by byte", { skip }, () => {
    for (const entry of entries) {
      const bytes = bytesOf(desyncMessage(entry));
      assert.deepEqual(decodeRequests(pieces(bytes, everyByte(bytes))), decodeEntry(entry), entry.id);
    }
  });
});

function of(entries: readonly DesyncEntry[], tier: DesyncEntry["tier"]): readonly DesyncEntry[] {
  const found = entries.filter((entry) => entry.tier === tier);
  assert.ok(found.length > 0);
  return found;
}

function decodeEntry(entry: DesyncEntry): Decoded<object> {
  return decodeRequests([bytesOf(desyncMessage(entry))]);
}
