/** What the load generator is asked to do, over the channel of its process, and what it answers. */

/** The request that is sent again and again, and the response that must come back. */
export type Shape = "get" | "get-30-fields" | "post-16k" | "chunked-1m" | "chunked-2k" | "download-8m";

export interface Target {
  readonly port: number;
  /** The Host field. */
  readonly authority: string;
}

export type Order =
  /** Each connection sends its next request when it has the last answer: shows what the proxy can do at most. */
  | ({ kind: "closed"; shape: Shape; connections: number; seconds: number } & Target)
  /** Requests at fixed times whether or not answers come: shows what a caller would wait. */
  | ({ kind: "open"; shape: Shape; connections: number; seconds: number; perSecond: number } & Target)
  /** Each connection downloads once and reads no faster than told. */
  | ({ kind: "slow"; connections: number; bytesPerSecond: number } & Target)
  /** Connections that carry one request each and then stay open until the next `idle` order. */
  | ({ kind: "idle"; connections: number } & Target);

export interface Report {
  readonly requests: number;
  /** Payload of requests and responses together. */
  readonly payloadBytes: number;
  readonly elapsedMs: number;
  /** CPU of the generator itself. */
  readonly cpuPercent: number;
  /** Open loop only. */
  readonly timing?: Timing;
}

/** Milliseconds from the time a request was due to the last byte of its answer. */
export interface Timing {
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  /** How late the generator itself sent what was due while a connection was free. */
  readonly lateP99Ms: number;
}

export type Answer = { readonly report: Report } | { readonly failure: string };
