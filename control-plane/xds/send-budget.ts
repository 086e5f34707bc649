import { SERVER_BUFFER_BYTES_MAX } from "../../shared/limits.ts";

/**
 * How much may wait to be sent over all streams together. When a thousand nodes come back at once, each is owed the
 * whole snapshot: served all at a time they would fill the memory and each be too slow; served in turn, each is quick.
 */
export class SendBudget<T extends { pump(): void }> {
  #unsentBytes = 0;
  /** Those that found no room, first come first served. */
  readonly #waiting = new Set<T>();

  /** Whether `one` may send now. If not, its `pump` is called when it may. */
  admits(one: T): boolean {
    if (this.#unsentBytes < SERVER_BUFFER_BYTES_MAX) return true;
    this.#waiting.add(one);
    return false;
  }

  onWritten(bytes: number): void {
    this.#unsentBytes += bytes;
  }

  onSent(bytes: number): void {
    this.#unsentBytes -= bytes;
    for (const one of this.#waiting) {
      if (this.#unsentBytes >= SERVER_BUFFER_BYTES_MAX) return;
      this.#waiting.delete(one);
      one.pump();
    }
  }

  onEnded(one: T, unsentBytes: number): void {
    this.#waiting.delete(one);
    this.onSent(unsentBytes);
  }
}
