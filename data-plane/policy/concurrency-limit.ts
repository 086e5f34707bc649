import { assert } from "../../shared/assert.ts";
import type { SharedCount } from "../workers/shared-count.ts";

/**
 * How many of something are under way at once, and whether one more may be (Envoy `circuit_breakers.thresholds`; no state
 * machine, in spite of that name). Connections, requests in line for one, requests and retries have one each, per cluster.
 *
 * Invariants: `active` is never negative, and is 0 again when everything has been given back. It is also counted while there
 * is no bound, so that a bound that comes while requests are under way holds for them. With several workers the bound is
 * one for all of them, and `active` is this one's share.
 */
export class ConcurrencyLimit {
  active = 0;
  /** How often there was no room. */
  overflows = 0;
  readonly #activeOfAll: SharedCount | undefined;

  /** `activeOfAll` counts for all workers; undefined with one. */
  constructor(activeOfAll?: SharedCount) {
    this.#activeOfAll = activeOfAll;
  }

  // Hot: once per attempt. Allocates nothing.
  /** Whether there is room for one more; then it is taken. `max` undefined: always. */
  acquire(max: number | undefined): boolean {
    if (!this.#hasRoom(max)) {
      this.overflows += 1;
      return false;
    }
    this.active += 1;
    return true;
  }

  release(): void {
    assert(this.active > 0, "what is given back was taken");
    this.active -= 1;
    this.#activeOfAll?.add(-1);
  }

  /** Among several workers the one more is counted before it is compared, as SharedCount says, and taken by that. */
  #hasRoom(max: number | undefined): boolean {
    const ofAll = this.#activeOfAll;
    if (ofAll === undefined) return max === undefined || this.active < max;
    ofAll.add(1);
    if (max === undefined || ofAll.total <= max) return true;
    ofAll.add(-1);
    return false;
  }
}
