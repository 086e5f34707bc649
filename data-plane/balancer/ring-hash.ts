import { RING_POINTS_MAX } from "../../shared/limits.ts";
import { hash32, mix32 } from "../../shared/string-hash.ts";
import type { Member } from "./eligible.ts";
import type { HashTable } from "./hashing.ts";

/** Points of an endpoint of average weight, at least. More even out the shares (by the square root) and cost memory. */
const POINTS_PER_ENDPOINT = 160;
/** Room for the index of a point's owner below its hash in one float: 32 + 20 bits, exact below 2^53. */
const OWNERS_MAX = 1_048_576;

/**
 * A ring of points; a hash belongs to the next point clockwise (Karger et al. 1997; Envoy `ring_hash`). An endpoint's points
 * depend on its address alone, so an endpoint that leaves gives up its share and nobody else's moves.
 *
 * The points per unit of weight are a power of two, so that they stay the same over most changes of the set: adding points to
 * those who stay would move keys between them.
 */
export function buildRing(members: readonly Member[], sizeMin: number, sizeMax: number): HashTable {
  const pointsOf = pointCounts(members, sizeMin, sizeMax);
  const size = pointsOf.reduce((sum, count) => sum + count, 0);
  const packed = new Float64Array(size);
  let at = 0;
  for (const [owner, count] of pointsOf.entries()) {
    const seed = hash32(members[owner]?.state.key ?? "");
    for (let point = 0; point < count; point += 1, at += 1) {
      packed[at] = mix32(seed ^ mix32(point + 1)) * OWNERS_MAX + owner;
    }
  }
  // Equal points go to the lower index, that is to the lower address, on every proxy.
  packed.sort();
  return new Ring(packed);
}

function pointCounts(members: readonly Member[], sizeMin: number, sizeMax: number): number[] {
  const weights = members.map(({ weight }) => weight);
  const sum = weights.reduce((total, weight) => total + weight, 0);
  const largest = Math.max(members.length, Math.min(sizeMax, RING_POINTS_MAX));
  const wanted = Math.min(largest, Math.max(sizeMin, POINTS_PER_ENDPOINT * members.length));
  let perWeight = 2 ** Math.ceil(Math.log2(wanted / sum));
  while (perWeight * sum > largest) perWeight /= 2;
  return weights.map((weight) => Math.max(1, Math.round(perWeight * weight)));
}

class Ring implements HashTable {
  readonly #points: Uint32Array;
  readonly #owners: Uint32Array;

  /** Sorted: hash times OWNERS_MAX plus owner. */
  constructor(packed: Float64Array) {
    this.#points = new Uint32Array(packed.length);
    this.#owners = new Uint32Array(packed.length);
    for (let at = 0; at < packed.length; at += 1) {
      const value = packed[at] ?? 0;
      const point = Math.floor(value / OWNERS_MAX);
      this.#points[at] = point;
      this.#owners[at] = value - point * OWNERS_MAX;
    }
  }

  // Hot.
  find(hash: number): number {
    const points = this.#points;
    let low = 0;
    let high = points.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((points[middle] ?? 0) < hash) low = middle + 1;
      else high = middle;
    }
    return this.#owners[low === points.length ? 0 : low] ?? 0;
  }
}
