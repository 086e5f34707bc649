/** As many events libuv takes from the system at once. Only with more does it go on before it looks at its timers. */
const AT_ONCE = 1_024;
/** Requests of one turn that take this long keep everybody waiting for as long. A pause before them is no fault of theirs. */
const LONG_TURN_MS = 100;
/** So often in a row: a collection of garbage, or a machine that is away for a moment, is no crowd. */
const LATE_TURNS = 4;
/** A loop that is late with fewer requests than this is not late because of them. */
const BLAMELESS_MAX = 32;
/** It has gone when for so long no turn was as long, and nobody had to wait. */
const HOLD_MS = 1_000;
/** To begin with: so many under way keep any proxy busy while the services behind it are quick. For slow ones it grows. */
const ROOM_FIRST = 64;
/** Fewer are not needed for that: 16 under way cost two thirds of what each of 256 costs, whose memory no cache holds. */
const ROOM_MIN = 16;
/** How the room grows with each turn in which the loop had nothing to do half the time while somebody waited, */
const ROOM_GROWTH_HALF_IDLE = 1.25;
/** and how it shrinks with each in which it always had. */
const ROOM_SHRINK = 0.9;
const BUSY_IDLE_SHARE = 0.05;
/** The line holds no fewer. */
const LINE_MIN = 256;
const SECOND_MS = 1_000;
/** Longer than it takes a client to be refused and to come again in vain, and shorter than callers wait (5 s by default). */
const LINE_SEC = 2;
const REST_MS_MIN = 1_000;
/** Whoever comes earlier, and after the crowd, is let in at once. */
const REST_MS_MAX = 10_000;
/** Beyond the least, if as many were refused within a second as could have been let in. With it a fifth is, at most. */
const REST_MS_PER_SHARE = 20_000;
/** In answers. */
const REFUSAL_COST = 0.5;
/** This part of it is left to chance: who is refused in one moment shall not come back in one. */
const REST_JITTER = 0.3;
/** Shares are taken of so much at least: a proxy that was idle knows nothing of what it can do. */
const CAPACITY_MIN = 1_000;
/** What a proxy could do within a second is forgotten no faster: one bad second does not shorten the line. */
const CAPACITY_DECAY = 0.75;

/**
 * Tells when more is asked of the event loop than it can do, and how much to let in meanwhile.
 *
 * A crowd is there when the loop is late again and again with many requests, or when one turn of it has more requests than
 * libuv takes from the system at once and they take long. libuv then goes on with the next thousand, up to 48 times, before
 * it looks at its timers: for seconds, and no timer sees that.
 *
 * While it is there the room is bounded. It shrinks while the loop always has something to do, and grows, faster, while it
 * waits for the services though somebody waits for it. So it becomes as small as it can be without a loss: the fewer are
 * under way, the less each of them costs.
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
  /** When this turn had its first request, or was found to be a long one again. */
  #lookedMs = -Infinity;
  /** At the last turn. */
  #inFlightBefore = 0;
  #lateTurns = 0;
  /** Since then somebody had to wait, or was let in. */
  #isFull = false;
  #hasAdmitted = false;
  #sinceMs = -Infinity;
  /** In this second, and in the one before. */
  #refused = 0;
  #refusedBefore = 0;
  #admitted = 0;
  /** As many would have been let in within the second before, had nobody been refused. */
  #capacity = 0.5;

  /** There is a crowd now, or was one just before. */
  isPresent(nowMs: number): boolean {
    return nowMs < this.#untilMs;
  }

  /**
   * As many as could be let in within {@link LINE_SEC}: so long does the last of them wait. Were it by how many are let in,
   * refusals would make it shorter, a shorter line would make more refusals, and soon nothing else would be done.
   */
  get lineMax(): number {
    return Math.max(LINE_MIN, LINE_SEC * this.#capacity);
  }

  // Hot: once per request.
  onRequest(nowMs: number): void {
    this.#begun += 1;
    if (this.#begun === 1) this.#lookedMs = nowMs;
    if (this.#begun > AT_ONCE && nowMs - this.#lookedMs >= LONG_TURN_MS) {
      this.#lookedMs = nowMs;
      if (this.isPresent(nowMs)) this.#shrink();
      this.#onLate(nowMs);
    }
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
    const share = (this.#refusedBefore + this.#refused) / Math.max(CAPACITY_MIN, this.#capacity);
    this.restMs = Math.min(REST_MS_MAX, REST_MS_MIN + REST_MS_PER_SHARE * share) * (1 - REST_JITTER * unit);
  }

  /** Called by a timer of the loop, which is so late, and had nothing to do for this share of the time since the last call. */
  onTurn(nowMs: number, lateMs: number, idleShare: number, inFlight: number): void {
    const isLate = lateMs > LONG_TURN_MS && Math.max(this.#begun, inFlight) > BLAMELESS_MAX;
    this.#lateTurns = isLate ? this.#lateTurns + 1 : 0;
    if (this.#lateTurns >= LATE_TURNS) this.#onLate(nowMs);
    if (!this.isPresent(nowMs)) this.room = Infinity;
    else if (idleShare < BUSY_IDLE_SHARE) this.#onBusyTurn(inFlight);
    else if (this.#isFull) this.room = Math.ceil(this.room * (1 + idleShare * 2 * (ROOM_GROWTH_HALF_IDLE - 1)));
    this.#inFlightBefore = inFlight;
    this.#begun = 0;
    this.#isFull = false;
    this.#hasAdmitted = false;
  }

  /** When what is under way takes all the room and does not end, as long downloads do, others go on beside it. */
  #onBusyTurn(inFlight: number): void {
    const isStuck = this.#isFull && !this.#hasAdmitted && inFlight >= this.#inFlightBefore;
    if (isStuck) this.room = Math.max(this.room, inFlight + ROOM_MIN);
    else this.#shrink();
  }

  #shrink(): void {
    this.room = Math.max(ROOM_MIN, Math.floor(this.room * ROOM_SHRINK));
  }

  #onSecond(nowMs: number): void {
    const seconds = (nowMs - this.#sinceMs) / 1_000;
    this.#sinceMs = nowMs;
    const possible = (this.#admitted + REFUSAL_COST * this.#refused) / seconds;
    this.#capacity = Math.max(possible, CAPACITY_DECAY * this.#capacity);
    this.#refusedBefore = this.#refused;
    this.#admitted = 0;
    this.#refused = 0;
  }

  #onLate(nowMs: number): void {
    if (!this.isPresent(nowMs)) this.room = ROOM_FIRST;
    this.#untilMs = nowMs + HOLD_MS;
  }
}
