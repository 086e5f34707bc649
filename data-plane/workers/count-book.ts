import type { MapChanges } from "./map-changes.ts";
import { NOWHERE_ROW, SHARED_ROWS_MAX, SharedCount } from "./shared-count.ts";

/** Where counts that all workers share are found by name. */
export interface CountBook {
  /** Undefined: this one is counted by each worker for itself. */
  of(key: string): SharedCount | undefined;
  /** Nobody counts under this name any more; what is still under way may end. */
  release(key: string): void;
}

/** The names of counts and the rows they stand in, given by the first worker to all. */
export class OwnedCounts implements CountBook {
  readonly #memory: SharedArrayBuffer;
  readonly #counts = new Map<string, SharedCount>();
  readonly #rows = new Map<string, number>();
  /**
   * The one that is free for the longest time is given first: another worker that has not heard of the change yet
   * still counts there for the key before, and moves that away when it hears.
   */
  readonly #free = new Set<number>();

  constructor(memory: SharedArrayBuffer) {
    this.#memory = memory;
  }

  /** For the other workers. */
  get rows(): ReadonlyMap<string, number> {
    return this.#rows;
  }

  of(key: string): SharedCount | undefined {
    const known = this.#counts.get(key);
    if (known !== undefined) return known;
    const row = this.#takeRow();
    if (row === undefined) return undefined;
    const count = new SharedCount(this.#memory, 0, row);
    this.#counts.set(key, count);
    this.#rows.set(key, row);
    return count;
  }

  release(key: string): void {
    const row = this.#rows.get(key);
    if (row === undefined) return;
    this.#counts.get(key)?.moveTo(NOWHERE_ROW);
    this.#counts.delete(key);
    this.#rows.delete(key);
    this.#free.add(row);
  }

  #takeRow(): number | undefined {
    // Rows are given without a gap after the first: this many are in use, or were.
    const next = NOWHERE_ROW + 1 + this.#rows.size + this.#free.size;
    if (next < SHARED_ROWS_MAX) return next;
    for (const row of this.#free) {
      this.#free.delete(row);
      return row;
    }
    return undefined;
  }
}

/** The same names in another worker, as it was last told them. */
export class FollowedCounts implements CountBook {
  readonly #memory: SharedArrayBuffer;
  readonly #worker: number;
  readonly #rows = new Map<string, number>();
  readonly #counts = new Map<string, SharedCount>();

  constructor(memory: SharedArrayBuffer, worker: number) {
    this.#memory = memory;
    this.#worker = worker;
  }

  follow({ gone, set }: MapChanges<number>): void {
    for (const key of gone) {
      this.#counts.get(key)?.moveTo(NOWHERE_ROW);
      this.#counts.delete(key);
      this.#rows.delete(key);
    }
    for (const [key, row] of set) {
      this.#rows.set(key, row);
      this.#counts.get(key)?.moveTo(row);
    }
  }

  of(key: string): SharedCount | undefined {
    const known = this.#counts.get(key);
    const row = this.#rows.get(key);
    if (known !== undefined || row === undefined) return known;
    const count = new SharedCount(this.#memory, this.#worker, row);
    this.#counts.set(key, count);
    return count;
  }

  /** The first worker says when. */
  release(): void {}
}
