import type { Socket } from "node:net";

import { LENT_BUFFERS_MAX } from "../../shared/limits.ts";
import { SPARE_BUFFER_BYTES, spareBuffers } from "./spare-buffers.ts";

/**
 * Up to this size a piece of a body is appended to the text before it, so that head and body leave in one write. A copy
 * of 8 KiB costs less than a second system call or the vector of a writev.
 */
const INLINE_BYTES_MAX = 8 * 1024;
/** More text is given to the socket, to be counted there, before it is gathered further. */
const PENDING_CHARS_MAX = 64 * 1024;

/**
 * Gathers the parts of a message and writes them to a socket as few times as possible: usually once for each batch of
 * bytes that was read; nothing leaves before {@link MessageWriter.flush}. Text is Latin-1: the bytes of heads that the codec has checked.
 *
 * Small messages are gathered as text. The first larger piece opens a buffer that takes the text before it and all that
 * follows while there is room, so that a chunk leaves with its size and its end in one piece.
 * Invariant: there is no gathered text while a buffer is open.
 */
export class MessageWriter {
  /** Handed to the socket since the writer was made. */
  bytesWritten = 0;
  readonly #socket: Socket;
  #pending = "";
  #isCorked = false;
  #open: Buffer | undefined = undefined;
  #openEnd = 0;
  /** What the socket may still have to write from, and the open one. */
  #lent: Buffer[] = [];

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  /** The socket has room: a message part may follow now instead of at `drain`. */
  get hasRoom(): boolean {
    return this.#socket.writableLength < this.#socket.writableHighWaterMark;
  }

  /** Nothing is gathered: all there was has been handed to the socket. */
  get isFlushed(): boolean {
    return this.#pending === "" && this.#open === undefined && !this.#isCorked;
  }

  text(text: string): void {
    const open = this.#opened(text.length);
    if (open === undefined) this.#pending += text;
    else this.#openEnd += open.write(text, this.#openEnd, "latin1");
  }

  /** Appends a part of a body. The bytes are copied: they may change after the call. */
  bytes(bytes: Buffer, start: number, end: number): void {
    const length = end - start;
    const open = this.#opened(length) ?? (length > INLINE_BYTES_MAX ? this.#openNew(length) : undefined);
    if (open !== undefined) {
      bytes.copy(open, this.#openEnd, start, end);
      this.#openEnd += length;
    } else if (length > INLINE_BYTES_MAX) {
      this.#writeWhole(Buffer.from(bytes.subarray(start, end)));
    } else {
      this.#pending += bytes.toString("latin1", start, end);
      if (this.#pending.length >= PENDING_CHARS_MAX) {
        this.#cork();
        this.#writePending();
      }
    }
  }

  /** Hands everything to the socket and tells whether it has room for more. */
  flush(): boolean {
    if (this.#pending !== "") this.#writePending();
    if (this.#open !== undefined) this.#handOver(this.#open);
    if (this.#isCorked) {
      this.#isCorked = false;
      this.#socket.uncork();
    }
    this.reclaim();
    return this.hasRoom;
  }

  /** Takes back the buffers of copies once the socket has nothing left to write: usually at once, else at `drain`. */
  reclaim(): void {
    if (this.#lent.length === 0 || this.#open !== undefined) return;
    if (this.#socket.writableLength > 0 || this.#socket.destroyed) return;
    for (const buffer of this.#lent) spareBuffers.give(buffer);
    this.#lent.length = 0;
  }

  /** The open buffer, if it has room for `length`; if not, it is closed. */
  #opened(length: number): Buffer | undefined {
    const open = this.#open;
    if (open === undefined || this.#openEnd + length <= open.length) return open;
    this.#writeOpen(open);
    return undefined;
  }

  /** A new one with the gathered text in it, unless too many are out, or they are too small for it. */
  #openNew(length: number): Buffer | undefined {
    if (this.#pending.length + length > SPARE_BUFFER_BYTES) {
      this.#cork();
      if (this.#pending !== "") this.#writePending();
    }
    if (length > SPARE_BUFFER_BYTES || this.#lent.length >= LENT_BUFFERS_MAX) return undefined;
    const open = spareBuffers.take();
    this.#lent.push(open);
    this.#open = open;
    this.#openEnd = open.write(this.#pending, 0, "latin1");
    this.#pending = "";
    return open;
  }

  /** More follows before the next flush. */
  #writeOpen(open: Buffer): void {
    this.#cork();
    this.#handOver(open);
  }

  #handOver(open: Buffer): void {
    this.#open = undefined;
    this.bytesWritten += this.#openEnd;
    this.#socket.write(open.subarray(0, this.#openEnd));
  }

  #writeWhole(bytes: Buffer): void {
    this.#cork();
    if (this.#pending !== "") this.#writePending();
    this.bytesWritten += bytes.length;
    this.#socket.write(bytes);
  }

  #cork(): void {
    if (this.#isCorked) return;
    this.#isCorked = true;
    this.#socket.cork();
  }

  #writePending(): void {
    const text = this.#pending;
    this.#pending = "";
    this.bytesWritten += text.length;
    this.#socket.write(text, "latin1");
  }
}
