import { NINE, ZERO } from "./chars.ts";

const PREFIX = Buffer.from("HTTP/0.0", "latin1");
const MAJOR_AT = 5;
const MINOR_AT = 7;

/** `HTTP/d.d`, case-sensitive, one digit each (RFC 9112 2.3, F25). Resumable. */
export class VersionScanner {
  complete = false;
  failed = false;
  major = 0;
  minor = 0;
  #at = 0;

  reset(): void {
    this.complete = false;
    this.failed = false;
    this.#at = 0;
  }

  scan(bytes: Buffer, from: number, end: number): number {
    let i = from;
    for (; i < end && !this.complete; i += 1) {
      const byte = bytes[i] ?? 0;
      if (this.#at === MAJOR_AT || this.#at === MINOR_AT) {
        if (byte < ZERO || byte > NINE) break;
        if (this.#at === MAJOR_AT) this.major = byte - ZERO;
        else this.minor = byte - ZERO;
      } else if (byte !== PREFIX[this.#at]) break;
      this.#at += 1;
      this.complete = this.#at === PREFIX.length;
    }
    this.failed = i < end && !this.complete;
    return i;
  }
}
