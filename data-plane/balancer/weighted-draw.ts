import type { Random } from "../../shared/random.ts";

/** Draws indexes in proportion to their weights. Hot: one draw of chance, one binary search, no allocation. */
export class WeightedDraw {
  /** The sum of the weights up to and with the index. */
  readonly #upTo: Float64Array;
  readonly #sum: number;

  constructor(weights: readonly number[]) {
    let sum = 0;
    this.#upTo = Float64Array.from(weights, (weight) => (sum += weight));
    this.#sum = sum;
  }

  draw(random: Random): number {
    return this.#at(random.unit() * this.#sum);
  }

  /** Draws any index but `excluded`, in proportion to the other weights. There are at least two. */
  drawOther(excluded: number, random: Random): number {
    const end = this.#upTo[excluded] ?? 0;
    const start = excluded === 0 ? 0 : (this.#upTo[excluded - 1] ?? 0);
    const point = random.unit() * (this.#sum - (end - start));
    // The excluded stretch is cut out: what lies behind it moves up.
    const found = this.#at(point < start ? point : point + (end - start));
    // Rounding may land on the cut itself, with a chance of about 2^-52.
    return found === excluded ? (excluded + 1) % this.#upTo.length : found;
  }

  /** The first index whose sum is above `point`. */
  #at(point: number): number {
    let low = 0;
    let high = this.#upTo.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (point < (this.#upTo[middle] ?? 0)) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}
