/** One wait for a revision: done when nobody is behind any more. */
interface Wait<T> {
  readonly revision: number;
  readonly behind: Set<T>;
  readonly end: () => void;
}

/** Waits for many to reach a revision, told as it happens: nothing is polled. */
export class RevisionWaits<T> {
  readonly #waits = new Set<Wait<T>>();

  /**
   * Settles when all of `behind` reached `revision` or left. `arm` is given how to end the wait early and returns how to
   * disarm itself.
   */
  async until(revision: number, behind: Iterable<T>, arm: (end: () => void) => () => void): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const wait: Wait<T> = { revision, behind: new Set(behind), end: resolve };
    this.#waits.add(wait);
    const disarm = arm(resolve);
    await promise;
    disarm();
    this.#waits.delete(wait);
  }

  /** One that joins while others wait has not reached anything yet: a reconnecting node counts until it has. */
  onJoined(one: T): void {
    for (const wait of this.#waits) wait.behind.add(one);
  }

  onLeft(one: T): void {
    for (const wait of this.#waits) settle(wait, one);
  }

  onReached(one: T, revision: number): void {
    for (const wait of this.#waits) if (revision >= wait.revision) settle(wait, one);
  }
}

function settle<T>(wait: Wait<T>, one: T): void {
  if (wait.behind.delete(one) && wait.behind.size === 0) wait.end();
}
