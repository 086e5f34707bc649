import {
  BODY_IDLE_TIMEOUT_MS,
  HEADER_TIMEOUT_MS,
  KEEP_ALIVE_IDLE_MS,
  LINGER_MS,
  WRITE_STALL_MS,
} from "../../shared/defaults.ts";
import type { ListenerServices } from "../request/listener-services.ts";

/** How long the connection waits for what (http1.md 5). */
export interface ConnectionTimes {
  readonly headerMs: number;
  readonly bodyIdleMs: number;
  readonly keepAliveIdleMs: number;
  readonly writeStallMs: number;
  readonly lingerMs: number;
}

export const CONNECTION_TIMES: ConnectionTimes = {
  headerMs: HEADER_TIMEOUT_MS,
  bodyIdleMs: BODY_IDLE_TIMEOUT_MS,
  keepAliveIdleMs: KEEP_ALIVE_IDLE_MS,
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
  /** Requests that have begun and not finished. */
  inFlight: number;
  /** Of these, the ones that have become tunnels. */
  tunnels: number;
  onConnectionClosed(connection: OpenConnection): void;
}
