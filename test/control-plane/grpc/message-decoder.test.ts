import assert from "node:assert/strict";
import { describe, it } from "node:test";

import fc from "fast-check";
import { status } from "@grpc/grpc-js";

import { MessageDecoder } from "../../../control-plane/grpc/message-decoder.ts";
import { messageFrame } from "../../../control-plane/grpc/message-frame.ts";

const MAX = 64;

function all(decoder: MessageDecoder): Buffer[] {
  const messages: Buffer[] = [];
  for (let next = decoder.next(); next !== undefined; next = decoder.next()) messages.push(next);
  return messages;
}

describe("messages of a call", () => {
  it("come out as they went in, however their bytes are cut, and stay as they were", () => {
    const message = fc.uint8Array({ maxLength: MAX });
    fc.assert(
      fc.property(fc.array(message, { maxLength: 8 }), fc.array(fc.nat(40), { maxLength: 60 }), (sent, cuts) => {
        const bytes = Buffer.concat(sent.map((one) => messageFrame(one)));
        const decoder = new MessageDecoder(MAX);
        const got: Buffer[] = [];
        let at = 0;
        for (const cut of [...cuts, bytes.length]) {
          decoder.push(bytes.subarray(at, at + cut));
          at += cut;
          got.push(...all(decoder));
        }
        assert.deepEqual(
          got.map((one) => [...one]),
          sent.map((one) => [...one]),
        );
        assert.equal(decoder.isMidMessage, false);
      }),
    );
  });

  it("are refused when larger than allowed, before their bytes come", () => {
    const decoder = new MessageDecoder(MAX);
    decoder.push(Buffer.from([0, 0, 0, 0, MAX + 1]));
    assert.equal(decoder.next(), undefined);
    assert.equal(decoder.refusal?.code, status.RESOURCE_EXHAUSTED);
  });

  it("are refused when compressed, and what came before them is given out", () => {
    const decoder = new MessageDecoder(MAX);
    decoder.push(Buffer.concat([messageFrame(Buffer.from("a")), Buffer.from([1, 0, 0, 0, 0])]));
    assert.deepEqual(all(decoder).map(String), ["a"]);
    assert.equal(decoder.refusal?.code, status.UNIMPLEMENTED);
  });
});
