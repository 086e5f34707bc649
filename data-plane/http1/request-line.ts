import { CR, LF, SP, TARGET, TARGET_OR_BACKSLASH, TOKEN_LOWER } from "./chars.ts";
import {
  BAD_METHOD,
  BAD_TARGET_BYTE,
  BAD_VERSION,
  BARE_CR,
  BARE_LF,
  FRAGMENT_IN_TARGET,
  METHOD_TOO_LONG,
  REQUEST_LINE_TOO_LONG,
} from "./failures.ts";
import type { StartLine } from "./head-reader.ts";
import type { CodecFailure } from "./message.ts";
import { VersionScanner } from "./version-scanner.ts";

// A local name: see field-scanner.ts.
const TOKEN = TOKEN_LOWER;

const FIRST = 0;
const EMPTY_LINE_LF = 1;
const METHOD = 2;
const TARGET_TEXT = 3;
const VERSION = 4;
const LINE_CR = 5;
const LINE_LF = 6;

/**
 * `method SP target SP HTTP/d.d CRLF`, after at most one empty line (RFC 9112 2.2 asks for one, for clients that write
 * CRLF after a body). Marks are relative to the head's first byte.
 */
export class RequestLine implements StartLine {
  complete = false;
  failure: CodecFailure | undefined = undefined;
  methodStart = 0;
  methodEnd = 0;
  targetEnd = 0;
  readonly version = new VersionScanner();

  readonly #lineBytesMax: number;
  readonly #methodBytesMax: number;
  readonly #isTarget: Uint8Array;
  #stage = FIRST;

  constructor(lineBytesMax: number, methodBytesMax: number, allowsBackslash: boolean) {
    this.#lineBytesMax = lineBytesMax;
    this.#methodBytesMax = methodBytesMax;
    this.#isTarget = allowsBackslash ? TARGET_OR_BACKSLASH : TARGET;
  }

  reset(): void {
    this.complete = false;
    this.failure = undefined;
    this.methodStart = 0;
    this.version.reset();
    this.#stage = FIRST;
  }

  // Hot: every byte of the line. `bytes[i]` is in bounds by each loop's condition, hence the `!`.
  scan(bytes: Buffer, from: number, end: number, base: number): number {
    const scanEnd = Math.min(end, base + this.#lineBytesMax);
    let i = from;
    if (this.#stage < METHOD) i = this.#skipEmptyLine(bytes, i, scanEnd, base);
    if (this.#stage === METHOD) {
      const methodLimit = Math.min(scanEnd, base + this.methodStart + this.#methodBytesMax + 1);
      while (i < methodLimit && TOKEN[bytes[i]!] !== 0) i += 1;
      if (i - base - this.methodStart > this.#methodBytesMax) return this.#fail(METHOD_TOO_LONG, i);
      if (i < scanEnd) {
        if (bytes[i] !== SP || i === base + this.methodStart) {
          return this.#fail(bytes[i] === LF ? BARE_LF : BAD_METHOD, i);
        }
        this.methodEnd = i - base;
        i += 1;
        this.#stage = TARGET_TEXT;
      }
    }
    if (this.#stage === TARGET_TEXT) {
      const isTarget = this.#isTarget;
      while (i < scanEnd && isTarget[bytes[i]!] === 1) i += 1;
      if (i < scanEnd) {
        const failure = this.#targetEnds(bytes[i]!, i - base);
        if (failure !== undefined) return this.#fail(failure, i);
        i += 1;
        this.#stage = VERSION;
      }
    }
    if (this.#stage === VERSION) {
      i = this.version.scan(bytes, i, scanEnd);
      if (this.version.failed) return this.#fail(BAD_VERSION, i);
      if (this.version.complete) this.#stage = LINE_CR;
    }
    if (this.#stage >= LINE_CR) i = this.#endLine(bytes, i, scanEnd);
    if (!this.complete && this.failure === undefined && i - base >= this.#lineBytesMax) {
      this.failure = REQUEST_LINE_TOO_LONG;
    }
    return i;
  }

  #skipEmptyLine(bytes: Buffer, from: number, end: number, base: number): number {
    let i = from;
    if (this.#stage === FIRST && i < end) {
      if (bytes[i] === CR) {
        this.#stage = EMPTY_LINE_LF;
        i += 1;
      } else this.#stage = METHOD;
    }
    if (this.#stage === EMPTY_LINE_LF && i < end) {
      if (bytes[i] !== LF) return this.#fail(BARE_CR, i);
      i += 1;
      this.methodStart = i - base;
      this.#stage = METHOD;
    }
    return i;
  }

  #targetEnds(byte: number, at: number): CodecFailure | undefined {
    if (byte === 0x23) return FRAGMENT_IN_TARGET;
    // `GET /` and the end of the line is HTTP/0.9.
    if (byte === CR || byte === LF) return BAD_VERSION;
    if (byte !== SP || at === this.methodEnd + 1) return BAD_TARGET_BYTE;
    this.targetEnd = at;
    return undefined;
  }

  #endLine(bytes: Buffer, from: number, end: number): number {
    let i = from;
    if (this.#stage === LINE_CR && i < end) {
      if (bytes[i] !== CR) return this.#fail(bytes[i] === LF ? BARE_LF : BAD_VERSION, i);
      i += 1;
      this.#stage = LINE_LF;
    }
    if (this.#stage === LINE_LF && i < end) {
      if (bytes[i] !== LF) return this.#fail(BARE_CR, i);
      i += 1;
      this.complete = true;
    }
    return i;
  }

  #fail(failure: CodecFailure, at: number): number {
    this.failure = failure;
    return at;
  }
}
