/** What the rest of the control plane may know of the connected proxies. Implemented by the node registry. */
export interface Fleet {
  /** Connected now, or within the last hour, by node id. */
  proxies(): readonly ProxyStatus[];
  connectedCount(): number;
  /**
   * Settles when every connected proxy has acknowledged `revision` (or newer) for all it subscribes to, or after
   * `timeoutMs`, or when `signal` aborts.
   */
  waitForRevision(revision: number, timeoutMs: number, signal: AbortSignal): Promise<RevisionWait>;
}

export interface RevisionWait {
  readonly revision: number;
  readonly acknowledged: number;
  readonly waiting: readonly { readonly nodeId: string; readonly service: string; readonly reason: string }[];
}

export interface ProxyStatus {
  readonly nodeId: string;
  readonly service: string;
  readonly version: string;
  readonly kind: "heddle" | "envoy" | "grpc";
  readonly connected: boolean;
  readonly sinceWallMs: number;
  readonly peer: string;
  readonly adminAddress: string | undefined;
  readonly snapshotSource: "stream" | "disk" | "none";
  readonly acknowledgedRevision: number;
  readonly types: readonly TypeStatus[];
}

export interface TypeStatus {
  readonly type: "listeners" | "routes" | "clusters" | "endpoints" | "secrets";
  readonly state: "SYNCED" | "STALE" | "NACKED" | "NOT_SENT";
  readonly sentVersion: string;
  readonly acknowledgedVersion: string;
  readonly sentWallMs: number | undefined;
  readonly answeredWallMs: number | undefined;
  readonly nackReason: string;
}
