import assert from "node:assert/strict";
import { type Random, seededRandom } from "../../shared/random.ts";
import { decodeRequests, pieces } from "../data-plane/http1/decode-all.ts";
import { compareWithNode } from "./differential.ts";
import { randomRequests } from "./random-requests.ts";

/** How many cases both parsers took, neither took, and ours alone refused. */
export interface Seen {
  both: number;
  neither: number;
  stricter: number;
}

/**
 * Random requests through the decoder: read as node's parser reads them, and the same in any pieces. Throws at the first
 * case that is not; its message says how to repeat it.
 */
export function fuzzCodec(cases: number, seed: number, onProgress: (done: number) => void = () => undefined): Seen {
  const random = seededRandom(seed);
  const seen: Seen = { both: 0, neither: 0, stricter: 0 };
  for (let index = 0; index < cases; index += 1) {
    const bytes = randomRequests(random, String(index));
    const where = (): string => `seed ${seed}, case ${index}: ${JSON.stringify(bytes.toString("latin1"))}`;
    seen[compareWithNode(bytes, where)] += 1;
    compareWithPieces(random, bytes, where);
    if (index % 10_000 === 9_999) onProgress(index + 1);
  }
  return seen;
}

function compareWithPieces(random: Random, bytes: Buffer, where: () => string): void {
  const cuts = Array.from({ length: 1 + random.below(4) }, () => random.below(bytes.length + 1)).sort((a, b) => a - b);
  const whole = JSON.stringify(decodeRequests(pieces(bytes, [])));
  const cut = JSON.stringify(decodeRequests(pieces(bytes, cuts)));
  if (cut !== whole) assert.equal(cut, whole, `cut at ${cuts.join()}: ${where()}`);
}
