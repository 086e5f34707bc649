import { ChunkedDecoder } from "./chunked-decoder.ts";
import { type BodyFraming, type BodySink, type CodecFailure, type HeaderList, NO_TRAILERS } from "./message.ts";

/** Gives the sink the bytes of one body, whichever way its end is known. */
export class BodyDecoder {
  complete = false;

  readonly #bytesMax: number;
  #framing: BodyFraming = "none";
  #left = 0;
  #chunked: ChunkedDecoder | undefined = undefined;

  /** `bytesMax` bounds chunked bodies; a length is known before the body, to whoever starts it. */
  constructor(bytesMax = Infinity) {
    this.#bytesMax = bytesMax;
  }

  get failure(): CodecFailure | undefined {
    return this.#framing === "chunked" ? this.#chunked?.failure : undefined;
  }

  get trailers(): HeaderList {
    return this.#framing === "chunked" ? (this.#chunked?.trailers ?? NO_TRAILERS) : NO_TRAILERS;
  }

  /** `length` counts with the framing "length" only. */
  start(framing: BodyFraming, length: number): void {
    this.#framing = framing;
    this.#left = framing === "length" ? length : 0;
    this.complete = framing === "none" || (framing === "length" && length === 0);
    if (framing !== "chunked") return;
    this.#chunked ??= new ChunkedDecoder(this.#bytesMax);
    this.#chunked.reset();
  }

  /** Returns the offset after the last byte used; then `complete`, `failure`, or all is used and more is needed. */
  read(bytes: Buffer, start: number, end: number, sink: BodySink): number {
    if (this.complete || start === end) return start;
    if (this.#framing === "until-close") {
      sink.onBody(bytes, start, end);
      return end;
    }
    if (this.#framing === "length") {
      const stop = Math.min(end, start + this.#left);
      this.#left -= stop - start;
      this.complete = this.#left === 0;
      sink.onBody(bytes, start, stop);
      return stop;
    }
    return this.#readChunked(bytes, start, end, sink);
  }

  /** The connection ended; returns whether that is a proper end of this body. */
  atEof(): boolean {
    if (this.#framing === "until-close") this.complete = true;
    return this.complete;
  }

  #readChunked(bytes: Buffer, start: number, end: number, sink: BodySink): number {
    const chunked = this.#chunked;
    if (chunked === undefined) return start;
    const stop = chunked.read(bytes, start, end, sink);
    this.complete = chunked.complete;
    return stop;
  }
}
