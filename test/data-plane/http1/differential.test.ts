/**
 * Random requests, many of them broken, through our decoder, whole and in pieces, and through node's parser.
 * `npm run fuzz` runs many more, and sends them through a listener too.
 */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { fuzzCodec } from "../../fuzz/fuzz-codec.ts";
import { nodeParserSkip } from "./node-parser.ts";

const CASES = 20_000;
const SEED = 20_260_101;

describe("against the parser of node:http", () => {
  it(`reads ${CASES} random requests alike, however they are cut`, { skip: nodeParserSkip }, () => {
    const seen = fuzzCodec(CASES, SEED);
    // The generator must reach all three, else the test says nothing.
    for (const [kind, count] of Object.entries(seen)) assert.ok(count > CASES / 100, `${kind}: ${count}`);
  });
});
