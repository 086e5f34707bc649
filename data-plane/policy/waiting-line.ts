/** Who waits to be let in. Told once, and then it waits no more. */
export interface Waiter {
  onRoom(): void;
}

/** Where a waiter stands; a node of the line's list, so joining and leaving allocate nothing. */
export class Place {
  readonly waiter: Waiter | undefined;
  /** The line it stands in. This, and its neighbours, are the line's own. */
  line: WaitingLine | undefined = undefined;
  next: Place | undefined = undefined;
  previous: Place | undefined = undefined;

  constructor(waiter: Waiter | undefined) {
    this.waiter = waiter;
  }
}

/** First come, first served; whoever leaves, leaves at once. */
export class WaitingLine {
  length = 0;
  /** Before the first and behind the last. */
  readonly #ends = new Place(undefined);

  constructor() {
    this.#ends.next = this.#ends;
    this.#ends.previous = this.#ends;
  }

  /** A place that stands in a line has to leave it before. */
  join(place: Place): void {
    const last = this.#ends.previous;
    place.line = this;
    place.next = this.#ends;
    place.previous = last;
    this.#ends.previous = place;
    if (last !== undefined) last.next = place;
    this.length += 1;
  }

  leave(place: Place): void {
    if (place.line !== this) return;
    const { next, previous } = place;
    if (next !== undefined) next.previous = previous;
    if (previous !== undefined) previous.next = next;
    place.line = undefined;
    place.next = undefined;
    place.previous = undefined;
    this.length -= 1;
  }

  /** Tells the first, who leaves; or returns that nobody is here. */
  letFirstIn(): boolean {
    const first = this.#ends.next;
    if (first === undefined || first === this.#ends) return false;
    this.leave(first);
    first.waiter?.onRoom();
    return true;
  }
}
