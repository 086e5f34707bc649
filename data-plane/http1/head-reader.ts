/**
 * Reads a start line and its field section out of chunks of any size. A head that lies in one chunk is scanned where it
 * lies; the parts of any other are joined in a buffer of our own, and the scan goes on where it stopped: every byte is
 * copied at most once and scanned once, however small the chunks are.
 */

import { FieldScanner } from "./field-scanner.ts";
import { HEAD_TOO_LARGE } from "./failures.ts";
import type { CodecFailure } from "./message.ts";

/** The first line of a head. Resumable as {@link FieldScanner} is. */
export interface StartLine {
  complete: boolean;
  failure: CodecFailure | undefined;
  reset(): void;
  scan(bytes: Buffer, from: number, end: number, base: number): number;
}

export interface HeadLimits {
  readonly headBytesMax: number;
  readonly fieldCountMax: number;
}

const HELD_BYTES_MIN = 1024;
const NOTHING: Buffer = Buffer.alloc(0);

export class HeadReader {
  readonly fields: FieldScanner;
  complete = false;
  failure: CodecFailure | undefined = undefined;
  /** Bytes of the head so far. */
  length = 0;

  readonly #line: StartLine;
  readonly #bytesMax: number;
  #held = NOTHING;
  #bytes = NOTHING;
  #base = 0;

  constructor(line: StartLine, limits: HeadLimits) {
    this.#line = line;
    this.#bytesMax = limits.headBytesMax;
    this.fields = new FieldScanner(limits.fieldCountMax);
  }

  reset(): void {
    this.#line.reset();
    this.fields.reset();
    this.complete = false;
    this.failure = undefined;
    this.length = 0;
    this.#held = NOTHING;
    this.#bytes = NOTHING;
  }

  /** Returns the offset after the last byte used; then `complete`, `failure`, or all is used and more is needed. */
  read(bytes: Buffer, start: number, end: number): number {
    const before = this.length;
    if (before === 0) {
      const stop = this.#scan(bytes, start, end, start);
      if (!this.complete && this.failure === undefined) this.#hold(bytes, start, end, 0);
      return stop;
    }
    const taken = Math.min(end - start, this.#bytesMax - before);
    this.#hold(bytes, start, start + taken, before);
    return start + this.#scan(this.#held, before, before + taken, 0) - before;
  }

  /**
   * The whole head as Latin-1, to be taken once, when `complete`: the bytes are let go of, so that a long body does not
   * keep the chunk of its head. The marks of {@link fields} and of the start line are offsets in the text.
   */
  takeText(): string {
    const text = this.#bytes.toString("latin1", this.#base, this.#base + this.length);
    this.#bytes = NOTHING;
    this.#held = NOTHING;
    return text;
  }

  #scan(bytes: Buffer, from: number, end: number, base: number): number {
    const scanEnd = Math.min(end, base + this.#bytesMax);
    const line = this.#line;
    let at = from;
    if (!line.complete) {
      at = line.scan(bytes, at, scanEnd, base);
      if (line.failure !== undefined) return this.#fail(line.failure, at);
    }
    if (line.complete) {
      at = this.fields.scan(bytes, at, scanEnd, base);
      if (this.fields.failure !== undefined) return this.#fail(this.fields.failure, at);
    }
    this.length = at - base;
    if (this.fields.complete) {
      this.#bytes = bytes;
      this.#base = base;
      this.complete = true;
    } else if (this.length >= this.#bytesMax) this.failure = HEAD_TOO_LARGE;
    return at;
  }

  #hold(bytes: Buffer, start: number, end: number, at: number): void {
    const needed = at + end - start;
    if (needed > this.#held.length) {
      const size = Math.min(Math.max(HELD_BYTES_MIN, 2 * this.#held.length, needed), this.#bytesMax);
      const grown = Buffer.allocUnsafeSlow(size);
      this.#held.copy(grown, 0, 0, at);
      this.#held = grown;
    }
    bytes.copy(this.#held, at, start, end);
  }

  #fail(failure: CodecFailure, at: number): number {
    this.failure = failure;
    return at;
  }
}
