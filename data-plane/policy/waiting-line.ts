/** Who waits to be let in. */
export interface Waiter {
  /** False once it has gone, or waits no more for another reason. */
  readonly isWaiting: boolean;
  onRoom(): void;
}

/** First come, first served. Who leaves from the middle keeps the place until it comes by. */
export class WaitingLine {
  readonly #waiters: (Waiter | undefined)[] = [];
  #first = 0;

  /** With the places of those who have left. */
  get length(): number {
    return this.#waiters.length - this.#first;
  }

  join(waiter: Waiter): void {
    this.#waiters.push(waiter);
  }

  /** The first that still waits, or undefined with nobody left. */
  next(): Waiter | undefined {
    while (this.#first < this.#waiters.length) {
      const waiter = this.#waiters[this.#first];
      this.#waiters[this.#first] = undefined;
      this.#first += 1;
      if (2 * this.#first >= this.#waiters.length) this.#forget();
      if (waiter?.isWaiting === true) return waiter;
    }
    return undefined;
  }

  /** The empty places at the front are given up when they are half of all: each place is moved once at most. */
  #forget(): void {
    this.#waiters.splice(0, this.#first);
    this.#first = 0;
  }
}
