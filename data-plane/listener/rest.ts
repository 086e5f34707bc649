import { ROOM_WAIT_MS } from "../../shared/defaults.ts";
import { Deadline, type DeadlineOwner } from "../../shared/timer-wheel.ts";
import type { Waiter } from "../policy/waiting-line.ts";
import type { ListenerServices } from "../request/listener-services.ts";
import type { ConnectionHome } from "./connection-home.ts";
import type { ReadGate } from "./read-gate.ts";

/** In no time of the clock. Not 0: for V8 a number that becomes a fraction is another kind of number, in all connections. */
const NEVER_MS = -Infinity;

/** What is read has memory of its own, which costs more to keep for seconds than a part of a shared piece. */
const COPIED_BYTES_MAX = 1_024;

/** The listener, as far as a rest needs it. */
export interface RestHome extends Pick<ConnectionHome, "inFlight"> {
  readonly services: Pick<ListenerServices, "shedder" | "clock" | "wheel" | "direction">;
}

export interface RestOwner {
  /** The request that was kept may be decoded. */
  onRestOver(): void;
}

/**
 * Keeps a client's next request without looking at it, while more is asked of the proxy than it can do:
 *
 *     request comes ──▶ away: the one before was refused, and it was told to stay away ──┬──▶ over
 *                   └──▶ in line: there is no room for it at present ◀───────────────────┘
 *
 * In line it waits for {@link ROOM_WAIT_MS} at most. Who has been away always finds a place there. For whoever waits for
 * the listener to end, a request that rests has begun.
 */
export class Rest implements Waiter, DeadlineOwner {
  /** For how long the present request has rested: whole milliseconds, at least 1; or 0. */
  restedMs = 0;
  /** It stands in line. */
  isWaiting = false;
  readonly #owner: RestOwner;
  readonly #home: RestHome;
  readonly #gate: Pick<ReadGate, "keep">;
  readonly #deadline = new Deadline(this);
  #isAway = false;
  #awayUntilMs = NEVER_MS;
  #sinceMs = NEVER_MS;

  constructor(owner: RestOwner, home: RestHome, gate: Pick<ReadGate, "keep">) {
    this.#owner = owner;
    this.#home = home;
    this.#gate = gate;
  }

  get isResting(): boolean {
    return this.#isAway || this.isWaiting;
  }

  /** Its request has been refused, and it was told to come no earlier. */
  stayAway(ms: number): void {
    this.#awayUntilMs = this.#home.services.clock.nowMs() + ms;
  }

  // Hot: once per request.
  /** Keeps the first bytes of a request until `onRestOver`; or returns that it need not rest. */
  takes(bytes: Buffer): boolean {
    const restMs = this.#begin();
    if (restMs === 0) return false;
    this.#sinceMs = this.#home.services.clock.nowMs();
    this.#home.inFlight += 1;
    this.#gate.keep(bytes.length <= COPIED_BYTES_MAX ? Buffer.from(bytes) : bytes);
    this.#home.services.wheel.arm(this.#deadline, restMs);
    return true;
  }

  onRoom(): void {
    this.#over();
  }

  onDeadline(): void {
    if (this.#isAway && this.#wait(true) > 0) {
      this.#isAway = false;
      this.#home.services.wheel.arm(this.#deadline, ROOM_WAIT_MS);
    } else this.#over();
  }

  /** The client is gone. */
  end(): void {
    if (!this.isResting) return;
    this.#isAway = false;
    this.isWaiting = false;
    this.#home.inFlight -= 1;
    this.#home.services.wheel.cancel(this.#deadline);
  }

  #over(): void {
    this.end();
    this.restedMs = Math.max(1, Math.ceil(this.#home.services.clock.nowMs() - this.#sinceMs));
    this.#owner.onRestOver();
  }

  #begin(): number {
    const untilMs = this.#awayUntilMs;
    if (untilMs === NEVER_MS) return this.#wait(false);
    this.#awayUntilMs = NEVER_MS;
    const { clock, shedder } = this.#home.services;
    const nowMs = clock.nowMs();
    // A client that does not keep to Retry-After is kept away, for as long as there is too much to do.
    if (untilMs <= nowMs || !shedder.isCrowded(nowMs)) return this.#wait(false);
    this.#isAway = true;
    return untilMs - nowMs;
  }

  /** The app's own calls stand in no line: what is under way waits for them. */
  #wait(wasAway: boolean): number {
    const { direction, clock, shedder } = this.#home.services;
    this.isWaiting = direction === "inbound" && shedder.joins(this, wasAway, clock.nowMs());
    return this.isWaiting ? ROOM_WAIT_MS : 0;
  }
}
