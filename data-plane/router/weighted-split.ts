/**
 * Turns one number in [0, 1) into one of several things by weight. Weights are relative, their sum is the modulus (Envoy
 * `WeightedCluster`): the n-th whole step of the sum belongs to exactly one entry, so shares are exact.
 */
export class WeightedSplit<T> {
  readonly #entries: readonly T[];
  /** The sum of the weights up to and with the entry of the same index. */
  readonly #upTo: readonly number[];
  readonly #sum: number;

  /** At least one entry, whole weights of 0 or more, a sum of 1 or more: the compiler of routes has refused all else. */
  constructor(entries: readonly T[], weights: readonly number[]) {
    const used = entries.map((_, index) => index).filter((index) => (weights[index] ?? 0) > 0);
    let sum = 0;
    this.#upTo = used.map((index) => (sum += weights[index] ?? 0));
    this.#entries = used.flatMap((index) => entries.slice(index, index + 1));
    this.#sum = sum;
  }

  /** Hot. `unit` is in [0, 1). */
  pick(unit: number): T | undefined {
    const last = this.#entries.length - 1;
    const step = Math.floor(unit * this.#sum);
    for (let index = 0; index < last; index += 1) {
      if (step < (this.#upTo[index] ?? 0)) return this.#entries[index];
    }
    return this.#entries[last];
  }
}
