/**
 * `npm run fuzz`: random requests through the codec, beside node's parser, and through a listener.
 *
 *     npm run fuzz -- --cases 1000000 --listener-cases 100000 --seed 7
 *
 * A crash, a hang, bytes that two readers could understand differently, or an answer handed to another request ends it
 * with the seed and the case.
 */

import { describe, it } from "node:test";
import { parseArgs } from "node:util";

import { nodeParserSkip } from "../data-plane/http1/node-parser.ts";
import { fuzzCodec } from "./fuzz-codec.ts";
import { fuzzListener } from "./fuzz-listener.ts";

const { values } = parseArgs({
  options: {
    cases: { type: "string", default: "1000000" },
    "listener-cases": { type: "string" },
    seed: { type: "string", default: "1" },
  },
});
const cases = Number(values.cases);
const listenerCases = Number(values["listener-cases"] ?? Math.ceil(cases / 10));
const seed = Number(values.seed);

/** Told ten times on the way. */
function progress(what: string, total: number): (done: number) => void {
  const step = Math.max(1, Math.floor(total / 10));
  let next = step;
  return (done) => {
    if (done < next) return;
    next += step;
    console.log(`${what}: ${done} of ${total}`);
  };
}

describe(`fuzz with seed ${seed}`, () => {
  it(`${cases} cases through the codec and node's parser`, { skip: nodeParserSkip }, () => {
    const seen = fuzzCodec(cases, seed, progress("codec", cases));
    console.log(`codec: both took ${seen.both}, neither ${seen.neither}, ours alone refused ${seen.stricter}`);
  });

  it(`${listenerCases} cases through a listener`, async (t) => {
    await fuzzListener(t, listenerCases, seed, progress("listener", listenerCases));
  });
});
