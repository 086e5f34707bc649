import { ROOM_WAIT_MS } from "../../shared/defaults.ts";
import { Deadline, type DeadlineOwner } from "../../shared/timer-wheel.ts";
import { Place, type Waiter } from "../policy/waiting-line.ts";
import type { ListenerServices } from "../request/listener-services.ts";
import type { ConnectionHome } from "./connection-home.ts";
import type { ReadGate } from "./read-gate.ts";

/** In no time of the clock. Not 0: for V8 a number that becomes a fraction is another kind of number, in all connections. */
const NEVER_MS = -Infinity;

/** What is read has memory of its own, which costs more to keep for seconds than a part of a shared piece. */
const COPIED_BYTES_MAX = 1_024;

/** The listener, as far as a rest needs it. */
export interface RestHome extends Pick<ConnectionHome, "inFlight"> {
  readonly services: Pick<ListenerServices, "shedder" | "clock" | "wheel">;
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
 * Either ends earlier when there is room. In line it waits for {@link ROOM_WAIT_MS} at most. Who has been away always finds
 * a place there. For whoever waits for the listener to end, a request that rests has begun.
 */
export class Rest implements Waiter, DeadlineOwner {
  /** For how long the present request has rested: whole milliseconds, at least 1; or 0. */
  restedMs = 0;
  readonly #owner: RestOwner;
  readonly #home: RestHome;
  readonly #gate: Pick<ReadGate, "keep">;
  readonly #deadline = new Deadline(this);
  readonly #place = new Place(this);
  #isResting = false;
  #awayUntilMs = NEVER_MS;
  #sinceMs = NEVER_MS;

  constructor(owner: RestOwner, home: RestHome, gate: Pick<ReadGate, "keep">) {
    this.#owner = owner;
    this.#home = home;
    this.#gate = gate;
  }

  get isResting(): boolean {
    return this.#isResting;
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
    this.#isResting = true;
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
    const { clock, shedder, wheel } = this.#home.services;
    if (shedder.returns(this.#place, clock.nowMs())) wheel.arm(this.#deadline, ROOM_WAIT_MS);
    else this.#over();
  }

  /** The client is gone. */
  end(): void {
    if (!this.#isResting) return;
    this.#isResting = false;
    this.#place.line?.leave(this.#place);
    this.#home.inFlight -= 1;
    this.#home.services.wheel.cancel(this.#deadline);
  }

  #over(): void {
    this.end();
    this.restedMs = Math.max(1, Math.ceil(this.#home.services.clock.nowMs() - this.#sinceMs));
    this.#owner.onRestOver();
  }

  /** Returns for how long it rests; 0 when it need not. */
  #begin(): number {
    const { clock, shedder } = this.#home.services;
    const awayMs = this.#awayUntilMs === NEVER_MS ? 0 : this.#awayUntilMs - clock.nowMs();
    this.#awayUntilMs = NEVER_MS;
    // A client that does not keep to Retry-After is kept away, for as long as there is too much to do.
    if (awayMs > 0 && shedder.keepsAway(this.#place)) return awayMs;
    return shedder.joins(this.#place, false, clock.nowMs()) ? ROOM_WAIT_MS : 0;
  }
}
