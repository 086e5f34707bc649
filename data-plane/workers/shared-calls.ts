import { INBOUND_CALLS_MAX } from "../../shared/limits.ts";
import type { InboundCall, SharedInboundCalls } from "../request/inbound-calls.ts";

/** Slots of one worker, a power of two above INBOUND_CALLS_MAX; a trace stands in one of a few beside each other. */
const SLOTS = 16_384;
const PROBES = 8;
/** Words of a slot: four of the trace id, the attempt (0: the slot is free), and what was heard. */
const WORDS = 6;
const ATTEMPT = 4;
const HEARD = 5;
const RETRIED = 1;
const REFUSED = 2;

const DEADLINES_BYTES = SLOTS * Float64Array.BYTES_PER_ELEMENT;
const WORDS_BYTES = SLOTS * WORDS * Int32Array.BYTES_PER_ELEMENT;
/** Of one worker: the deadlines, the slots, and how many slots are taken. */
const COLUMN_BYTES = DEADLINES_BYTES + WORDS_BYTES + Float64Array.BYTES_PER_ELEMENT;

/** Untouched pages cost nothing. */
export function sharedCallMemory(workers: number): SharedArrayBuffer {
  if (SLOTS <= INBOUND_CALLS_MAX) throw new Error("there are fewer slots than calls");
  return new SharedArrayBuffer(workers * COLUMN_BYTES);
}

/** What a worker was answering is given up: it has ended. */
export function clearCalls(memory: SharedArrayBuffer, worker: number): void {
  new Uint8Array(memory, worker * COLUMN_BYTES, COLUMN_BYTES).fill(0);
}

/** The slots of one worker. Only that worker takes and frees them; the others read, and note what they hear. */
class Column {
  readonly deadlines: Float64Array;
  readonly words: Int32Array;
  readonly taken: Int32Array;

  constructor(memory: SharedArrayBuffer, worker: number) {
    const start = worker * COLUMN_BYTES;
    this.deadlines = new Float64Array(memory, start, SLOTS);
    this.words = new Int32Array(memory, start + DEADLINES_BYTES, SLOTS * WORDS);
    this.taken = new Int32Array(memory, start + DEADLINES_BYTES + WORDS_BYTES, 1);
  }

  holds(slot: number, trace: TraceWords): boolean {
    const { words } = this;
    const at = slot * WORDS;
    // The attempt is written last and cleared first: as long as it is there, so is the rest.
    if (Atomics.load(words, at + ATTEMPT) === 0) return false;
    return (
      words[at] === trace[0] && words[at + 1] === trace[1] && words[at + 2] === trace[2] && words[at + 3] === trace[3]
    );
  }
}

type TraceWords = readonly [number, number, number, number];

/**
 * The requests that the app is answering, of all workers: an app's call comes in at whichever worker the system chooses, and
 * must find the request that it is made for at another one. In shared memory and not by messages, because the call may come
 * in the same millisecond.
 */
export class SharedCalls implements SharedInboundCalls {
  readonly #own: Column;
  readonly #others: readonly Column[];
  /** What turns this thread's monotonic time into that of all threads. */
  readonly #offsetMs: number;

  constructor(memory: SharedArrayBuffer, worker: number, offsetMs: number) {
    const workers = memory.byteLength / COLUMN_BYTES;
    const columns = Array.from({ length: workers }, (_, index) => new Column(memory, index));
    this.#own = new Column(memory, worker);
    this.#others = columns.filter((_, index) => index !== worker);
    this.#offsetMs = offsetMs;
  }

  // Hot: once per inbound request.
  open(traceId: string): (InboundCall & { close(): void }) | undefined {
    const trace = wordsOf(traceId);
    for (let probe = 0; probe < PROBES; probe += 1) {
      const slot = slotOf(trace, probe);
      if (this.#own.words[slot * WORDS + ATTEMPT] === 0)
        return new SlotCall(this.#own, slot, trace, this.#offsetMs).take();
    }
    return undefined;
  }

  // Hot: once per outbound request.
  find(traceId: string): readonly InboundCall[] {
    let found: InboundCall[] = NONE;
    let trace: TraceWords | undefined = undefined;
    for (const column of this.#others) {
      if (Atomics.load(column.taken, 0) === 0) continue;
      trace ??= wordsOf(traceId);
      for (let probe = 0; probe < PROBES; probe += 1) {
        const slot = slotOf(trace, probe);
        if (column.holds(slot, trace)) found = [...found, new SlotCall(column, slot, trace, this.#offsetMs)];
      }
    }
    return found;
  }
}

const NONE: InboundCall[] = [];

/** An entry as the request path knows it. Once its slot is free it reads as the first attempt without a deadline. */
class SlotCall implements InboundCall {
  requests = 1;
  readonly #column: Column;
  readonly #slot: number;
  readonly #trace: TraceWords;
  readonly #offsetMs: number;

  constructor(column: Column, slot: number, trace: TraceWords, offsetMs: number) {
    this.#column = column;
    this.#slot = slot;
    this.#trace = trace;
    this.#offsetMs = offsetMs;
  }

  take(): this {
    const { words, deadlines, taken } = this.#column;
    const at = this.#slot * WORDS;
    words.set(this.#trace, at);
    words[at + HEARD] = 0;
    deadlines[this.#slot] = Infinity;
    Atomics.store(words, at + ATTEMPT, 1);
    Atomics.add(taken, 0, 1);
    return this;
  }

  close(): void {
    Atomics.store(this.#column.words, this.#slot * WORDS + ATTEMPT, 0);
    Atomics.sub(this.#column.taken, 0, 1);
  }

  get attempt(): number {
    return this.#isThere ? Atomics.load(this.#column.words, this.#slot * WORDS + ATTEMPT) : 1;
  }

  set attempt(attempt: number) {
    if (this.#isThere) Atomics.store(this.#column.words, this.#slot * WORDS + ATTEMPT, attempt);
  }

  get deadlineAtMs(): number {
    return this.#isThere ? (this.#column.deadlines[this.#slot] ?? Infinity) - this.#offsetMs : Infinity;
  }

  set deadlineAtMs(deadlineAtMs: number) {
    if (this.#isThere) this.#column.deadlines[this.#slot] = deadlineAtMs + this.#offsetMs;
  }

  get wasRetried(): boolean {
    return this.#hasHeard(RETRIED);
  }

  set wasRetried(was: boolean) {
    if (was) this.#hear(RETRIED);
  }

  get wasRefused(): boolean {
    return this.#hasHeard(REFUSED);
  }

  set wasRefused(was: boolean) {
    if (was) this.#hear(REFUSED);
  }

  get #isThere(): boolean {
    return this.#column.holds(this.#slot, this.#trace);
  }

  #hasHeard(bit: number): boolean {
    return this.#isThere && (Atomics.load(this.#column.words, this.#slot * WORDS + HEARD) & bit) !== 0;
  }

  #hear(bit: number): void {
    if (this.#isThere) Atomics.or(this.#column.words, this.#slot * WORDS + HEARD, bit);
  }
}

/** A trace id is 32 hex digits. */
function wordsOf(traceId: string): TraceWords {
  const word = (from: number): number => Number.parseInt(traceId.slice(from, from + 8), 16) | 0;
  return [word(0), word(8), word(16), word(24)];
}

/** The last word: some make the first ones from the time. */
function slotOf(trace: TraceWords, probe: number): number {
  return (trace[3] + probe) & (SLOTS - 1);
}
