/** State of one key. */
export interface KeyState {
  /** It says no more than a new one would: nobody notices that it was forgotten. */
  isSpare(nowMs: number): boolean;
}

/** Looked at for one that may go when there is no room: the cost of a new key at the bound. */
const LOOKS_MAX = 8;

/**
 * State by key, for keys that others make up: at most `keysMax`. At the bound the oldest that is spare makes room; those
 * on the way that are not get another turn. When none of a few is spare, there is no room: nothing that counts is ever
 * forgotten, or a flood of made-up keys would wash away what is known of the others.
 */
export class KeyTable<T extends KeyState> {
  readonly #keysMax: number;
  readonly #states = new Map<string, T>();

  constructor(keysMax: number) {
    this.#keysMax = keysMax;
  }

  get size(): number {
    return this.#states.size;
  }

  // Hot: once per request that is limited.
  get(key: string): T | undefined {
    return this.#states.get(key);
  }

  entries(): IterableIterator<[string, T]> {
    return this.#states.entries();
  }

  /** Makes room for a key that is not there. False: there is none. */
  makeRoom(nowMs: number): boolean {
    if (this.#states.size < this.#keysMax) return true;
    let looks = 0;
    for (const [key, state] of this.#states) {
      this.#states.delete(key);
      if (state.isSpare(nowMs)) return true;
      this.#states.set(key, state);
      looks += 1;
      if (looks === LOOKS_MAX) break;
    }
    return false;
  }

  /** Only after `makeRoom` said so. */
  add(key: string, state: T): void {
    this.#states.set(key, state);
  }

  delete(key: string): void {
    this.#states.delete(key);
  }
}
