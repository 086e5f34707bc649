import type { Socket } from "node:net";

import { LINGER_BYTES_MAX } from "../../shared/limits.ts";
import { Deadline, type DeadlineOwner, type TimerWheel } from "../../shared/timer-wheel.ts";
import type { ConnectionTimes } from "./connection-home.ts";

/**
 * The end of a connection whose last response is still on its way: our side is closed after it, and what the client still
 * sends is read and dropped for a bounded while. A close with unread bytes would be an RST, which takes the response away
 * from a client that has not read it yet (http1.md 5).
 *
 *     waiting for our last byte to be taken ──▶ waiting for the client's end ──▶ destroyed
 *               └── writeStallMs ──▶ destroyed        └── lingerMs, or LINGER_BYTES_MAX ──▶ destroyed
 */
export class LingeringClose implements DeadlineOwner {
  readonly #socket: Socket;
  readonly #wheel: TimerWheel;
  readonly #lingerMs: number;
  readonly #deadline = new Deadline(this);
  #bytes = 0;
  #isClientEnded: boolean;

  constructor(socket: Socket, wheel: TimerWheel, times: ConnectionTimes, isClientEnded: boolean) {
    this.#socket = socket;
    this.#wheel = wheel;
    this.#lingerMs = times.lingerMs;
    this.#isClientEnded = isClientEnded;
    wheel.arm(this.#deadline, times.writeStallMs);
    socket.end(() => this.#onAllWritten());
  }

  /** The client has sent as many more bytes. */
  onBytes(count: number): void {
    this.#bytes += count;
    if (this.#bytes > LINGER_BYTES_MAX) this.#socket.destroy();
  }

  onClientEnd(): void {
    this.#isClientEnded = true;
    this.#socket.destroy();
  }

  /** The socket is closed: nothing more is waited for. */
  onClosed(): void {
    this.#wheel.cancel(this.#deadline);
  }

  onDeadline(): void {
    this.#socket.destroy();
  }

  #onAllWritten(): void {
    if (this.#socket.destroyed) return;
    // Nothing can come any more from a client that has closed its side: there is nothing to wait for.
    if (this.#isClientEnded) this.#socket.destroy();
    else this.#wheel.arm(this.#deadline, this.#lingerMs);
  }
}
