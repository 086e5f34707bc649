/** The name of a peer on the command line and in tables. */
export type PeerName =
  | "heddle"
  | "heddle-log"
  | "heddle-workers"
  | "envoy"
  | "haproxy"
  | "nginx"
  | "node-http"
  | "http-proxy";

export const PEER_NAMES: readonly PeerName[] = [
  "heddle",
  "heddle-log",
  "envoy",
  "haproxy",
  "nginx",
  "node-http",
  "http-proxy",
  "heddle-workers",
];

/** All but the one with several workers: beside peers with one it says nothing. */
export const DEFAULT_PEERS: readonly PeerName[] = PEER_NAMES.filter((name) => name !== "heddle-workers");

/** Which way a request goes. */
export type Way =
  /** The caller's proxy alone: routing, split, retry policy; straight to the app. */
  | "outbound"
  /** The proxy before the app alone. */
  | "inbound"
  /** Both, one behind the other: what a call in a mesh costs. */
  | "mesh";

/** Where the load of one way enters, and the processes whose cost it is. */
export interface Door {
  readonly port: number;
  readonly authority: string;
  readonly pids: readonly number[];
}

/** A peer that serves. A way that it has not is left out of the results. */
export interface RunningPeer {
  readonly name: PeerName;
  readonly version: string;
  readonly doors: Partial<Readonly<Record<Way, Door>>>;
  stop(): Promise<void>;
}

/** What every peer fronts. */
export interface Site {
  /** The ports of the app's two versions. */
  readonly v1Port: number;
  readonly v2Port: number;
  /** A folder for the peer's files, removed after the run. */
  readonly folder: string;
}

/** Why a peer is not in this run, in words. */
export interface Absent {
  readonly name: PeerName;
  readonly reason: string;
}

/** So many services does each peer route to, so that the route table is not a toy; the bench calls the first two. */
export const SERVICES: readonly string[] = [
  "reviews",
  "ratings",
  ...Array.from({ length: 18 }, (_, index) => `service-${index}`),
];
/** Called straight, at two versions by weight. */
export const DIRECT_SERVICE = "reviews";
/** Called through the proxy beside it. */
export const MESH_SERVICE = "ratings";

export const V1_PERCENT = 90;
export const TIMEOUT_MS = 5_000;
/** Tries after the first. */
export const RETRIES = 2;
