/** Rows of the shared memory: one for each endpoint that a proxy may know, and for the few other things that are counted. */
export const SHARED_ROWS_MAX = 131_072;

/** Of counts whose key is nobody's any more: no key is given it, and nobody reads it. */
export const NOWHERE_ROW = 0;

/** Zeros for so many workers. Untouched pages cost nothing. */
export function sharedCountMemory(workers: number): SharedArrayBuffer {
  return new SharedArrayBuffer(workers * SHARED_ROWS_MAX * Int32Array.BYTES_PER_ELEMENT);
}

/** What a worker counted is nobody's any more: it has ended. */
export function clearWorker(memory: SharedArrayBuffer, worker: number): void {
  columnOf(memory, worker).fill(0);
}

function columnOf(memory: SharedArrayBuffer, worker: number): Int32Array {
  return new Int32Array(memory, worker * SHARED_ROWS_MAX * Int32Array.BYTES_PER_ELEMENT, SHARED_ROWS_MAX);
}

/**
 * A number of something under way, that holds for all workers of a proxy. Each worker writes a column of its own: no two
 * write to one cache line, and what a dead worker held is given back by clearing its column. The number is the sum.
 *
 * A limit holds exactly when who wants one more counts it first and compares then: the operations have one order, so of
 * two at the limit at least one sees the other. Both may be refused, never both admitted.
 */
export class SharedCount {
  readonly #cells: Int32Array;
  readonly #column: Int32Array;
  #row: number;
  /** What of it is this worker's. */
  #own = 0;

  constructor(memory: SharedArrayBuffer, worker: number, row: number) {
    this.#cells = new Int32Array(memory);
    this.#column = columnOf(memory, worker);
    this.#row = row;
  }

  // Hot: at the start and at the end of an attempt.
  add(change: number): void {
    this.#own += change;
    Atomics.add(this.#column, this.#row, change);
  }

  // Hot: for each endpoint that a picker compares.
  get total(): number {
    let sum = 0;
    for (let cell = this.#row; cell < this.#cells.length; cell += SHARED_ROWS_MAX) {
      sum += Atomics.load(this.#cells, cell);
    }
    return sum;
  }

  /** Its key stands in another row now; what it counts goes along. */
  moveTo(row: number): void {
    if (row === this.#row) return;
    Atomics.sub(this.#column, this.#row, this.#own);
    Atomics.add(this.#column, row, this.#own);
    this.#row = row;
  }
}
