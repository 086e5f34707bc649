import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { CODEC_LIMITS } from "../../../data-plane/http1/codec-limits.ts";
import { BODY_TOO_LARGE } from "../../../data-plane/http1/failures.ts";
import { bytesOf, decodeRequests, everyByte, pieces } from "./decode-all.ts";

const post = (fields: string, body: string): string => `POST / HTTP/1.1\r\nHost: a\r\n${fields}\r\n${body}`;
const chunked = (body: string): string => post("Transfer-Encoding: chunked\r\n", body);

describe("the bound on a body", () => {
  it("is on its bytes, however their number is told", () => {
    const bodies = [
      post("Content-Length: 5\r\n", "abcde"),
      chunked("5\r\nabcde\r\n0\r\n\r\n"),
      chunked("1;x=y\r\na\r\n4\r\nbcde\r\n0\r\n\r\n"),
    ];
    for (const text of bodies) {
      for (const cuts of [[], everyByte(bytesOf(text))]) {
        const endWith = (bodyBytesMax: number): unknown =>
          decodeRequests(pieces(bytesOf(text + text), cuts), { limits: { ...CODEC_LIMITS, bodyBytesMax } }).end;
        assert.equal(endWith(5), "more");
        assert.deepEqual(endWith(4), BODY_TOO_LARGE);
        assert.deepEqual(endWith(0), BODY_TOO_LARGE);
      }
    }
  });

  it("refuses a chunk by its size, before any of it has come", () => {
    const limits = { ...CODEC_LIMITS, bodyBytesMax: 1_000 };
    const { end } = decodeRequests([bytesOf(chunked("3e9\r\n"))], { limits });
    assert.deepEqual(end, BODY_TOO_LARGE);
  });
});
