import type { Label, Sample } from "./prometheus-text.ts";

/** Upper bounds in milliseconds: those of Envoy (admin.rst), up to ten minutes, with 2.5 s as it has. */
export const DURATION_BUCKETS_MS: readonly number[] = [
  0.5, 1, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000, 300_000, 600_000,
];

/** Counts of durations in fixed buckets. */
export class Histogram {
  /** The last one is for everything above the last bound. */
  readonly #counts = new Float64Array(DURATION_BUCKETS_MS.length + 1);
  #sum = 0;

  // Hot: once per request. Most requests end in the first few buckets, so a scan beats a search by halves.
  observe(value: number): void {
    let bucket = 0;
    for (const bound of DURATION_BUCKETS_MS) {
      if (value <= bound) break;
      bucket += 1;
    }
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + 1;
    this.#sum += value;
  }

  /** Cumulative, as Prometheus wants them. */
  samples(labels: readonly Label[]): readonly Sample[] {
    let count = 0;
    const buckets: Sample[] = [];
    for (const [index, bound] of [...DURATION_BUCKETS_MS, Infinity].entries()) {
      count += this.#counts[index] ?? 0;
      const le: Label = ["le", bound === Infinity ? "+Inf" : String(bound)];
      buckets.push({ suffix: "_bucket", labels: [...labels, le], value: count });
    }
    return [...buckets, { suffix: "_sum", labels, value: this.#sum }, { suffix: "_count", labels, value: count }];
  }
}
