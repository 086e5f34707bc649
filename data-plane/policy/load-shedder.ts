import type { SharedCount } from "../workers/shared-count.ts";

/** A loop this late keeps each request waiting about twice as long: once to be read, once for its answer. */
const LATE_MS = 250;
/** So often in a row: a collection of garbage, or a machine that is away for a moment, is no overload. */
const LATE_TURNS = 4;
/** How fast the share that is refused grows while the loop is late, and falls when it is not: each time it is looked at. */
const RISE = 0.1;
const FALL = 0.05;
/** A loop that is late with fewer requests than this is not late because of them (the machine, a pause): refusing helps nobody. */
const BLAMELESS_MAX = 32;
/** Somebody must be let in, or nobody would notice that there is room again. */
const SHARE_MAX = 0.95;

/**
 * Keeps a proxy useful when more is asked of it than it can do: it is better to refuse some requests at once than to be
 * too late for all of them (seed F2.60; Envoy's overload manager).
 *
 * Two signs say that there is too much. Requests under way beyond `requestsMax`: the services behind are slow, and what
 * waits costs memory. A late event loop: the proxy itself has no time left. Then a share of the new requests is refused,
 * more as long as the loop stays late, less when it is in time: from everything to nothing takes a second. With few requests
 * under way nothing is refused for that.
 *
 * What comes from outside is refused first. A call that the local app makes belongs to a request that was let in before;
 * to refuse it would throw away work that is already done.
 *
 * Pure: time and chance come in. `onTurn` is called at a fixed period by a timer of the loop that is judged.
 */
export class LoadShedder {
  /** Requests let in and not finished. */
  inFlight = 0;
  /** Requests refused because there were too many, and because the loop was late. */
  refusedFull = 0;
  refusedLate = 0;
  readonly #requestsMax: number;
  readonly #periodMs: number;
  readonly #inFlightOfAll: SharedCount | undefined;
  #lastTurnMs: number | undefined = undefined;
  #lateTurns = 0;
  #severity = 0;

  /** `inFlightOfAll` counts for all workers, which share `requestsMax`; undefined with one. */
  constructor(requestsMax: number, periodMs: number, inFlightOfAll?: SharedCount) {
    this.#requestsMax = requestsMax;
    this.#periodMs = periodMs;
    this.#inFlightOfAll = inFlightOfAll;
  }

  /** From 0, nothing is refused for lateness, to 1. */
  get severity(): number {
    return this.#severity;
  }

  // Hot: once per request.
  /** Lets a request in, which is then given back by {@link release}; or refuses it. `unit` is in [0, 1). */
  admit(isInbound: boolean, unit: number): boolean {
    if (!this.#hasRoom()) {
      this.refusedFull += 1;
      return false;
    }
    this.inFlight += 1;
    if (this.#severity > 0 && this.inFlight > BLAMELESS_MAX && unit < this.#share(isInbound)) {
      this.refusedLate += 1;
      this.release();
      return false;
    }
    return true;
  }

  release(): void {
    this.inFlight -= 1;
    this.#inFlightOfAll?.add(-1);
  }

  /** Among several workers the one more is counted before it is compared, as SharedCount says, and let in by that. */
  #hasRoom(): boolean {
    const ofAll = this.#inFlightOfAll;
    if (ofAll === undefined) return this.inFlight < this.#requestsMax;
    ofAll.add(1);
    if (ofAll.total <= this.#requestsMax) return true;
    ofAll.add(-1);
    return false;
  }

  onTurn(nowMs: number): void {
    const lateMs = this.#lastTurnMs === undefined ? 0 : nowMs - this.#lastTurnMs - this.#periodMs;
    this.#lastTurnMs = nowMs;
    this.#lateTurns = lateMs > LATE_MS ? this.#lateTurns + 1 : 0;
    if (this.#lateTurns >= LATE_TURNS) this.#severity = Math.min(1, this.#severity + RISE);
    else if (this.#lateTurns === 0) this.#severity = Math.max(0, this.#severity - FALL);
  }

  /** The first half of the severity falls on what comes from outside, the second on the app's own calls. */
  #share(isInbound: boolean): number {
    const share = isInbound ? this.#severity * 2 : this.#severity * 2 - 1;
    return Math.min(SHARE_MAX, Math.max(0, share));
  }
}
