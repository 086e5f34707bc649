import { constants, type OutgoingHttpHeaders, type ServerHttp2Stream } from "node:http2";

import { status } from "@grpc/grpc-js";

import type { Clock } from "../../shared/clock.ts";
import { CALL_END_GRACE_MS } from "../../shared/defaults.ts";
import { CALL_WRITE_BYTES_MAX } from "../../shared/limits.ts";
import type { Timer, Timers } from "../../shared/timers.ts";
import { trailersOf, type CallEnd } from "./call-end.ts";
import { MessageDecoder } from "./message-decoder.ts";

/** Told what the peer of a call does. An object and not closures: there is one per stream, and thousands of streams. */
export interface CallReceiver {
  /** `bytes` is a view that the next read may replace: what is kept must be copied. */
  onMessage(bytes: Buffer): void;
  /** The peer will say no more. */
  onHalfClose(): void;
  /** Everything written has left for the peer, after a time in which `isWritable` was false. */
  onDrain(): void;
  /** The call is over, whoever ended it. Once. */
  onClosed(): void;
}

export interface CallOptions {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly messageBytesMax: number;
  readonly peer: string;
}

const RESPONSE: Readonly<OutgoingHttpHeaders> = { ":status": 200, "content-type": "application/grpc" };

/**
 * One gRPC call on an HTTP/2 stream.
 *
 *     open ──(end, or the peer cancels, or its connection is lost)──▶ over
 *
 * Writing is a matter of frames, each a whole message with its prefix; see message-frame.ts. A frame may be shared by many
 * calls: it is only read. A long one is given to HTTP/2 in pieces, so that what a slow peer has taken can be seen.
 */
export class GrpcCall {
  readonly peer: string;
  readonly #stream: ServerHttp2Stream;
  readonly #options: CallOptions;
  readonly #decoder: MessageDecoder;
  #receiver: CallReceiver | undefined = undefined;
  /** What of the last frame was not given to HTTP/2 yet. */
  #rest: Buffer | undefined = undefined;
  #end: CallEnd | undefined = undefined;
  #isOver = false;
  #deadline: Timer | undefined = undefined;
  #grace: Timer | undefined = undefined;
  #progressMs: number;

  constructor(stream: ServerHttp2Stream, options: CallOptions) {
    this.#stream = stream;
    this.#options = options;
    this.peer = options.peer;
    this.#decoder = new MessageDecoder(options.messageBytesMax);
    this.#progressMs = options.clock.nowMs();
    // A stream reset with an error says so twice; `close` follows in every case.
    stream.on("error", () => this.#over());
    stream.on("close", () => this.#over());
  }

  /** Starts to read, for `receiver`. */
  attach(receiver: CallReceiver): void {
    this.#receiver = receiver;
    const stream = this.#stream;
    stream.on("data", (piece: Buffer) => this.#onPiece(piece));
    stream.on("end", () => this.#onHalfClose());
    stream.on("drain", () => this.#onDrain());
  }

  /** Ends the call with DEADLINE_EXCEEDED after `delayMs`. */
  limit(delayMs: number): void {
    const end = { code: status.DEADLINE_EXCEEDED, details: "the deadline of the caller has passed" };
    this.#deadline = this.#options.timers.after(delayMs, () => this.end(end));
  }

  // Hot: once per request of each stream.
  #onPiece(piece: Buffer): void {
    this.#decoder.push(piece);
    for (let message = this.#decoder.next(); message !== undefined; message = this.#decoder.next()) {
      if (this.#isOver) return;
      this.#receiver?.onMessage(message);
    }
    if (this.#decoder.refusal !== undefined) this.end(this.#decoder.refusal);
  }

  #onHalfClose(): void {
    if (this.#isOver) return;
    if (this.#decoder.isMidMessage) this.end({ code: status.INTERNAL, details: "the last message is not whole" });
    else this.#receiver?.onHalfClose();
  }

  /** Writes a frame. Only when `isWritable`: nothing queues here but the rest of one frame. Hot. */
  write(frame: Buffer): void {
    if (this.#isOver || this.#isLost) return;
    if (!this.#stream.headersSent) this.#stream.respond(RESPONSE, { waitForTrailers: true });
    if (frame.length <= CALL_WRITE_BYTES_MAX) this.#stream.write(frame);
    else this.#writePieces(frame);
  }

  #writePieces(frame: Buffer): void {
    let written = 0;
    while (written < frame.length) {
      const piece = frame.subarray(written, written + CALL_WRITE_BYTES_MAX);
      written += piece.length;
      if (!this.#stream.write(piece)) break;
    }
    this.#rest = written < frame.length ? frame.subarray(written) : undefined;
  }

  #onDrain(): void {
    if (this.#isOver) return;
    this.#progressMs = this.#options.clock.nowMs();
    if (this.#rest !== undefined) this.#writePieces(this.#rest);
    if (this.isWritable) this.#receiver?.onDrain();
  }

  /** False while the peer has not taken what was written. `onDrain` tells when it has. */
  get isWritable(): boolean {
    return this.#rest === undefined && !this.#stream.writableNeedDrain;
  }

  /** The stream is gone and `close`, which tells of it, still to come; what is said to such a stream throws. */
  get #isLost(): boolean {
    return this.#stream.destroyed || this.#stream.closed;
  }

  /** When the peer last took some of what waited for it; at first, when the call began. */
  get progressMs(): number {
    return this.#progressMs;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** Ends the call with a status, after what was written. Its stream is reset if the peer does not take that either. */
  end(end: CallEnd): void {
    if (this.#isOver) return;
    const stream = this.#stream;
    this.#end = end;
    const isCutShort = this.#rest !== undefined;
    this.#over();
    if (this.#isLost) return;
    this.#grace = this.#options.timers.after(CALL_END_GRACE_MS, () => stream.close(constants.NGHTTP2_CANCEL));
    // Half a message cannot be followed by trailers.
    if (isCutShort) stream.close(constants.NGHTTP2_INTERNAL_ERROR);
    else if (stream.headersSent) this.#endWithTrailers();
    else stream.respond({ ...RESPONSE, ...trailersOf(end) }, { endStream: true });
    // What the peer still sends is read past, so that its half can close.
    stream.resume();
  }

  #endWithTrailers(): void {
    const stream = this.#stream;
    stream.once("wantTrailers", () => {
      if (this.#end !== undefined && !this.#isLost) stream.sendTrailers(trailersOf(this.#end));
    });
    stream.end();
  }

  /** Drops the connection below the call, for a peer that reads nothing any more. */
  destroyConnection(): void {
    this.#stream.session?.destroy();
  }

  #over(): void {
    if (this.#stream.destroyed) this.#grace?.cancel();
    if (this.#isOver) return;
    this.#isOver = true;
    this.#rest = undefined;
    this.#deadline?.cancel();
    this.#receiver?.onClosed();
  }
}
