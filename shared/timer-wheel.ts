import { assert } from "./assert.ts";
import type { Clock } from "./clock.ts";
import { WHEEL_TICK_MS } from "./defaults.ts";
import type { Timer, Timers } from "./timers.ts";

/** Who is told when a deadline has passed. Told once per arming; may arm the deadline again at once. */
export interface DeadlineOwner {
  onDeadline(deadline: Deadline): void;
}

/** One deadline that can be armed again and again; a node of the wheel's lists, so arming allocates nothing. */
export class Deadline {
  readonly owner: DeadlineOwner | undefined;
  /** The tick at which it is due; the wheel's own. */
  dueTick = 0;
  /** The tick of the slot it is linked in; at most `dueTick`. The wheel's own. */
  slotTick = 0;
  next: Deadline | undefined = undefined;
  previous: Deadline | undefined = undefined;

  constructor(owner: DeadlineOwner | undefined) {
    this.owner = owner;
  }

  get isArmed(): boolean {
    return this.next !== undefined;
  }
}

/** A power of two. One turn is 5 s at the default tick: most deadlines of requests are visited at most twice. */
const SLOTS = 512;
/** At the default tick 100 ms: no turn of a busy loop, but a process that did not run. */
const BEHIND_TICKS = 10;

/**
 * Many deadlines on one timer. A setTimeout per request costs more than routing it (about 240 ns against 20 here), and
 * most deadlines never pass: they are moved or cancelled.
 *
 * Invariants:
 * - A deadline passes at or after its time, never before, and at most one tick late when `advance` is called each tick.
 * - A deadline that is moved to a later time stays linked where it is, and is sorted in again when its slot comes by:
 *   "30 s from now" at each received chunk is one comparison and one store.
 * - Owners may arm and cancel any deadline while they are told.
 */
export class TimerWheel {
  /** Armed deadlines. */
  size = 0;
  readonly #clock: Clock;
  readonly #tickMs: number;
  readonly #slots: Deadline[] = [];
  /** The list of the slot that is being visited. */
  readonly #visited = emptyList();
  /** All slots up to this tick have been visited. */
  #tick: number;

  constructor(clock: Clock, tickMs: number = WHEEL_TICK_MS) {
    this.#clock = clock;
    this.#tickMs = tickMs;
    for (let index = 0; index < SLOTS; index += 1) this.#slots.push(emptyList());
    this.#tick = Math.floor(clock.nowMs() / tickMs);
  }

  /** Hot: sets `deadline` to pass `delayMs` from now, whether it was armed or not. */
  arm(deadline: Deadline, delayMs: number): void {
    const dueTick = Math.max(Math.ceil((this.#clock.nowMs() + delayMs) / this.#tickMs), this.#tick + 1);
    if (deadline.next === undefined) {
      this.size += 1;
    } else if (dueTick >= deadline.slotTick) {
      deadline.dueTick = dueTick;
      return;
    } else {
      unlink(deadline);
    }
    deadline.dueTick = dueTick;
    this.#link(deadline);
  }

  /** Takes a deadline back. One that is not armed stays so. */
  cancel(deadline: Deadline): void {
    if (deadline.next === undefined) return;
    unlink(deadline);
    this.size -= 1;
  }

  get nowMs(): number {
    return this.#clock.nowMs();
  }

  /** So late that what came in time may still wait to be read. */
  get isBehind(): boolean {
    return this.nowMs > (this.#tick + BEHIND_TICKS) * this.#tickMs;
  }

  /** Tells the owners of all deadlines that had passed at `untilMs`, by default now. Call it each tick; late calls catch up. */
  advance(untilMs: number = this.#clock.nowMs()): void {
    const nowTick = Math.floor(untilMs / this.#tickMs);
    const first = Math.max(this.#tick + 1, nowTick - SLOTS + 1);
    for (let tick = first; tick <= nowTick; tick += 1) {
      this.#tick = tick;
      this.#visit(this.#slot(tick), nowTick);
    }
  }

  #visit(slot: Deadline, nowTick: number): void {
    moveAll(slot, this.#visited);
    for (let deadline = this.#visited.next; deadline !== this.#visited; deadline = this.#visited.next) {
      assert(deadline !== undefined, "the wheel's lists are circular");
      unlink(deadline);
      if (deadline.dueTick > nowTick) {
        this.#link(deadline);
      } else {
        this.size -= 1;
        deadline.owner?.onDeadline(deadline);
      }
    }
  }

  #link(deadline: Deadline): void {
    deadline.slotTick = deadline.dueTick;
    const list = this.#slot(deadline.dueTick);
    const last = list.previous;
    deadline.next = list;
    deadline.previous = last;
    list.previous = deadline;
    if (last !== undefined) last.next = deadline;
  }

  #slot(tick: number): Deadline {
    const slot = this.#slots[tick & (SLOTS - 1)];
    assert(slot !== undefined, "every tick has a slot");
    return slot;
  }
}

/**
 * Drives the wheel from the process's timers until cancelled. Does not keep the process alive.
 *
 * After a pause (the machine, a debugger, SIGSTOP, a long turn of the loop) Node runs timers before it reads sockets, and
 * deadlines would pass for answers that have long been here: a pause of a second would be timeouts, and an open breaker. So
 * a wheel that is behind is turned when what has arrived was read: `afterReads` is where Node comes to after its sockets. Not
 * at the next tick: when other timers take long, two ticks come without a look at the sockets between them. And only as far
 * as it was due before: reading may take a second, too, and what began in it, as a connection, has not been looked at.
 */
export function turnWheel(
  wheel: TimerWheel,
  timers: Pick<Timers, "every">,
  tickMs: number = WHEEL_TICK_MS,
  afterReads: (task: () => void) => unknown = setImmediate,
): Timer {
  let isDue = false;
  return timers.every(tickMs, () => {
    if (!wheel.isBehind) wheel.advance();
    else if (!isDue) {
      isDue = true;
      const { nowMs } = wheel;
      afterReads(() => {
        isDue = false;
        wheel.advance(nowMs);
      });
    }
  });
}

function emptyList(): Deadline {
  const list = new Deadline(undefined);
  list.next = list;
  list.previous = list;
  return list;
}

function unlink(deadline: Deadline): void {
  const { next, previous } = deadline;
  if (next !== undefined) next.previous = previous;
  if (previous !== undefined) previous.next = next;
  deadline.next = undefined;
  deadline.previous = undefined;
}

function moveAll(from: Deadline, to: Deadline): void {
  const { next, previous } = from;
  if (next === from || next === undefined || previous === undefined) return;
  to.next = next;
  to.previous = previous;
  next.previous = to;
  previous.next = to;
  from.next = from;
  from.previous = from;
}
