import { REPLAY_BYTES_MAX } from "../../shared/limits.ts";
import type { HeaderList } from "../http1/message.ts";

const NO_TRAILERS: HeaderList = [];

/**
 * The body of a request as far as it has come. Its beginning is kept, so that an attempt can send it from the start: the
 * first one, whose connection is not there yet, and those after it.
 *
 * Invariant: `isReplayable` holds exactly while `chunks` is all that came.
 */
export class RequestBody {
  chunks: Buffer[] = [];
  bytes = 0;
  isComplete = false;
  isReplayable = true;
  trailers: HeaderList = NO_TRAILERS;

  /** No attempt has read what is kept, and no more should come until one does. */
  get isFull(): boolean {
    return this.bytes >= REPLAY_BYTES_MAX;
  }

  /** Keeps a chunk that nobody will change. `isConsumed`: an attempt takes it now, so it need not be kept for ever. */
  push(chunk: Buffer, isConsumed: boolean): void {
    this.bytes += chunk.length;
    if (!this.isReplayable) return;
    if (isConsumed && this.bytes > REPLAY_BYTES_MAX) this.forget();
    else this.chunks.push(chunk);
  }

  complete(trailers: HeaderList): void {
    this.isComplete = true;
    this.trailers = trailers;
  }

  /** No further attempt will come, or none may: frees the memory. */
  forget(): void {
    this.isReplayable = false;
    this.chunks = [];
  }
}
