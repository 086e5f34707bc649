import {
  BODY_IDLE_TIMEOUT_MS,
  HEADER_TIMEOUT_MS,
  KEEP_ALIVE_IDLE_MS,
  LINGER_MS,
  REQUEST_TIMEOUT_MS,
  STREAM_IDLE_MS,
  TUNNEL_IDLE_MS,
  WRITE_STALL_MS,
} from "../../shared/defaults.ts";
import type { ListenerServices } from "../request/listener-services.ts";

/** How long the connection and its requests wait for what (http1.md 5). */
export interface ConnectionTimes {
  /** From the first byte of a head, or from the start of the connection, to the end of the head. */
  readonly headerMs: number;
  /** Between two parts of a request's body. */
  readonly bodyIdleMs: number;
  /** From the end of a head to the end of the body, however busily it drips; 0: for ever. */
  readonly requestMs: number;
  /** Between two requests. */
  readonly keepAliveIdleMs: number;
  /** Without a byte in either direction while a request is in progress; 0: for ever. */
  readonly streamIdleMs: number;
  /** The same for a tunnel. */
  readonly tunnelIdleMs: number;
  readonly writeStallMs: number;
  readonly lingerMs: number;
}

export const CONNECTION_TIMES: ConnectionTimes = {
  headerMs: HEADER_TIMEOUT_MS,
  bodyIdleMs: BODY_IDLE_TIMEOUT_MS,
  requestMs: REQUEST_TIMEOUT_MS,
  keepAliveIdleMs: KEEP_ALIVE_IDLE_MS,
  streamIdleMs: STREAM_IDLE_MS,
  tunnelIdleMs: TUNNEL_IDLE_MS,
  writeStallMs: WRITE_STALL_MS,
  lingerMs: LINGER_MS,
};

/** A connection, as its listener needs it. */
export interface OpenConnection {
  /** Closes at once; a request in flight is given up. */
  close(): void;
  readonly sourceIp: string;
  /** There is no room for it: its first request is answered with 503. */
  readonly isRefused: boolean;
}

/** The listener, as its connections see it. */
export interface ConnectionHome {
  readonly services: ListenerServices;
  readonly times: ConnectionTimes;
  readonly isDraining: boolean;
  /** The response to the last of so many closes a connection. */
  readonly requestsPerConnectionMax: number;
  /** Connections that carried as many. */
  exhausted: number;
  /** Connections that were closed for want of a next request. */
  idled: number;
  /** Requests that have begun and not finished. */
  inFlight: number;
  /** Of these, the ones that have become tunnels. */
  tunnels: number;
  onConnectionClosed(connection: OpenConnection): void;
}
