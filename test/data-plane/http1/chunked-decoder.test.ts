import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { ChunkedDecoder } from "../../../data-plane/http1/chunked-decoder.ts";
import { seededRandom, type Random } from "../../../shared/random.ts";

const WORLDS = 2_000;
const END = "0\r\n\r\n";
const NEXT = "GET /next HTTP/1.1\r\n";
/** Around the sizes at which pieces are moved in another way. */
const SIZES = [1, 2, 23, 24, 25, 100, 8 * 1024 - 1, 8 * 1024, 8 * 1024 + 1, 20_000];

function chunkOf(data: string, random: Random): string {
  const extension = random.below(8) === 0 ? ";a=b" : "";
  return `${data.length.toString(16)}${extension}\r\n${data}\r\n`;
}

/** Decodes what comes in reads of any length. Gives the data of each read, and how often the sink was called for it. */
function decode(text: string, cut: (left: number) => number): { readonly data: string[]; readonly calls: number[] } {
  const decoder = new ChunkedDecoder();
  decoder.reset();
  const data: string[] = [];
  const calls: number[] = [];
  for (let at = 0; at < text.length;) {
    const bytes = Buffer.from(text.slice(at, at + cut(text.length - at)), "latin1");
    const told: string[] = [];
    const onBody = (from: Buffer, start: number, end: number): void =>
      void told.push(from.toString("latin1", start, end));
    const stop = decoder.read(bytes, 0, bytes.length, { onBody });
    assert.equal(decoder.failure, undefined);
    data.push(told.join(""));
    calls.push(told.length);
    if (decoder.complete) {
      assert.equal(bytes.toString("latin1", stop), text.slice(at + stop, at + bytes.length), "the rest is left alone");
      break;
    }
    assert.equal(stop, bytes.length);
    at += stop;
  }
  assert.ok(decoder.complete);
  return { data, calls };
}

describe("chunks", () => {
  it(`give their data in its order, whatever their sizes and the reads (${WORLDS} seeds)`, () => {
    for (let seed = 1; seed <= WORLDS; seed += 1) {
      const random = seededRandom(seed);
      let body = "";
      let text = "";
      for (let chunks = random.below(12); chunks > 0; chunks -= 1) {
        const size = SIZES[random.below(random.below(4) === 0 ? SIZES.length : 6)] ?? 1;
        const data = String.fromCharCode(97 + random.below(26)).repeat(size - 1) + random.below(10);
        body += data;
        text += chunkOf(data, random);
      }
      const longest = 1 + random.below(random.below(2) === 0 ? 40 : 70_000);
      const { data } = decode(text + END + NEXT, () => 1 + random.below(longest));
      assert.equal(data.join(""), body, `seed ${seed}`);
    }
  });

  it("that come in one read are told at once, but for large ones", () => {
    const small = `${"5\r\nabcde\r\n".repeat(1_000)}${END}`;
    assert.deepEqual(
      decode(small, (left) => left),
      { data: ["abcde".repeat(1_000)], calls: [1] },
    );
    const large = `2000\r\n${"x".repeat(8_192)}\r\n2001\r\n${"y".repeat(8_193)}\r\n1\r\nz\r\n${END}`;
    assert.deepEqual(decode(large, (left) => left).calls, [2]);
  });
});
