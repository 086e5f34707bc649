/** How the stream to the control plane stands. */
export interface DiscoveryLink {
  /** A stream is open and has brought an answer. */
  readonly isConnected: boolean;
  /** Of the last stream, `host:port`; "" before the first. */
  readonly address: string;
  /** Why the last stream ended; "" while one is open and answered. */
  readonly lastError: string;
}
