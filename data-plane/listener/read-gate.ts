import type { Socket } from "node:net";

import { PIPELINE_BYTES_MAX } from "../../shared/limits.ts";

/**
 * Whether a client is read: not while nobody takes the body of its request, nor while as much of its next requests is kept
 * as may be (http1.md H10). What has come too early is kept here.
 */
export class ReadGate {
  readonly #socket: Socket;
  #isBodyPaused = false;
  #kept: Buffer | undefined = undefined;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  get isBodyPaused(): boolean {
    return this.#isBodyPaused;
  }

  get hasKept(): boolean {
    return this.#kept !== undefined;
  }

  pauseBody(): void {
    if (this.#isBodyPaused) return;
    this.#isBodyPaused = true;
    this.#socket.pause();
  }

  /** Returns whether it was paused. */
  resumeBody(): boolean {
    if (!this.#isBodyPaused) return false;
    this.#isBodyPaused = false;
    this.readOn();
    return true;
  }

  /** Keeps bytes that come after those that are kept. */
  keep(bytes: Buffer): void {
    this.#kept = this.#kept === undefined ? bytes : Buffer.concat([this.#kept, bytes]);
    if (this.#isFull()) this.#socket.pause();
  }

  /** What is kept, for whoever has a use for it now. */
  take(): Buffer | undefined {
    const kept = this.#kept;
    const wasFull = this.#isFull();
    this.#kept = undefined;
    if (wasFull) this.readOn();
    return kept;
  }

  /** Nobody will have a use for what is kept. */
  drop(): void {
    this.#kept = undefined;
  }

  readOn(): void {
    if (!this.#isBodyPaused && !this.#isFull() && !this.#socket.destroyed) this.#socket.resume();
  }

  #isFull(): boolean {
    return this.#kept !== undefined && this.#kept.length >= PIPELINE_BYTES_MAX;
  }
}
