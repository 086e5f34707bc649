/** The only source of chance. Pure code takes one draw as `unit`, or holds a `Random` when it draws often. */
export interface Random {
  /** A number in [0, 1). */
  unit(): number;
  /** A whole number in [0, bound). `bound` is at least 1. */
  below(bound: number): number;
}

export const systemRandom: Random = {
  unit: () => Math.random(),
  below: (bound) => Math.floor(Math.random() * bound),
};

/** The same numbers for the same seed, on every machine (mulberry32). For tests, simulations and `--seed`. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  const unit = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
  return { unit, below: (bound) => Math.floor(unit() * bound) };
}
