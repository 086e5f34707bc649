import type { MessageWriter } from "../socket/message-writer.ts";

/** What a request needs of the connection it came on. */
export interface Downstream {
  readonly writer: MessageWriter;
  /** The peer's address, for hashing. */
  readonly sourceIp: string;
  /** There is no room for it: its first request is answered with 503. */
  readonly isRefused: boolean;
  /** Whole milliseconds for which the request has been kept without being looked at; 0: it has not. */
  readonly restedMs: number;
  /** The connection may carry another request after this one, as far as the connection and the listener know. */
  readonly mayLiveOn: boolean;
  /** Writes out what the writer has gathered. False: the request is told by `onWritable`. */
  flush(): boolean;
  /** Stops and goes on reading the request's body. */
  pauseBody(): void;
  resumeBody(): void;
  /** What comes within so many milliseconds is not looked at earlier while there is too much to do. */
  rest(ms: number): void;
  /** The rest of the connection, in both directions, is the request's: `onBody` and `onTunnelEnd` tell what comes. */
  beginTunnel(): void;
  /** Closes our side after what has been written. */
  endTunnel(): void;
  /** The response is written whole. Without `keepAlive` the connection closes so that the client still gets it. */
  onResponseFinished(keepAlive: boolean): void;
  /** Cuts the connection, so that an unfinished response can not be taken for a whole one. */
  abort(): void;
}
