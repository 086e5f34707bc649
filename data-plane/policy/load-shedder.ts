import type { SharedCount } from "../workers/shared-count.ts";

/** A loop this late keeps each request waiting about twice as long: once to be read, once for its answer. */
const LATE_MS = 250;
/** So often in a row: a collection of garbage, or a machine that is away for a moment, is no overload. */
const LATE_TURNS = 4;
/** As many events libuv takes from the system at once. Only with more does it go on before it looks at its timers. */
const CROWD_MIN = 1_024;
/** Requests of one turn that take this long keep everybody waiting for as long. A pause before them is no fault of theirs. */
const CROWDED_MS = 100;
/** How long after such a turn no more is let in than was under way in it. */
const CROWDED_HOLD_MS = 1_000;
const RETRY_AFTER_SEC_MIN = 1;
/** Who has been told to stay away is back within the time in which a proxy recovers. */
const RETRY_AFTER_SEC_MAX = 4;
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
 * Three signs say that there is too much:
 * - Requests under way beyond `requestsMax`: the services behind are slow, and what waits costs memory.
 * - A late event loop: the proxy itself has no time left. A share of the new requests is refused, more as long as the loop
 *   stays late, less when it is in time: from everything to nothing takes a second. With few requests under way nothing is
 *   refused for that.
 * - A crowd: more requests within one turn of the loop than libuv takes from the system at once. It then goes on with the
 *   next thousand, up to 48 times, before it looks at its timers: for seconds. No timer sees that, and deadlines have to be
 *   looked at without one ({@link LoadShedder.isLookDue}). From there on one is let in when another has finished.
 *
 * A refusal costs half as much as an answer, so refusing alone would leave no time for answers at three times the
 * capacity. Who is refused hears how long to stay away, the longer the crowd lasts, and is not read earlier
 * ({@link LoadShedder.isCrowded}).
 *
 * What comes from outside is refused first. A call that the local app makes belongs to a request that was let in before;
 * to refuse it would throw away work that is already done.
 *
 * Pure: time and chance come in. `onTurn` is called at a fixed period by a timer of the loop that is judged.
 */
export class LoadShedder {
  /** Requests let in and not finished. */
  inFlight = 0;
  /** Requests refused because there were too many, because the loop was late, and for a crowd. */
  refusedFull = 0;
  refusedLate = 0;
  refusedCrowd = 0;
  readonly #requestsMax: number;
  readonly #periodMs: number;
  readonly #inFlightOfAll: SharedCount | undefined;
  #lastTurnMs: number | undefined = undefined;
  #lateTurns = 0;
  #severity = 0;

  /** Requests that have come since the last turn. */
  #begun = 0;
  #firstBegunMs = 0;
  /** When somebody last looked at the deadlines in this turn, or it had its first request. */
  #lookedMs = 0;
  #crowdedSinceMs = 0;
  #crowdedUntilMs = 0;
  #crowdMax = Infinity;

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

  /** Whole seconds that a refused client should stay away. */
  retryAfterSec(nowMs: number): number {
    if (!this.isCrowded(nowMs)) return RETRY_AFTER_SEC_MIN;
    const lastedSec = Math.floor((nowMs - this.#crowdedSinceMs) / 1_000);
    return Math.min(RETRY_AFTER_SEC_MAX, RETRY_AFTER_SEC_MIN + lastedSec);
  }

  /** There is a crowd now, or was one just before. */
  isCrowded(nowMs: number): boolean {
    return nowMs < this.#crowdedUntilMs;
  }

  // Hot: once per request.
  /**
   * A crowd keeps the loop from its timers: whoever asks should look at the deadlines in its place. True once in a while.
   */
  isLookDue(nowMs: number): boolean {
    if (this.#begun <= CROWD_MIN || nowMs - this.#lookedMs < CROWDED_MS) return false;
    this.#lookedMs = nowMs;
    return true;
  }

  // Hot: once per request.
  /**
   * Lets a request in, which is then given back by {@link release}; or refuses it. `unit` is in [0, 1); `nowMs` is on the
   * clock of `onTurn`. `isFirstToGo`: it comes from outside, and has not been kept waiting.
   */
  admit(isFirstToGo: boolean, unit: number, nowMs: number): boolean {
    this.#begun += 1;
    if (this.#begun === 1) this.#firstBegunMs = this.#lookedMs = nowMs;
    if (this.#begun > CROWD_MIN) this.#lookForCrowd(nowMs);
    if (!this.#hasRoom()) {
      this.refusedFull += 1;
      return false;
    }
    this.inFlight += 1;
    if (this.#isLate(isFirstToGo, unit)) this.refusedLate += 1;
    else if (this.#isBeyondCrowd(isFirstToGo, nowMs)) this.refusedCrowd += 1;
    else return true;
    this.release();
    return false;
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
    this.#begun = 0;
    this.#lateTurns = lateMs > LATE_MS ? this.#lateTurns + 1 : 0;
    if (this.#lateTurns >= LATE_TURNS) this.#severity = Math.min(1, this.#severity + RISE);
    else if (this.#lateTurns === 0) this.#severity = Math.max(0, this.#severity - FALL);
  }

  #lookForCrowd(nowMs: number): void {
    if (nowMs - this.#firstBegunMs < CROWDED_MS) return;
    if (!this.isCrowded(nowMs)) {
      this.#crowdedSinceMs = nowMs;
      this.#crowdMax = Math.max(BLAMELESS_MAX, this.inFlight);
    }
    this.#crowdedUntilMs = nowMs + CROWDED_HOLD_MS;
  }

  /** What is under way when the crowd is noticed keeps the proxy busy; the rest may be as many again. */
  #isBeyondCrowd(isFirstToGo: boolean, nowMs: number): boolean {
    return this.inFlight > (isFirstToGo ? this.#crowdMax : 2 * this.#crowdMax) && this.isCrowded(nowMs);
  }

  #isLate(isFirstToGo: boolean, unit: number): boolean {
    return this.#severity > 0 && this.inFlight > BLAMELESS_MAX && unit < this.#share(isFirstToGo);
  }

  /** The first half of the severity falls on what comes from outside, the second on the app's own calls. */
  #share(isFirstToGo: boolean): number {
    const share = isFirstToGo ? this.#severity * 2 : this.#severity * 2 - 1;
    return Math.min(SHARE_MAX, Math.max(0, share));
  }
}
