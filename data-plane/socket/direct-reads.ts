import type { Socket } from "node:net";

/**
 * Gives `take` what a socket reads, as a listener of "data" would get it, for less: a stream that nobody has paused and
 * that holds nothing has no use for its queue, its event and the look for more that it schedules after each chunk (2 us
 * of 15 for a bare relay; `onread`, which does the same, is only for sockets that we connect).
 *
 * `push` is where a Readable's source leaves its bytes. All but the plain case goes the ordinary way: the end, what comes
 * while the socket is paused, and what is still queued when it goes on. If Node ever delivered bytes past `push`, they
 * would come by the listener.
 */
export function readDirectly(socket: Socket, take: (bytes: Buffer) => void): void {
  const queue = socket.push.bind(socket);
  socket.on("data", take);
  socket.push = (chunk: Buffer | null): boolean => {
    if (chunk === null || socket.readableFlowing !== true || socket.readableLength > 0) return queue(chunk);
    take(chunk);
    return true;
  };
}
