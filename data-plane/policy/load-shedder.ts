import { OwnCount, type Count } from "./count.ts";
import { Crowd } from "./crowd.ts";
import { WaitingLine, type Place } from "./waiting-line.ts";

/** Without a crowd: room comes as others leave. */
const REST_MS = 1_000;

/**
 * What comes from outside and what the app calls have one each: a request that has been let in may need calls of the app, which
 * must not wait for the room that it takes.
 */
export interface Shedders {
  readonly inbound: LoadShedder;
  readonly outbound: LoadShedder;
}

/**
 * Keeps a proxy useful when more is asked of it than it can do: it is better to refuse some requests at once than to be
 * too late for all of them (seed F2.60; Envoy's overload manager).
 *
 * Two signs say that there is too much:
 * - Requests under way beyond `requestsMax`: the services behind are slow, and what waits costs memory.
 * - A {@link Crowd}: more requests than the proxy has time for. As many are let in as there is room for, the next ones wait
 *   in line for about two seconds, and the rest is refused.
 *
 * A refusal costs half as much as an answer, so refusing alone would leave no time for answers at three times the
 * capacity. Who is refused hears how long to stay away, the longer the more are refused. Whoever comes earlier is kept away
 * until then, or until there is room that nobody in line needs.
 *
 * Pure: time and chance come in. `onTurn` is called at a fixed period by a timer of the loop that is judged.
 */
export class LoadShedder {
  /** Requests let in and not finished. */
  inFlight = 0;
  /** Requests refused because there were too many under way, and for a crowd. */
  refusedFull = 0;
  refusedCrowd = 0;
  readonly #requestsMax: number;
  readonly #periodMs: number;
  readonly #inFlightOfAll: Count;
  #lastTurnMs: number | undefined = undefined;
  #lastIdleMs = 0;
  readonly #crowd = new Crowd();
  readonly #line = new WaitingLine();
  /** Those who were refused, and have come again before it was time. */
  readonly #away = new WaitingLine();

  /** `inFlightOfAll` counts for all who share `requestsMax`: the shedders of both directions, of all workers. */
  constructor(requestsMax: number, periodMs: number, inFlightOfAll: Count = new OwnCount()) {
    this.#requestsMax = requestsMax;
    this.#periodMs = periodMs;
    this.#inFlightOfAll = inFlightOfAll;
  }

  /** How long who was refused just now should stay away. */
  restMs(nowMs: number): number {
    return this.isCrowded(nowMs) ? this.#crowd.restMs : REST_MS;
  }

  /** There is a crowd now, or was one just before. */
  isCrowded(nowMs: number): boolean {
    return this.#crowd.isPresent(nowMs);
  }

  /** Waiting for room, in line or away, and not in flight. */
  get waiting(): number {
    return this.#line.length + this.#away.length;
  }

  // Hot: once per request.
  /**
   * Whether a request waits in line, because there is no room for it now; it is told when there is. Not when
   * the line is as long as can be let in within two seconds, unless `wasAway`: its client has stayed away as it was told.
   */
  joins(place: Place, wasAway: boolean, nowMs: number): boolean {
    if (this.#hasFreeRoom()) return false;
    if (!wasAway && this.#line.length >= this.#crowd.lineMax) return false;
    this.#crowd.onRequest(nowMs);
    this.#crowd.onWaiting(nowMs);
    this.#line.join(place);
    return true;
  }

  /** Whether a request whose client was told to stay away longer does so; it is told when there is room before that. */
  keepsAway(place: Place): boolean {
    if (this.#hasFreeRoom()) return false;
    this.#away.join(place);
    return true;
  }

  /** Whether one that was kept away, and whose time is over, waits in line now. */
  returns(place: Place, nowMs: number): boolean {
    if (place.line !== this.#away) return false;
    this.#away.leave(place);
    return this.joins(place, true, nowMs);
  }

  // Hot: once per request.
  /**
   * Lets a request in, which is then given back by {@link release}; or refuses it, sooner when it has not rested: nobody is
   * let in before those who wait. `unit` is in [0, 1); `nowMs` is on the clock of `onTurn`.
   */
  admit(hasRested: boolean, unit: number, nowMs: number): boolean {
    // Asked before the crowd hears of it: who has been told that there is room has it.
    const fits = this.inFlight < this.#crowd.room && (hasRested || this.#line.length === 0);
    this.#crowd.onRequest(nowMs);
    if (!this.#countsOneMore()) {
      this.refusedFull += 1;
      return false;
    }
    if (fits) {
      this.inFlight += 1;
      this.#crowd.onAdmitted();
      return true;
    }
    this.#inFlightOfAll.add(-1);
    this.refusedCrowd += 1;
    this.#crowd.onRefused(nowMs, unit);
    return false;
  }

  /** A request has finished. Returns whether somebody who waits has room now: see {@link LoadShedder.letIn}. */
  release(): boolean {
    this.inFlight -= 1;
    this.#inFlightOfAll.add(-1);
    return this.waiting > 0 && this.inFlight < this.#crowd.room;
  }

  /** Tells as many of those who wait as there is room for. They bring their requests at once. */
  letIn(): void {
    while (this.inFlight < this.#crowd.room) {
      if (!this.#line.letFirstIn() && !this.#away.letFirstIn()) return;
    }
  }

  /** There is room, and nobody in line who needs it. */
  #hasFreeRoom(): boolean {
    return this.inFlight < this.#crowd.room && this.#line.length === 0;
  }

  /** The one more is counted before it is compared, as SharedCount says, and let in by that. */
  #countsOneMore(): boolean {
    const ofAll = this.#inFlightOfAll;
    ofAll.add(1);
    if (ofAll.total <= this.#requestsMax) return true;
    ofAll.add(-1);
    return false;
  }

  /** For `idleMs` the loop has had nothing to do since it began. */
  onTurn(nowMs: number, idleMs: number): void {
    const tookMs = this.#lastTurnMs === undefined ? this.#periodMs : nowMs - this.#lastTurnMs;
    if (this.waiting > 0) this.#crowd.onWaiting(nowMs);
    const idleShare = (idleMs - this.#lastIdleMs) / Math.max(1, tookMs);
    this.#crowd.onTurn(nowMs, tookMs - this.#periodMs, idleShare, this.inFlight);
    this.#lastTurnMs = nowMs;
    this.#lastIdleMs = idleMs;
    this.letIn();
  }
}
