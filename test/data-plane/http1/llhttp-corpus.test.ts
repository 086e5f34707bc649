/** Every strict case of llhttp's own tests, whole, at every split offset and byte by byte. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type LlhttpEntry, llhttpCorpus, payloadText, withHost } from "../../support/http-corpora.ts";
import { type Decoded, bytesOf, decodeRequests, decodeResponse, everyByte, pieces } from "./decode-all.ts";

/** Taken by llhttp, refused by us: entry -> rule of http1.md. */
const STRICTER: ReadonlyMap<string, string> = new Map([
  ["llhttp/request/method/M-SEARCH request", "R3"],
  ["llhttp/request/method/SOURCE request with ICE", "F25"],
  ["llhttp/request/method/OPTIONS request with RTSP", "F25"],
  ["llhttp/request/method/ANNOUNCE request with RTSP", "F25"],
  ["llhttp/request/method/CONNECT with body", "H4"],
  ["llhttp/request/method/PRI request HTTP2", "R3"],
  ["llhttp/request/sample/No HTTP version", "F25"],
  ["llhttp/request/transfer-encoding/POST with `chunked` as last transfer-encoding", "R4"],
  ["llhttp/request/transfer-encoding/POST with `chunked` as last transfer-encoding (multiple headers)", "R4"],
  ["llhttp/request/uri/Quotes in URI", "R5"],
  ["llhttp/request/uri/Fragment in URI", "R4"],
  ["llhttp/request/uri/`host:port` and basic auth", "R2"],
  ["llhttp/response/connection/HTTP 100 first, then 400", "F24"],
  ["llhttp/response/sample/RTSP response", "F24"],
  ["llhttp/response/sample/ICE response", "F24"],
  ["llhttp/response/sample/HTTP version 0.9", "F24"],
  ["llhttp/response/sample/Response starting with CRLF", "F24"],
  ["llhttp/response/transfer-encoding/`chunked` before other transfer-encoding", "F2"],
  ["llhttp/response/transfer-encoding/multiple transfer-encoding where chunked is not the last one", "F4"],
  ["llhttp/response/transfer-encoding/`chunkedchunked` transfer-encoding does not enable chunked enconding", "F2"],
]);

/** Refused by llhttp, taken by us, and why. */
const WIDER: ReadonlyMap<string, string> = new Map([
  // R10: a method is any token.
  ["llhttp/request/invalid/HTTP protocol and ANNOUNCE method", "R10"],
  ["llhttp/request/invalid/Invalid method", "R10"],
  // F21, F23: the first message is taken; what follows it is left to the caller, who closes.
  ["llhttp/request/connection/No restart when keep-alive is off (1.0)", "F21"],
  ["llhttp/response/connection/HTTP/1.1 with keep-alive disabled and 204 status", "F23"],
  ["llhttp/response/connection/HTTP/1.1 with keep-alive disabled, content-length", "F23"],
]);

describe("llhttp's corpus", () => {
  const { entries, skip } = llhttpCorpus();
  const requests = entries.filter(({ type }) => type === "request");
  const responses = entries.filter(({ type }) => type === "response");

  it("has the requests and responses that its README counts", { skip }, () => {
    assert.deepEqual([requests.length, responses.length], [131, 75]);
  });

  it("requests: taken and refused as llhttp does, or by a rule on the list", { skip }, () => {
    for (const entry of requests) classify(entry, decodeRequestEntry);
  });

  it("responses: taken and refused as llhttp does, or by a rule on the list", { skip }, () => {
    for (const entry of responses) classify(entry, decodeResponseEntry);
  });

  it("requests: the outcome is the same at every split and byte by byte", { skip }, () => {
    for (const entry of requests) sameAtEverySplit(entry, decodeRequestEntry);
  });

  it("responses: the outcome is the same at every split and byte by byte", { skip }, () => {
    for (const entry of responses) sameAtEverySplit(entry, decodeResponseEntry);
  });

  it("names only entries that exist in the lists of differences", { skip }, () => {
    const ids = new Set(entries.map(({ id }) => id));
    for (const id of [...STRICTER.keys(), ...WIDER.keys()]) assert.ok(ids.has(id), id);
  });
});

type Decode = (text: string, cuts: readonly number[]) => Decoded<object>;

function decodeRequestEntry(text: string, cuts: readonly number[]): Decoded<object> {
  return decodeRequests(pieces(bytesOf(text), cuts), { allowConnect: true });
}

function decodeResponseEntry(text: string, cuts: readonly number[]): Decoded<object> {
  return decodeResponse(pieces(bytesOf(text), cuts), { upgrade: "h2c" });
}

function classify(entry: LlhttpEntry, decode: Decode): void {
  const text = entry.type === "request" ? withHost(payloadText(entry)) : payloadText(entry);
  // Some entries end before the line or the head does that their error is in; a head is judged once it is whole.
  const whole = decode(entry.error === null || WIDER.has(entry.id) ? text : `${text}\r\n\r\n`, []);
  const rule = typeof whole.end === "object" ? whole.end.rule : "";
  if (entry.error === null) assert.equal(rule, STRICTER.get(entry.id) ?? "", entry.id);
  else if (entry.error.startsWith("Pause on")) assertHandOver(entry, whole);
  else if (WIDER.has(entry.id)) assert.equal(rule, "", entry.id);
  else assert.notEqual(rule, "", `${entry.id}: taken in spite of "${entry.error}"`);
}

/** CONNECT, Upgrade and PRI: the message itself is taken; what follows is not HTTP, whatever the decoder makes of it. */
function assertHandOver(entry: LlhttpEntry, whole: Decoded<object>): void {
  const rule = STRICTER.get(entry.id);
  if (rule === undefined) assert.ok(whole.messages.length > 0 || whole.bodyBegun, entry.id);
  else assert.equal(typeof whole.end === "object" && whole.end.rule, rule, entry.id);
}

function sameAtEverySplit(entry: LlhttpEntry, decode: Decode): void {
  const text = entry.type === "request" ? withHost(payloadText(entry)) : payloadText(entry);
  const whole = decode(text, []);
  const cuts = everyByte(bytesOf(text));
  for (const cut of cuts) assert.deepEqual(decode(text, [cut]), whole, `${entry.id} cut at ${cut}`);
  assert.deepEqual(decode(text, cuts), whole, `${entry.id} byte by byte`);
}
