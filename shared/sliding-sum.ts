const BUCKETS = 10;

/**
 * A sum of whole numbers over a trailing window, exact to a tenth of it: a ring of ten buckets, as Linkerd and Hystrix have
 * (semantics.md 4). Not a moving average, so that a burst and a trickle of the same size weigh the same.
 *
 * The length of the window comes with each call, so that what is kept needs no configuration. Another length than the last
 * one forgets everything: the buckets are then of another size.
 *
 * Invariant: `sum` is the sum of the buckets, none of which is older than the window.
 */
export class SlidingSum {
  readonly #buckets = Array.from({ length: BUCKETS }, () => 0);
  #bucketMs = 0;
  /** Number of the newest bucket, counted from the beginning of time. */
  #newest = 0;
  #sum = 0;

  // Hot: allocates nothing.
  add(amount: number, windowMs: number, nowMs: number): void {
    const sum = this.sum(windowMs, nowMs);
    const at = this.#newest % BUCKETS;
    this.#buckets[at] = (this.#buckets[at] ?? 0) + amount;
    this.#sum = sum + amount;
  }

  // Hot: allocates nothing.
  sum(windowMs: number, nowMs: number): number {
    const bucketMs = windowMs / BUCKETS;
    if (bucketMs !== this.#bucketMs) {
      this.clear();
      this.#bucketMs = bucketMs;
      this.#newest = Math.floor(nowMs / bucketMs);
      return 0;
    }
    const bucket = Math.floor(nowMs / bucketMs);
    if (bucket > this.#newest) this.#moveTo(bucket);
    return this.#sum;
  }

  clear(): void {
    this.#buckets.fill(0);
    this.#sum = 0;
  }

  #moveTo(bucket: number): void {
    const steps = Math.min(BUCKETS, bucket - this.#newest);
    for (let step = 1; step <= steps; step += 1) {
      const at = (this.#newest + step) % BUCKETS;
      this.#sum -= this.#buckets[at] ?? 0;
      this.#buckets[at] = 0;
    }
    this.#newest = bucket;
  }
}
