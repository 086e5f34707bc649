/**
 * Reads protobuf fields in place, for the few messages on the server's hot path. Never throws: bad bytes set `failed`,
 * and every later read then returns nothing, so that callers look once, at the end.
 */
export class ProtoReader {
  readonly #bytes: Buffer;
  #position = 0;
  failed = false;

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Offset of the next byte. */
  get position(): number {
    return this.#position;
  }

  /** The next tag (field number times 8, plus wire type), or 0 at the end and after a failure. */
  tag(): number {
    if (this.failed || this.#position >= this.#bytes.length) return 0;
    const tag = this.varint();
    // Field 0 and numbers beyond 2^29 do not exist.
    if (tag < 8 || tag > 0xffff_ffff) this.#fail();
    return this.failed ? 0 : tag;
  }

  /** An unsigned varint; 64-bit values lose precision above 2^53, which lengths, tags and codes never reach. */
  varint(): number {
    const first = this.#bytes[this.#position];
    if (first !== undefined && first < 0x80) {
      this.#position += 1;
      return first;
    }
    let value = 0;
    let scale = 1;
    for (let count = 0; count < 10; count += 1) {
      const byte = this.#bytes[this.#position];
      if (byte === undefined) break;
      this.#position += 1;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
      scale *= 128;
    }
    this.#fail();
    return 0;
  }

  /** The bytes of a length-delimited field: a view, not a copy. */
  view(): Buffer {
    const length = this.varint();
    const start = this.#position;
    if (this.failed || length > this.#bytes.length - start) {
      this.#fail();
      return EMPTY;
    }
    this.#position = start + length;
    return this.#bytes.subarray(start, start + length);
  }

  string(): string {
    const length = this.varint();
    const start = this.#position;
    this.#advance(length);
    return this.failed ? "" : this.#bytes.toString("utf8", start, start + length);
  }

  /** Passes over `known` if the bytes from `start` on are the same, and says whether they were. */
  skipKnown(known: Buffer, start: number): boolean {
    const end = start + known.length;
    if (known.length === 0 || end > this.#bytes.length) return false;
    if (known.compare(this.#bytes, start, end) !== 0) return false;
    this.#position = end;
    return true;
  }

  /** Passes over the value of a field that is not wanted. */
  skip(tag: number): void {
    switch (tag & 7) {
      case VARINT:
        this.varint();
        return;
      case FIXED64:
        return this.#advance(8);
      case LENGTH_DELIMITED:
        return this.#advance(this.varint());
      case FIXED32:
        return this.#advance(4);
      default:
        // Groups ended with proto2; no xDS message has any.
        this.#fail();
    }
  }

  #advance(count: number): void {
    if (count > this.#bytes.length - this.#position) this.#fail();
    else this.#position += count;
  }

  #fail(): void {
    this.failed = true;
    this.#position = this.#bytes.length;
  }
}

const EMPTY = Buffer.alloc(0);
const VARINT = 0;
const FIXED64 = 1;
const LENGTH_DELIMITED = 2;
const FIXED32 = 5;
