import { status } from "@grpc/grpc-js";

import type { CallEnd } from "./call-end.ts";

/** A compressed flag and a length of four bytes stand before each message (gRPC over HTTP/2, Length-Prefixed-Message). */
export const PREFIX_BYTES = 5;

const EMPTY = Buffer.alloc(0);

/**
 * Cuts the bytes of a call into messages. Bytes come in pieces of any size; a message that is whole in one piece is a
 * view into it, and others are gathered in a buffer that doubles, so that a peer which sends byte by byte costs no more
 * than one which does not.
 */
export class MessageDecoder {
  readonly #messageBytesMax: number;
  #bytes: Buffer = EMPTY;
  #start = 0;
  #end = 0;
  #refusal: CallEnd | undefined = undefined;

  constructor(messageBytesMax: number) {
    this.#messageBytesMax = messageBytesMax;
  }

  push(piece: Buffer): void {
    const held = this.#end - this.#start;
    if (held === 0) {
      this.#bytes = piece;
      this.#start = 0;
      this.#end = piece.length;
      return;
    }
    // Bytes before #end are never written again: messages already given out are views into them.
    if (this.#bytes.length - this.#end < piece.length) this.#grow(held, piece.length);
    piece.copy(this.#bytes, this.#end);
    this.#end += piece.length;
  }

  #grow(held: number, more: number): void {
    const grown = Buffer.allocUnsafe(Math.max(2 * held, held + more));
    this.#bytes.copy(grown, 0, this.#start, this.#end);
    this.#bytes = grown;
    this.#start = 0;
    this.#end = held;
  }

  /** The next whole message; undefined when there is none yet, or after a refusal. */
  next(): Buffer | undefined {
    const held = this.#end - this.#start;
    if (held < PREFIX_BYTES || this.#refusal !== undefined) return undefined;
    const length = this.#bytes.readUInt32BE(this.#start + 1);
    this.#refusal = this.#refuse(this.#bytes[this.#start], length);
    if (this.#refusal !== undefined || held < PREFIX_BYTES + length) return undefined;
    const from = this.#start + PREFIX_BYTES;
    this.#start = from + length;
    const message = this.#bytes.subarray(from, this.#start);
    if (this.#start === this.#end) this.#bytes = EMPTY;
    if (this.#start === this.#end) this.#start = this.#end = 0;
    return message;
  }

  #refuse(flag: number | undefined, length: number): CallEnd | undefined {
    if (flag !== 0) return { code: status.UNIMPLEMENTED, details: "compressed messages are not read; send identity" };
    if (length <= this.#messageBytesMax) return undefined;
    const details = `a message of ${length} bytes is larger than the ${this.#messageBytesMax} allowed`;
    return { code: status.RESOURCE_EXHAUSTED, details };
  }

  /** Why no more is read. */
  get refusal(): CallEnd | undefined {
    return this.#refusal;
  }

  /** A message has begun and is not whole. */
  get isMidMessage(): boolean {
    return this.#end > this.#start;
  }
}
