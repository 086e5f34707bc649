import type { SharedCount } from "../workers/shared-count.ts";
import { Crowd } from "./crowd.ts";
import { WaitingLine, type Waiter } from "./waiting-line.ts";

/** A loop this late keeps each request waiting about twice as long: once to be read, once for its answer. */
const LATE_MS = 250;
/** So often in a row: a collection of garbage, or a machine that is away for a moment, is no overload. */
const LATE_TURNS = 4;
/** Without a crowd: room comes as others leave. */
const REST_MS = 1_000;
/** How fast the share that is refused grows while the loop is late, and falls when it is not: each time it is looked at. */
const RISE = 0.1;
const FALL = 0.05;
/** A loop that is late with fewer requests than this is not late because of them (the machine, a pause): refusing helps nobody. */
const BLAMELESS_MAX = 32;
/** A crowd never makes the app's own calls fewer than this: what has been let in needs them. */
const INSIDE_MIN = 512;
/** Somebody must be let in, or nobody would notice that there is room again. */
const SHARE_MAX = 0.95;

/**
 * Who is refused first: what comes from outside; then what came from there and has been kept waiting; last a call that the
 * local app makes. It belongs to a request that was let in before: to refuse it would throw away work that is already done.
 */
export type Rank = "outside" | "rested" | "inside";

/**
 * Keeps a proxy useful when more is asked of it than it can do: it is better to refuse some requests at once than to be
 * too late for all of them (seed F2.60; Envoy's overload manager).
 *
 * Three signs say that there is too much:
 * - Requests under way beyond `requestsMax`: the services behind are slow, and what waits costs memory.
 * - A late event loop: the proxy itself has no time left. A share of the new requests is refused, more as long as the loop
 *   stays late, less when it is in time: from everything to nothing takes a second. With few requests under way nothing is
 *   refused for that.
 * - A {@link Crowd}: more requests at once than can be read in time. As many are let in as there is room for, the next
 *   ones wait in line for about two seconds, and the rest is refused.
 *
 * A refusal costs half as much as an answer, so refusing alone would leave no time for answers at three times the
 * capacity. Who is refused hears how long to stay away, the longer the more are refused, and is not read earlier.
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
  #lastIdleMs = 0;
  #lateTurns = 0;
  #severity = 0;
  readonly #crowd = new Crowd();
  readonly #line = new WaitingLine();

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

  /** How long who was refused just now should stay away. */
  restMs(nowMs: number): number {
    return this.isCrowded(nowMs) ? this.#crowd.restMs : REST_MS;
  }

  /** There is a crowd now, or was one just before. */
  isCrowded(nowMs: number): boolean {
    return this.#crowd.isPresent(nowMs);
  }

  /** Waiting for room: in line, and not in flight. */
  get waiting(): number {
    return this.#line.length;
  }

  // Hot: once per request.
  /**
   * A crowd keeps the loop from its timers: whoever asks should look at the deadlines in its place. True once in a while.
   */
  isLookDue(nowMs: number): boolean {
    return this.#crowd.isLookDue(nowMs);
  }

  // Hot: once per request.
  /**
   * Whether a request from outside waits in line, because there is no room for it now; it is told when there is. Not when
   * the line is as long as can be let in within two seconds, unless `wasAway`: its client has stayed away as it was told.
   */
  joins(waiter: Waiter, wasAway: boolean, nowMs: number): boolean {
    if (this.inFlight < this.#crowd.room && this.#line.length === 0) return false;
    if (!wasAway && this.#line.length >= this.#crowd.lineMax) return false;
    this.#crowd.onRequest(nowMs);
    this.#crowd.onWaiting(nowMs);
    this.#line.join(waiter);
    return true;
  }

  // Hot: once per request.
  /**
   * Lets a request in, which is then given back by {@link release}; or refuses it. `unit` is in [0, 1); `nowMs` is on the
   * clock of `onTurn`.
   */
  admit(rank: Rank, unit: number, nowMs: number): boolean {
    this.#crowd.onRequest(nowMs);
    if (!this.#hasRoom()) {
      this.refusedFull += 1;
      return false;
    }
    this.inFlight += 1;
    if (this.#isLate(rank === "outside", unit)) {
      this.refusedLate += 1;
    } else if (this.#isBeyondCrowd(rank)) {
      this.refusedCrowd += 1;
      this.#crowd.onRefused(nowMs, unit);
    } else {
      this.#crowd.onAdmitted();
      return true;
    }
    this.release();
    return false;
  }

  /** A request has finished. Returns whether somebody who waits has room now: see {@link LoadShedder.letIn}. */
  release(): boolean {
    this.inFlight -= 1;
    this.#inFlightOfAll?.add(-1);
    return this.#line.length > 0 && this.inFlight < this.#crowd.room;
  }

  /** Tells as many of those who wait as there is room for. They bring their requests at once. */
  letIn(): void {
    while (this.inFlight < this.#crowd.room) {
      const waiter = this.#line.next();
      if (waiter === undefined) return;
      waiter.onRoom();
    }
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

  /** For `idleMs` the loop has had nothing to do since it began. */
  onTurn(nowMs: number, idleMs: number): void {
    const tookMs = this.#lastTurnMs === undefined ? this.#periodMs : nowMs - this.#lastTurnMs;
    const lateMs = tookMs - this.#periodMs;
    this.#crowd.onTurn(nowMs, (idleMs - this.#lastIdleMs) / Math.max(1, tookMs), this.inFlight);
    this.#lastTurnMs = nowMs;
    this.#lastIdleMs = idleMs;
    this.#lateTurns = lateMs > LATE_MS ? this.#lateTurns + 1 : 0;
    if (this.#lateTurns >= LATE_TURNS) this.#severity = Math.min(1, this.#severity + RISE);
    else if (this.#lateTurns === 0) this.#severity = Math.max(0, this.#severity - FALL);
    this.letIn();
  }

  #isBeyondCrowd(rank: Rank): boolean {
    const { room } = this.#crowd;
    if (rank === "outside") return this.inFlight > room || this.#line.length > 0;
    return this.inFlight > (rank === "rested" ? room : Math.max(INSIDE_MIN, 2 * room));
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
