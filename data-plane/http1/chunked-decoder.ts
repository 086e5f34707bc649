/**
 * Takes chunked coding off a body (RFC 9112 7.1), resumable at every byte: data goes to the sink from where it lies,
 * extensions are checked, bounded and dropped (F18), trailers are kept for the one who knows which may stay (F20).
 *
 *     size ─▶ [extensions] ─▶ CRLF ─▶ data ─▶ CRLF ─▶ size ...   last chunk: CRLF ─▶ trailers ─▶ complete
 */

import {
  CHUNK_EXTENSION_BYTES_MAX,
  CHUNK_SIZE_DIGITS_MAX,
  HEADER_COUNT_MAX,
  TRAILER_BYTES_MAX,
} from "../../shared/limits.ts";
import {
  BACKSLASH,
  CR,
  EQUALS,
  FIELD_VALUE,
  HEX_VALUE,
  LF,
  QUOTE,
  QUOTED_TEXT,
  SEMICOLON,
  TOKEN_LOWER,
} from "./chars.ts";
import {
  BAD_CHUNK_END,
  BAD_CHUNK_EXTENSION,
  BAD_CHUNK_SIZE,
  BODY_TOO_LARGE,
  CHUNK_EXTENSIONS_TOO_LARGE,
  HEAD_TOO_LARGE,
  TRAILERS_TOO_LARGE,
} from "./failures.ts";
import { HeadReader, type StartLine } from "./head-reader.ts";
import { type BodySink, type CodecFailure, type HeaderList, NO_TRAILERS } from "./message.ts";
import { endToEndTrailers } from "./trailers.ts";

const SIZE_FIRST = 0;
const SIZE = 1;
const EXTENSION_NAME_FIRST = 2;
const EXTENSION_NAME = 3;
const EXTENSION_VALUE_FIRST = 4;
const EXTENSION_VALUE = 5;
const QUOTED = 6;
const QUOTED_PAIR = 7;
const QUOTED_END = 8;
const SIZE_LF = 9;
const DATA = 10;
const DATA_CR = 11;
const DATA_LF = 12;
const TRAILERS = 13;

/** Longer pieces are given to the sink where they lie: to move one would cost more than to tell it. */
const MOVED_BYTES_MAX = 8 * 1024;
/** Below, a loop is faster than a call. */
const LOOPED_BYTES_MAX = 24;

/** A trailer section is a head without a first line. */
const NO_LINE: StartLine = {
  complete: true,
  failure: undefined,
  reset: () => undefined,
  scan: (_bytes, from) => from,
};

export class ChunkedDecoder {
  complete = false;
  failure: CodecFailure | undefined = undefined;
  trailers: HeaderList = NO_TRAILERS;

  readonly #bytesMax: number;
  #stage = SIZE_FIRST;
  #size = 0;
  #digits = 0;
  #extensionBytes = 0;
  /** Of all chunks that were announced. */
  #announced = 0;
  #trailerReader: HeadReader | undefined = undefined;
  /** Data of the present read that the sink has not been told yet. */
  #runStart = 0;
  #runEnd = 0;

  constructor(bytesMax = Infinity) {
    this.#bytesMax = bytesMax;
  }

  reset(): void {
    this.complete = false;
    this.failure = undefined;
    this.trailers = NO_TRAILERS;
    this.#extensionBytes = 0;
    this.#announced = 0;
    this.#trailerReader?.reset();
    this.#startChunk();
  }

  // Hot: per read, and per chunk.
  /**
   * Returns the offset after the last byte used; then `complete`, `failure`, or all is used and more is needed. The bytes
   * that were used are the decoder's: it moves small pieces together, over the lines between them, and tells the sink of
   * them at once. A body of small chunks costs its bytes, not its chunks.
   */
  read(bytes: Buffer, start: number, end: number, sink: BodySink): number {
    this.#runStart = start;
    this.#runEnd = start;
    let i = start;
    while (i < end && !this.complete && this.failure === undefined) {
      if (this.#stage === DATA) i = this.#data(bytes, i, end, sink);
      else if (this.#stage === TRAILERS) i = this.#trailers(bytes, i, end);
      else {
        this.failure = this.#step(bytes[i] ?? 0);
        i += 1;
      }
    }
    if (this.#runEnd > this.#runStart) sink.onBody(bytes, this.#runStart, this.#runEnd);
    return i;
  }

  #data(bytes: Buffer, start: number, end: number, sink: BodySink): number {
    const stop = Math.min(end, start + this.#size);
    this.#size -= stop - start;
    if (this.#size === 0) this.#stage = DATA_CR;
    if (this.#runEnd > this.#runStart && stop - start <= MOVED_BYTES_MAX) {
      move(bytes, this.#runEnd, start, stop);
      this.#runEnd += stop - start;
      return stop;
    }
    if (this.#runEnd > this.#runStart) sink.onBody(bytes, this.#runStart, this.#runEnd);
    this.#runStart = start;
    this.#runEnd = stop;
    return stop;
  }

  #trailers(bytes: Buffer, start: number, end: number): number {
    this.#trailerReader ??= new HeadReader(NO_LINE, {
      headBytesMax: TRAILER_BYTES_MAX,
      fieldCountMax: HEADER_COUNT_MAX,
    });
    const reader = this.#trailerReader;
    const stop = reader.read(bytes, start, end);
    if (reader.complete) {
      if (reader.fields.count > 0) this.trailers = endToEndTrailers(reader.fields, reader.takeText());
      this.complete = true;
    } else if (reader.failure !== undefined) {
      this.failure = reader.failure === HEAD_TOO_LARGE ? TRAILERS_TOO_LARGE : reader.failure;
    }
    return stop;
  }

  #step(byte: number): CodecFailure | undefined {
    switch (this.#stage) {
      case SIZE_FIRST:
      case SIZE:
        return this.#sizeByte(byte);
      case SIZE_LF:
        if (byte !== LF) return BAD_CHUNK_END;
        this.#stage = this.#size === 0 ? TRAILERS : DATA;
        this.#announced += this.#size;
        return this.#announced > this.#bytesMax ? BODY_TOO_LARGE : undefined;
      case DATA_CR:
        this.#stage = DATA_LF;
        return byte === CR ? undefined : BAD_CHUNK_END;
      case DATA_LF:
        this.#startChunk();
        return byte === LF ? undefined : BAD_CHUNK_END;
      default:
        return this.#extensionByte(byte);
    }
  }

  #startChunk(): void {
    this.#stage = SIZE_FIRST;
    this.#size = 0;
    this.#digits = 0;
  }

  #sizeByte(byte: number): CodecFailure | undefined {
    const digit = HEX_VALUE[byte] ?? 255;
    if (digit < 16) {
      this.#stage = SIZE;
      this.#digits += 1;
      this.#size = 16 * this.#size + digit;
      if (this.#digits > CHUNK_SIZE_DIGITS_MAX || this.#size > Number.MAX_SAFE_INTEGER) return BAD_CHUNK_SIZE;
      return undefined;
    }
    if (this.#stage === SIZE_FIRST) return BAD_CHUNK_SIZE;
    return this.#endOfPart(byte) ? undefined : BAD_CHUNK_SIZE;
  }

  /** `;` starts the next extension and CR ends the line: after the size, a name, a value. */
  #endOfPart(byte: number): boolean {
    if (byte === SEMICOLON) this.#stage = EXTENSION_NAME_FIRST;
    else if (byte === CR) this.#stage = SIZE_LF;
    else return false;
    return true;
  }

  #extensionByte(byte: number): CodecFailure | undefined {
    this.#extensionBytes += 1;
    if (this.#extensionBytes > CHUNK_EXTENSION_BYTES_MAX) return CHUNK_EXTENSIONS_TOO_LARGE;
    return this.#isExtensionByte(byte) ? undefined : BAD_CHUNK_EXTENSION;
  }

  #isExtensionByte(byte: number): boolean {
    switch (this.#stage) {
      case EXTENSION_NAME_FIRST:
        this.#stage = EXTENSION_NAME;
        return TOKEN_LOWER[byte] !== 0;
      case EXTENSION_NAME:
        if (byte !== EQUALS) return TOKEN_LOWER[byte] !== 0 || this.#endOfPart(byte);
        this.#stage = EXTENSION_VALUE_FIRST;
        return true;
      case EXTENSION_VALUE_FIRST:
        this.#stage = byte === QUOTE ? QUOTED : EXTENSION_VALUE;
        return byte === QUOTE || TOKEN_LOWER[byte] !== 0;
      case EXTENSION_VALUE:
        return TOKEN_LOWER[byte] !== 0 || this.#endOfPart(byte);
      case QUOTED:
        if (byte === QUOTE) this.#stage = QUOTED_END;
        else if (byte === BACKSLASH) this.#stage = QUOTED_PAIR;
        else return QUOTED_TEXT[byte] === 1;
        return true;
      case QUOTED_PAIR:
        this.#stage = QUOTED;
        return FIELD_VALUE[byte] === 1;
      default:
        return this.#endOfPart(byte);
    }
  }
}

function move(bytes: Buffer, to: number, start: number, end: number): void {
  if (end - start > LOOPED_BYTES_MAX) {
    bytes.copyWithin(to, start, end);
    return;
  }
  // In bounds by the caller's arithmetic, hence the `!`.
  for (let from = start, at = to; from < end; from += 1, at += 1) bytes[at] = bytes[from]!;
}
