import type { Socket } from "node:net";

import { LENT_BUFFERS_MAX, RELAY_BUFFER_BYTES_MAX } from "../../shared/limits.ts";
import { spareBuffers } from "./spare-buffers.ts";

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
 */
export class MessageWriter {
  /** Handed to the socket since the writer was made. */
  bytesWritten = 0;
  readonly #socket: Socket;
  #pending = "";
  #isCorked = false;
  /** What the socket may still have to write from. */
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
    return this.#pending === "" && !this.#isCorked;
  }

  text(text: string): void {
    this.#pending += text;
  }

  /** Appends a part of a body. The bytes are copied: they may change after the call. */
  bytes(bytes: Buffer, start: number, end: number): void {
    if (end - start <= INLINE_BYTES_MAX) {
      this.#pending += bytes.toString("latin1", start, end);
      if (this.#pending.length >= PENDING_CHARS_MAX) {
        this.#cork();
        this.#writePending();
      }
    } else {
      this.#writeWhole(this.#copy(bytes, start, end));
    }
  }

  /** Appends a part of a body that nobody will change. */
  ownBytes(bytes: Buffer): void {
    if (bytes.length <= INLINE_BYTES_MAX) this.bytes(bytes, 0, bytes.length);
    else this.#writeWhole(bytes);
  }

  /** Hands everything to the socket and tells whether it has room for more. */
  flush(): boolean {
    if (this.#pending !== "") this.#writePending();
    if (this.#isCorked) {
      this.#isCorked = false;
      this.#socket.uncork();
      this.reclaim();
    }
    return this.hasRoom;
  }

  /** Takes back the buffers of copies once the socket has nothing left to write: usually at once, else at `drain`. */
  reclaim(): void {
    if (this.#lent.length === 0 || this.#socket.writableLength > 0 || this.#socket.destroyed) return;
    for (const buffer of this.#lent) spareBuffers.give(buffer);
    this.#lent.length = 0;
  }

  #copy(bytes: Buffer, start: number, end: number): Buffer {
    const length = end - start;
    if (length > RELAY_BUFFER_BYTES_MAX || this.#lent.length >= LENT_BUFFERS_MAX) {
      return Buffer.from(bytes.subarray(start, end));
    }
    const buffer = spareBuffers.take();
    this.#lent.push(buffer);
    bytes.copy(buffer, 0, start, end);
    return length === buffer.length ? buffer : buffer.subarray(0, length);
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
