import type { ServerHttp2Session } from "node:http2";

import { XDS_KEEPALIVE_MS, XDS_KEEPALIVE_TIMEOUT_MS } from "../../shared/defaults.ts";

/** What is known of the life of one connection. */
class Connection {
  bytesRead = 0;
  silentBeats = 0;
}

const PERIOD_MS = XDS_KEEPALIVE_TIMEOUT_MS / 2;
const BEATS_TO_PING = Math.ceil(XDS_KEEPALIVE_MS / PERIOD_MS);
const BEATS_TO_DROP = BEATS_TO_PING + Math.ceil(XDS_KEEPALIVE_TIMEOUT_MS / PERIOD_MS);

/**
 * Finds connections whose peer vanished without a word. One timer serves all: a connection that said nothing for
 * XDS_KEEPALIVE_MS is pinged, and one that then says nothing for XDS_KEEPALIVE_TIMEOUT_MS is dropped.
 *
 * Time is counted in beats, for while this process stands still (stopped, or the machine asleep) it hears nobody: after
 * that a clock would call every peer dead, and one beat calls none so.
 */
export class KeepAlive {
  /** Call `onBeat` this often. */
  static readonly PERIOD_MS = PERIOD_MS;
  readonly #connections = new Map<ServerHttp2Session, Connection>();

  sessions(): Iterable<ServerHttp2Session> {
    return this.#connections.keys();
  }

  onOpened(session: ServerHttp2Session): void {
    this.#connections.set(session, new Connection());
  }

  onClosed(session: ServerHttp2Session): void {
    this.#connections.delete(session);
  }

  onBeat(): void {
    for (const [session, connection] of this.#connections) if (!session.destroyed) check(session, connection);
  }
}

function check(session: ServerHttp2Session, connection: Connection): void {
  const { bytesRead } = session.socket;
  // The answer to a ping is heard like anything else.
  connection.silentBeats = bytesRead === connection.bytesRead ? connection.silentBeats + 1 : 0;
  connection.bytesRead = bytesRead;
  if (connection.silentBeats === BEATS_TO_PING) session.ping(() => undefined);
  if (connection.silentBeats >= BEATS_TO_DROP) session.destroy();
}
