/** Room for what is written at once, and for some lines more. */
const INITIAL_BYTES = 264 * 1024;
const UTF8_BYTES_PER_CHAR_MAX = 3;
const INTEGER_DIGITS_MAX = 16;
/** Whole numbers up to here are divided faster, as 32-bit ones. */
const SMALL_INTEGER_MAX = 2 ** 31 - 1;
/** Below, a loop is faster than a call: most texts are parts of larger ones, and a character of those costs 4 ns. */
const LOOPED_CHARS_MAX = 16;
const ZERO = 48;
const POINT = 46;

/** By UTF-16 code unit: 1 for what may stand in a JSON string and on a terminal as it is, and is one byte. */
const PLAIN = new Uint8Array(2 ** 16);
for (let code = 0x20; code < 0x7f; code += 1) PLAIN[code] = code === 0x22 || code === 0x5c ? 0 : 1;
/** Controls that JSON allows in a string, but that would act on a terminal or end a line there. */
// eslint-disable-next-line no-control-regex -- control characters are what this looks for.
const TERMINAL_CONTROLS = /[\u007f-\u009f\u2028\u2029]/g;

/**
 * Lines on their way out, as the bytes that will be written. Nothing is allocated for a line: as text each of its forty
 * parts was a string of its own until the line was flattened, copied and encoded (bench/NOTES.md).
 *
 * Invariant: whoever appends a line ends it in the same turn, or cuts it off with {@link LineBuffer.cutTo}.
 */
export class LineBuffer {
  #bytes = Buffer.allocUnsafeSlow(INITIAL_BYTES);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** A view of all of it, good until something is appended after {@link LineBuffer.clear}. */
  view(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }

  /** Forgets what lies behind the first `length` bytes. */
  cutTo(length: number): void {
    this.#length = length;
  }

  /** Begins anew, and keeps no more memory than it began with. */
  clear(): void {
    this.#length = 0;
    if (this.#bytes.length > INITIAL_BYTES) this.#bytes = Buffer.allocUnsafeSlow(INITIAL_BYTES);
  }

  /** Bytes as they are. */
  raw(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  // Hot: once per line.
  /** `known`, ASCII that is written as it is, and then `text` as the inside of a JSON string: one copy for both. */
  join(known: string, text: string): void {
    const joined = known + text;
    this.#reserve(UTF8_BYTES_PER_CHAR_MAX * joined.length);
    if (this.#copy(joined, known.length)) {
      this.#length += joined.length;
      return;
    }
    this.#length += this.#bytes.write(known, this.#length, "latin1");
    this.#escaped(text);
  }

  // Hot: twice per line.
  /** The inside of a JSON string: what may not stand there as it is gets escaped. */
  text(text: string): void {
    const { length } = text;
    this.#reserve(UTF8_BYTES_PER_CHAR_MAX * length);
    const isPlain = length < LOOPED_CHARS_MAX ? this.#loop(text) : this.#copy(text, 0);
    if (isPlain) this.#length += length;
    else this.#escaped(text);
  }

  #loop(text: string): boolean {
    const bytes = this.#bytes;
    let at = this.#length;
    for (let index = 0; index < text.length; index += 1, at += 1) {
      const code = text.charCodeAt(index);
      if (PLAIN[code] !== 1) return false;
      bytes[at] = code;
    }
    return true;
  }

  /** Of what is written from the character `from` on, tells whether it may stay. */
  #copy(text: string, from: number): boolean {
    const bytes = this.#bytes;
    const start = this.#length;
    const end = start + text.length;
    // Else there is more than ASCII in it.
    if (bytes.write(text, start) !== text.length) return false;
    // In bounds by the line before, hence the `!`.
    for (let at = start + from; at < end; at += 1) if (PLAIN[bytes[at]!] !== 1) return false;
    return true;
  }

  /** A whole number from 0 to Number.MAX_SAFE_INTEGER. */
  integer(value: number): void {
    this.#reserve(INTEGER_DIGITS_MAX);
    if (value > SMALL_INTEGER_MAX) {
      this.#length += this.#bytes.write(String(value), this.#length, "latin1");
      return;
    }
    let digits = 1;
    for (let bound = 10; bound <= value; bound *= 10) digits += 1;
    this.#digits(value, digits);
  }

  /** Microseconds are the last digits that mean something; no zeros at the end. */
  milliseconds(value: number): void {
    const us = Math.round(value * 1_000);
    const whole = Math.floor(us / 1_000);
    this.integer(whole);
    let fraction = us - whole * 1_000;
    if (fraction === 0) return;
    let digits = 3;
    for (; fraction % 10 === 0; fraction /= 10) digits -= 1;
    this.#reserve(INTEGER_DIGITS_MAX);
    this.#bytes[this.#length] = POINT;
    this.#length += 1;
    this.#digits(fraction, digits);
  }

  /** `value` in so many digits, zeros before it. */
  thousandths(value: number): void {
    this.#reserve(INTEGER_DIGITS_MAX);
    this.#digits(value, 3);
  }

  #digits(value: number, digits: number): void {
    const bytes = this.#bytes;
    let left = value;
    for (let at = this.#length + digits - 1; at >= this.#length; at -= 1) {
      const rest = Math.trunc(left / 10);
      bytes[at] = ZERO + left - rest * 10;
      left = rest;
    }
    this.#length += digits;
  }

  #escaped(text: string): void {
    const escaped = jsonText(text);
    this.#reserve(escaped.length * UTF8_BYTES_PER_CHAR_MAX);
    this.#length += this.#bytes.write(escaped, this.#length);
  }

  #reserve(more: number): void {
    if (this.#length + more <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(2 * this.#bytes.length, this.#length + more));
    this.#bytes.copy(larger, 0, 0, this.#length);
    this.#bytes = larger;
  }
}

/** The inside of a JSON string of `text`, on one line and without anything that acts on a terminal. */
export function jsonText(text: string): string {
  return JSON.stringify(text).slice(1, -1).replace(TERMINAL_CONTROLS, escapeControl);
}

function escapeControl(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}
