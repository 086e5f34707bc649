import { CR, FIELD_VALUE, LF, NINE, SP, ZERO } from "./chars.ts";
import { BAD_STATUS_LINE, BARE_CR, BARE_LF } from "./failures.ts";
import type { StartLine } from "./head-reader.ts";
import type { CodecFailure } from "./message.ts";
import { VersionScanner } from "./version-scanner.ts";

const VERSION = 0;
const SPACE = 1;
const STATUS = 2;
const BEFORE_REASON = 3;
const REASON = 4;
const LINE_LF = 5;

/** `HTTP/d.d SP ddd [SP reason] CRLF`; the space before an empty reason may be missing, as it is in much of the web. */
export class StatusLine implements StartLine {
  complete = false;
  failure: CodecFailure | undefined = undefined;
  status = 0;
  /** Marks of the reason, relative to the head's first byte. */
  reasonStart = 0;
  reasonEnd = 0;
  readonly version = new VersionScanner();

  #stage = VERSION;
  #digits = 0;

  reset(): void {
    this.complete = false;
    this.failure = undefined;
    this.status = 0;
    this.version.reset();
    this.#stage = VERSION;
    this.#digits = 0;
  }

  // Hot: every byte of the line. `bytes[i]` is in bounds by each loop's condition, hence the `!`.
  scan(bytes: Buffer, from: number, end: number, base: number): number {
    let i = from;
    if (this.#stage <= STATUS) i = this.#scanStatus(bytes, i, end);
    if (this.failure !== undefined) return i;
    if (this.#stage === BEFORE_REASON && i < end) {
      if (bytes[i] === SP) i += 1;
      else if (bytes[i] !== CR) return this.#fail(BAD_STATUS_LINE, i);
      this.reasonStart = i - base;
      this.#stage = REASON;
    }
    if (this.#stage === REASON) {
      while (i < end && FIELD_VALUE[bytes[i]!] === 1) i += 1;
      if (i < end) {
        if (bytes[i] !== CR) return this.#fail(bytes[i] === LF ? BARE_LF : BAD_STATUS_LINE, i);
        this.reasonEnd = i - base;
        i += 1;
        this.#stage = LINE_LF;
      }
    }
    if (this.#stage === LINE_LF && i < end) {
      if (bytes[i] !== LF) return this.#fail(BARE_CR, i);
      i += 1;
      this.complete = true;
    }
    return i;
  }

  #scanStatus(bytes: Buffer, from: number, end: number): number {
    let i = from;
    if (this.#stage === VERSION) {
      i = this.version.scan(bytes, i, end);
      if (this.version.failed) return this.#fail(BAD_STATUS_LINE, i);
      if (this.version.complete) this.#stage = SPACE;
    }
    if (this.#stage === SPACE && i < end) {
      if (bytes[i] !== SP) return this.#fail(BAD_STATUS_LINE, i);
      i += 1;
      this.#stage = STATUS;
    }
    while (this.#stage === STATUS && i < end) {
      const byte = bytes[i]!;
      if (byte < ZERO || byte > NINE) return this.#fail(BAD_STATUS_LINE, i);
      this.status = 10 * this.status + byte - ZERO;
      this.#digits += 1;
      i += 1;
      if (this.#digits === 3) this.#stage = BEFORE_REASON;
    }
    return i;
  }

  #fail(failure: CodecFailure, at: number): number {
    this.failure = failure;
    return at;
  }
}
