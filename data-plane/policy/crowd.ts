/** As many events libuv takes from the system at once. Only with more does it go on before it looks at its timers. */
const AT_ONCE = 1_024;
/** Requests of one turn that take this long keep everybody waiting for as long. A pause before them is no fault of theirs. */
const LONG_TURN_MS = 100;
/** It has gone when for so long no turn was long and nobody had to wait. */
const HOLD_MS = 1_000;
/** To begin with: so many under way keep any proxy busy while the services behind it are quick. */
const ROOM_FIRST = 256;
/** Fewer are not needed for that: 16 under way cost two thirds of what each of 256 costs, whose memory no cache holds. */
const ROOM_MIN = 16;
/** How the room grows with each turn in which the loop had nothing to do half the time while somebody waited, */
const ROOM_GROWTH_HALF_IDLE = 1.25;
/** and how it shrinks with each in which it always had. */
const ROOM_SHRINK = 0.95;
const BUSY_IDLE_SHARE = 0.05;
/** The line holds no fewer. */
const LINE_MIN = 256;
const SECOND_MS = 1_000;
/** Longer than it takes a client to be refused and to come again in vain, and shorter than callers wait (5 s by default). */
const LINE_SEC = 2;
const REST_MS_MIN = 1_000;
/** Who has been told to stay away is back within the time in which a proxy recovers. */
const REST_MS_MAX = 5_000;
/** Beyond the least, if as many were refused within a second as were let in. */
const REST_MS_PER_SHARE = 8_000;
/** This part of it is left to chance: who is refused in one moment shall not come back in one. */
const REST_JITTER = 0.3;
/** Shares are taken of so many let in at least: a proxy that was idle knows nothing of what it can do. */
const ADMITTED_MIN = 1_000;
/** What was let in within a second is forgotten no faster: one bad second does not shorten the line. */
const ADMITTED_DECAY = 0.75;

/**
 * Tells when more is asked of the event loop than it can do, and how much to let in meanwhile.
 *
 * A crowd is there when one turn of the loop has more requests than libuv takes from the system at once and they take
 * long. libuv then goes on with the next thousand, up to 48 times, before it looks at its timers: for seconds. No timer
 * sees that, and deadlines have to be looked at without one ({@link Crowd.isLookDue}).
 *
 * While it is there the room is bounded: by what was under way before it came, or a little that keeps any proxy busy. It
 * shrinks while the loop always has something to do, and grows while it waits for the services though somebody waits for
 * it. So it becomes as small as it can be without a loss: the fewer are under way, the less each of them costs.
 *
 * Pure: time and chance come in. Numbers begin as what they become, fractions: for V8 a whole number is another kind, and
 * the change would cost all code that knows them its compiled form just when a crowd comes.
 */
export class Crowd {
  /** Requests under way from which on nobody more is let in; Infinity without a crowd. */
  room = Infinity;
  /** How long who was refused last should stay away. */
  restMs = REST_MS_MIN + 0.5;
  #untilMs = -Infinity;
  /** Requests that have come since the last turn. */
  #begun = 0;
  #firstBegunMs = -Infinity;
  /** When somebody last looked at the deadlines in this turn, or it had its first request. */
  #lookedMs = -Infinity;
  /** At the last turn. */
  #inFlightBefore = 0;
  /** Since then somebody had to wait, or was let in. */
  #isFull = false;
  #hasAdmitted = false;
  #sinceMs = -Infinity;
  /** In this second, and in the one before. */
  #refused = 0;
  #refusedBefore = 0;
  #admitted = 0;
  #admittedBefore = 0.5;

  /** There is a crowd now, or was one just before. */
  isPresent(nowMs: number): boolean {
    return nowMs < this.#untilMs;
  }

  /** As many as are let in within {@link LINE_SEC}: so long does the last of them wait. */
  get lineMax(): number {
    return Math.max(LINE_MIN, LINE_SEC * this.#admittedBefore);
  }

  // Hot: once per request.
  /** Whether the deadlines should be looked at now, since no timer does. True once in a while. */
  isLookDue(nowMs: number): boolean {
    if (this.#begun <= AT_ONCE || nowMs - this.#lookedMs < LONG_TURN_MS) return false;
    this.#lookedMs = nowMs;
    this.#shrink();
    return true;
  }

  // Hot: once per request.
  onRequest(nowMs: number): void {
    this.#begun += 1;
    if (this.#begun === 1) this.#firstBegunMs = this.#lookedMs = nowMs;
    if (this.#begun > AT_ONCE && nowMs - this.#firstBegunMs >= LONG_TURN_MS) this.#onLongTurn(nowMs);
    if (nowMs - this.#sinceMs >= SECOND_MS) this.#onSecond(nowMs);
  }

  // Hot: once per request.
  onAdmitted(): void {
    this.#admitted += 1;
    this.#hasAdmitted = true;
  }

  /** There was no room for somebody. */
  onWaiting(nowMs: number): void {
    this.#isFull = true;
    this.#untilMs = nowMs + HOLD_MS;
  }

  /** `unit` is in [0, 1). The more are refused, the longer they stay away: a refusal costs half as much as an answer. */
  onRefused(nowMs: number, unit: number): void {
    this.onWaiting(nowMs);
    this.#refused += 1;
    const share = (this.#refusedBefore + this.#refused) / Math.max(ADMITTED_MIN, this.#admittedBefore);
    this.restMs = Math.min(REST_MS_MAX, REST_MS_MIN + REST_MS_PER_SHARE * share) * (1 - REST_JITTER * unit);
  }

  /** Called at a fixed period by a timer of the loop, which had nothing to do for this share of the time since. */
  onTurn(nowMs: number, idleShare: number, inFlight: number): void {
    if (!this.isPresent(nowMs)) this.room = Infinity;
    else if (this.#isFull && idleShare < BUSY_IDLE_SHARE) this.#onBusyTurn(inFlight);
    else if (this.#isFull) this.room = Math.ceil(this.room * (1 + idleShare * 2 * (ROOM_GROWTH_HALF_IDLE - 1)));
    this.#inFlightBefore = inFlight;
    this.#begun = 0;
    this.#isFull = false;
    this.#hasAdmitted = false;
  }

  /** When what is under way takes all the room and does not end, as long downloads do, others go on beside it. */
  #onBusyTurn(inFlight: number): void {
    const isStuck = !this.#hasAdmitted && inFlight >= this.#inFlightBefore;
    if (isStuck) this.room = Math.max(this.room, inFlight + ROOM_MIN);
    else this.#shrink();
  }

  #shrink(): void {
    this.room = Math.max(ROOM_MIN, Math.floor(this.room * ROOM_SHRINK));
  }

  #onSecond(nowMs: number): void {
    const seconds = (nowMs - this.#sinceMs) / 1_000;
    this.#sinceMs = nowMs;
    this.#admittedBefore = Math.max(this.#admitted / seconds, ADMITTED_DECAY * this.#admittedBefore);
    this.#refusedBefore = this.#refused;
    this.#admitted = 0;
    this.#refused = 0;
  }

  #onLongTurn(nowMs: number): void {
    if (!this.isPresent(nowMs)) this.room = Math.max(ROOM_FIRST, this.#inFlightBefore);
    this.#untilMs = nowMs + HOLD_MS;
  }
}
