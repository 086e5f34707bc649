import { assert } from "../../shared/assert.ts";

/**
 * How many of something are under way at once, and whether one more may be (Envoy `circuit_breakers.thresholds`; no state
 * machine, in spite of that name). Connections, requests in line for one, requests and retries have one each, per cluster.
 *
 * Invariants: `active` is never negative, and is 0 again when everything has been given back. It is also counted while there
 * is no bound, so that a bound that comes while requests are under way holds for them.
 */
export class ConcurrencyLimit {
  active = 0;
  /** How often there was no room. */
  overflows = 0;

  // Hot: once per attempt. Allocates nothing.
  /** Whether there is room for one more; then it is taken. `max` undefined: always. */
  acquire(max: number | undefined): boolean {
    if (max !== undefined && this.active >= max) {
      this.overflows += 1;
      return false;
    }
    this.active += 1;
    return true;
  }

  release(): void {
    assert(this.active > 0, "what is given back was taken");
    this.active -= 1;
  }
}
