/** What the writer writes the decoder reads, however the bytes are cut; and no bytes at all depend on how they are cut. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import type { BodyFraming, HeaderList } from "../../../data-plane/http1/message.ts";
import {
  CHUNK_END,
  type RequestHeadParts,
  type ResponseHeadParts,
  chunkHeadText,
  headerLine,
  lastChunkText,
  requestHeadText,
  responseHeadText,
} from "../../../data-plane/http1/write-head.ts";
import { bytesOf, decodeRequests, decodeResponse, everyByte, pick, pieces } from "./decode-all.ts";

const SEED = 20_260_101;
const RUNS = { seed: SEED, numRuns: 500 };

const TOKEN = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz";
const HOP = new Set(["te", "host", "expect", "upgrade", "trailer", "connection", "keep-alive"]);
const token = fc.string({ unit: fc.constantFrom(...Array.from(TOKEN)), minLength: 1, maxLength: 12 });
const name = fc.oneof(token, fc.constantFrom("accept", "cookie", "x-a")).filter((text) => !HOP.has(text));
const visible = fc.integer({ min: 0x20, max: 0xff }).filter((code) => code !== 0x7f);
const value = fc
  .array(fc.oneof(visible, fc.constant(0x09)), { maxLength: 20 })
  .map((codes) => String.fromCharCode(...codes).replaceAll(/^[ \t]+|[ \t]+$/g, ""));
const headers: fc.Arbitrary<HeaderList> = fc
  .array(fc.tuple(name, value), { maxLength: 6 })
  .map((lines) => lines.flat());
const trailers: fc.Arbitrary<HeaderList> = fc
  .array(fc.tuple(fc.constantFrom("etag", "grpc-status", "server-timing"), value), { maxLength: 2 })
  .map((lines) => lines.flat());
const bodyPieces = fc.array(fc.string({ unit: "binary-ascii", minLength: 1, maxLength: 30 }), { maxLength: 4 });
const cutSeeds = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 5 });
const path = fc.constantFrom("/", "/a", "/a/b.c/", "/%20~", "/a;b=c");
const query = fc.constantFrom("", "?", "?a=b&c=%2f", "?/../");
const authority = fc.constantFrom("a", "a.b:81", "[::1]", "[::1]:90");
const mode: fc.Arbitrary<BodyFraming> = fc.constantFrom("none", "length", "chunked");

describe("writer and decoder", () => {
  it("requests come out as they went in", () => {
    const message = fc.record({
      method: token,
      path,
      query,
      authority,
      headers,
      framing: mode,
      body: bodyPieces,
      trailers,
      flags: fc.record({
        keepAlive: fc.boolean(),
        acceptsTrailers: fc.boolean(),
        upgrade: fc.constantFrom("", "websocket"),
      }),
    });
    fc.assert(
      fc.property(message, cutSeeds, (sent, seeds) => {
        const { method, authority, headers, framing, flags } = sent;
        const body = framing === "none" ? [] : sent.body;
        const contentLength = framing === "length" ? body.join("").length : -1;
        const expectsContinue = framing === "chunked" || contentLength > 0;
        const head = { method, authority, headers, framing, contentLength, expectsContinue, ...flags };
        const parts: RequestHeadParts = { ...head, target: sent.path + sent.query, extraLines: "" };
        const text = requestHeadText(parts) + bodyText(framing, body, sent.trailers);
        const { messages, end } = decodeRequests(cut(text, seeds));
        assert.equal(end, flags.keepAlive ? "more" : "closed");
        const upgrade = expectsContinue ? "" : flags.upgrade;
        const expected = { ...head, upgrade, path: sent.path, query: sent.query, form: "origin", minorVersion: 1 };
        assert.deepEqual(pick(messages[0]?.head, Object.keys(expected)), expected);
        assert.equal(messages[0]?.body, body.join(""));
        assert.deepEqual(messages[0]?.trailers, framing === "chunked" ? sent.trailers : []);
      }),
      RUNS,
    );
  });

  it("responses come out as they went in", () => {
    const message = fc.record({
      status: fc.constantFrom(200, 201, 301, 404, 503, 599),
      reason: fc.constantFrom("", "OK", "Not \xe9 found"),
      headers,
      framing: fc.oneof(mode, fc.constant<BodyFraming>("until-close")).filter((framing) => framing !== "none"),
      body: bodyPieces,
      trailers,
      keepAlive: fc.boolean(),
    });
    fc.assert(
      fc.property(message, cutSeeds, ({ body, trailers, ...sent }, seeds) => {
        const contentLength = sent.framing === "length" ? body.join("").length : -1;
        const keepAlive = sent.keepAlive && sent.framing !== "until-close";
        const head = { ...sent, contentLength, keepAlive, upgrade: "" };
        const parts: ResponseHeadParts = { ...head, extraLines: "", toHttp10: false };
        const text = responseHeadText(parts) + bodyText(sent.framing, body, trailers);
        const { messages } = decodeResponse(cut(text, seeds), { eof: true });
        assert.deepEqual(pick(messages[0]?.head, Object.keys(head)), head);
        assert.equal(messages[0]?.body, body.join(""));
        assert.deepEqual(messages[0]?.trailers, sent.framing === "chunked" ? trailers : []);
      }),
      RUNS,
    );
  });

  it("a line of our own is written or refused, never split", () => {
    fc.assert(
      fc.property(
        fc.string({ unit: "binary", maxLength: 8 }),
        fc.string({ unit: "binary", maxLength: 8 }),
        (name, value) => {
          const line = headerLine(name, value);
          if (line === undefined) return;
          const parts = { status: 200, reason: "OK", headers: [], framing: "length", contentLength: 0 } as const;
          const text = responseHeadText({ ...parts, extraLines: line, keepAlive: true, toHttp10: false, upgrade: "" });
          const { messages, end } = decodeResponse([bytesOf(text)]);
          assert.equal(end, "more");
          const read = messages[0]?.head.headers ?? [];
          if (read.length > 0) assert.deepEqual(read, [name.toLowerCase(), value.replaceAll(/^[ \t]+|[ \t]+$/g, "")]);
        },
      ),
      RUNS,
    );
    for (const value of ["a\r\nb: c", "a\nb", "a\rb", "a\0", "\u2028", "a\x7f"])
      assert.equal(headerLine("x", value), undefined);
    for (const name of ["", "a b", "a:", "a\r\n", "\xe9"]) assert.equal(headerLine(name, "x"), undefined);
  });
});

describe("any bytes", () => {
  const request =
    "POST /a/b?c HTTP/1.1\r\nHost: a\r\nX-A: b\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n0\r\nEtag: z\r\n\r\n" +
    "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc";
  const response =
    "HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\nHTTP/1.1 200 OK\r\nX-A: b\r\nTransfer-Encoding: chunked\r\n\r\n" +
    "5;x=y\r\nhello\r\n0\r\nEtag: z\r\n\r\n";
  const mutation = fc.tuple(
    fc.double({ min: 0, max: 0.999, noNaN: true }),
    fc.integer({ min: 0, max: 255 }),
    fc.nat(2),
  );
  const mutations = fc.array(mutation, { maxLength: 4 });

  it("give the same outcome whole, cut, and byte by byte: requests", () => {
    fc.assert(
      fc.property(mutations, cutSeeds, (changes, seeds) => {
        const bytes = mutated(request, changes);
        const whole = decodeRequests(pieces(bytes, []));
        assert.deepEqual(decodeRequests(cut(bytes.toString("latin1"), seeds)), whole);
        assert.deepEqual(decodeRequests(pieces(bytes, everyByte(bytes))), whole);
      }),
      RUNS,
    );
  });

  it("give the same outcome whole, cut, and byte by byte: responses", () => {
    fc.assert(
      fc.property(mutations, cutSeeds, (changes, seeds) => {
        const bytes = mutated(response, changes);
        const whole = decodeResponse(pieces(bytes, []), { eof: true });
        assert.deepEqual(decodeResponse(cut(bytes.toString("latin1"), seeds), { eof: true }), whole);
        assert.deepEqual(decodeResponse(pieces(bytes, everyByte(bytes)), { eof: true }), whole);
      }),
      RUNS,
    );
  });
});

function bodyText(framing: BodyFraming, body: readonly string[], trailers: HeaderList): string {
  if (framing !== "chunked") return body.join("");
  return body.map((piece) => chunkHeadText(piece.length) + piece + CHUNK_END).join("") + lastChunkText(trailers);
}

function cut(text: string, seeds: readonly number[]): Buffer[] {
  const bytes = bytesOf(text);
  const cuts = seeds.map((seed) => Math.floor(seed * bytes.length)).sort((a, b) => a - b);
  return pieces(bytes, cuts);
}

/** Replaces, inserts or removes one byte per change. */
function mutated(text: string, changes: readonly (readonly [number, number, number])[]): Buffer {
  let bytes = bytesOf(text);
  for (const [place, byte, kind] of changes) {
    const at = Math.floor(place * bytes.length);
    const before = bytes.subarray(0, at + Number(kind === 1));
    const added = kind === 2 ? Buffer.alloc(0) : Buffer.from([byte]);
    bytes = Buffer.concat([before, added, bytes.subarray(at + 1)]);
  }
  return bytes;
}
