import type { Socket } from "node:net";

/** The memory of smaller reads is left to the collector: it is little. */
const RELEASED_BYTES_MIN = 8 * 1024;

/**
 * Gives `take` what a socket reads, as a listener of "data" would get it, for less: a stream that nobody has paused and
 * that holds nothing has no use for its queue, its event and the look for more that it schedules after each chunk (2 us
 * of 15 for a bare relay; `onread`, which does the same, is only for sockets that we connect).
 *
 * `push` is where a Readable's source leaves its bytes. All but the plain case goes the ordinary way: the end, what comes
 * while the socket is paused, and what is still queued when it goes on. If Node ever delivered bytes past `push`, they
 * would come by the listener.
 *
 * `take` returns whether nobody has kept a part of the bytes. Then their memory is given back at once: buffers wait for the
 * collector of young objects, which comes too seldom for bodies that go through in 64 KiB pieces, and what waits there
 * brings on one collection of the whole heap after the other (28 % of the CPU of chunked bodies of 1 MiB).
 */
export function readDirectly(socket: Socket, take: (bytes: Buffer) => boolean): void {
  const queue = socket.push.bind(socket);
  socket.on("data", take);
  socket.push = (chunk: Buffer | null): boolean => {
    if (chunk === null || socket.readableFlowing !== true || socket.readableLength > 0) return queue(chunk);
    if (take(chunk) && chunk.length >= RELEASED_BYTES_MIN) release(chunk);
    return true;
  };
}

function release({ buffer, byteLength }: Buffer): void {
  // Part of a larger buffer, it is not alone in its memory.
  if (buffer instanceof ArrayBuffer && buffer.byteLength === byteLength) buffer.transfer(0);
}
