/**
 * Scans field lines (headers, trailers) up to the empty line, strictly, one pass, resumable at every byte.
 *
 * It marks where the values lie instead of cutting them out: whoever asked for the scan makes strings once the whole
 * section is there. Marks are relative to `base`, so a section may move between two scans (to a buffer that joins its
 * parts) as long as `base` moves with it.
 */

import { TOKEN_LOWER } from "./chars.ts";
import {
  BAD_NAME,
  BAD_VALUE_BYTE,
  BARE_CR,
  BARE_LF,
  CONTROL_IN_NAME,
  NO_COLON,
  OBS_FOLD,
  SPACE_BEFORE_COLON,
  SPACE_BEFORE_FIELDS,
  TOO_MANY_FIELDS,
} from "./failures.ts";
import { type FieldName, fieldNameAt, isNameAt } from "./field-name.ts";
import type { CodecFailure } from "./message.ts";

// Of this module, not imported: an imported binding is read from its cell at every use, which doubles the cost of a byte
// (1.2 ns instead of 0.65, bench/codec.ts).
const HTAB = 0x09;
const LF = 0x0a;
const CR = 0x0d;
const SP = 0x20;
const COLON = 0x3a;
const DEL = 0x7f;
const TOKEN = TOKEN_LOWER;

const LINE_START = 0;
const NAME = 1;
const BEFORE_VALUE = 2;
const VALUE = 3;
const LINE_LF = 4;
const LAST_LF = 5;

export class FieldScanner {
  count = 0;
  readonly names: FieldName[] = [];
  /** Start and end of each value, white space around it left out: two entries per line. */
  readonly marks: Uint32Array;
  complete = false;
  failure: CodecFailure | undefined = undefined;

  readonly #countMax: number;
  #stage = LINE_START;
  #start = 0;

  constructor(countMax: number) {
    this.#countMax = countMax;
    this.marks = new Uint32Array(2 * countMax);
  }

  reset(): void {
    this.count = 0;
    this.complete = false;
    this.failure = undefined;
    this.#stage = LINE_START;
  }

  // Hot: every byte of every field. `bytes[i]` is in bounds by each loop's condition, hence the `!`.
  /** Scans `bytes[from, end)`; returns the offset after the last byte used. Then `complete`, `failure`, or more is needed. */
  scan(bytes: Buffer, from: number, end: number, base: number): number {
    let i = from;
    let stage = this.#stage;
    while (i < end) {
      if (stage === LINE_START) {
        if (bytes[i] === CR) {
          stage = LAST_LF;
          i += 1;
          continue;
        }
        this.#start = i - base;
        stage = NAME;
        // Clients and servers repeat themselves: the name of this line in the message before is the likely one, and to
        // compare it costs half of checking, looking up and comparing.
        const guess = this.names[this.count];
        if (guess !== undefined && isNameAt(guess, bytes, i, end)) {
          i += guess.bytes.length + 1;
          stage = BEFORE_VALUE;
        }
      }
      if (stage === NAME) {
        while (i < end && TOKEN[bytes[i]!] !== 0) i += 1;
        if (i === end) break;
        if (!this.#endName(bytes, i, base)) return i;
        i += 1;
        stage = BEFORE_VALUE;
      }
      if (stage === BEFORE_VALUE) {
        while (i < end && (bytes[i] === SP || bytes[i] === HTAB)) i += 1;
        if (i === end) break;
        this.marks[2 * this.count] = i - base;
        stage = VALUE;
      }
      if (stage === VALUE) {
        while (i < end) {
          const byte = bytes[i]!;
          if ((byte < SP || byte === DEL) && byte !== HTAB) break;
          i += 1;
        }
        if (i === end) break;
        if (!this.#endValue(bytes, i, base)) return i;
        i += 1;
        stage = LINE_LF;
        if (i === end) break;
      }
      if (bytes[i] !== LF) return this.#fail(BARE_CR, i);
      i += 1;
      if (stage === LAST_LF) {
        this.complete = true;
        return i;
      }
      stage = LINE_START;
    }
    this.#stage = stage;
    return i;
  }

  #endName(bytes: Buffer, at: number, base: number): boolean {
    const start = base + this.#start;
    if (bytes[at] !== COLON || at === start) {
      this.failure = this.#badName(bytes[at] ?? 0, at === start);
      return false;
    }
    if (this.count === this.#countMax) {
      this.failure = TOO_MANY_FIELDS;
      return false;
    }
    this.names[this.count] = fieldNameAt(bytes, start, at);
    return true;
  }

  #endValue(bytes: Buffer, at: number, base: number): boolean {
    if (bytes[at] !== CR) {
      this.failure = bytes[at] === LF ? BARE_LF : BAD_VALUE_BYTE;
      return false;
    }
    const start = base + (this.marks[2 * this.count] ?? 0);
    let end = at;
    while (end > start && (bytes[end - 1] === SP || bytes[end - 1] === HTAB)) end -= 1;
    this.marks[2 * this.count + 1] = end - base;
    this.count += 1;
    return true;
  }

  #badName(byte: number, atLineStart: boolean): CodecFailure {
    if (byte === SP || byte === HTAB) {
      if (!atLineStart) return SPACE_BEFORE_COLON;
      return this.count === 0 ? SPACE_BEFORE_FIELDS : OBS_FOLD;
    }
    if (byte === LF) return atLineStart ? BARE_LF : NO_COLON;
    if (byte === CR) return NO_COLON;
    return byte < SP || byte === DEL ? CONTROL_IN_NAME : BAD_NAME;
  }

  #fail(failure: CodecFailure, at: number): number {
    this.failure = failure;
    return at;
  }
}
