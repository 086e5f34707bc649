import type { RetryRefusal } from "../policy/retry-refusal.ts";

/** Envoy's response flags that Heddle sets (semantics.md 16); "" is an ordinary answer of the upstream. */
export type ResponseFlag =
  | ""
  | "NR"
  | "NC"
  | "UH"
  | "UF"
  | "UC"
  | "UR"
  | "UT"
  | "UO"
  | "URX"
  | "RL"
  | "FI"
  | "DI"
  | "DC"
  | "DPE"
  | "UPE"
  | "SI"
  | "OM";

/** What stood in for an answer of the service; "" is nothing. */
export type FallbackKind = "" | "cached" | "static" | "service";

/** What is known of a finished request. Implemented by the request's context: nothing is copied to report it. */
export interface RequestRecord {
  readonly direction: "inbound" | "outbound" | "unspecified";
  readonly listener: string;
  /** Unix milliseconds. */
  readonly startWallMs: number;
  readonly durationMs: number;
  /** Until the upstream's response head; 0 when there was none. */
  readonly upstreamMs: number;
  readonly source: string;
  readonly destination: string;
  readonly version: string;
  readonly method: string;
  readonly authority: string;
  readonly path: string;
  readonly minorVersion: 0 | 1;
  /** 0 when the client went away before an answer. */
  readonly status: number;
  readonly flag: ResponseFlag;
  /** Machine-readable cause of a proxy-made answer, or "". */
  readonly detail: string;
  readonly fallback: FallbackKind;
  readonly bytesReceived: number;
  readonly bytesSent: number;
  /** 32 and 16 hex digits. */
  readonly traceId: string;
  readonly spanId: string;
  /** A token (RFC 9110 5.6.2): nothing in it needs to be escaped. */
  readonly requestId: string;
  readonly routeName: string;
  readonly clusterName: string;
  /** `host:port` of the last attempt, or "". */
  readonly endpoint: string;
  readonly attempts: number;
  /** Endpoints of attempts that were followed by a retry. */
  readonly tried: readonly { readonly key: string }[];
  /** What each retry followed, separated by commas: a status, the reason of a failure, or `hedge`. */
  readonly retriedFor: string;
  /** Why one more retry, which would have been right, was not made; "" when none was wanted. */
  readonly retryRefusal: RetryRefusal | "";
  readonly configRevision: number;
}

/** Takes finished requests: metrics and the access log. Must read what it needs before it returns. */
export interface RequestSink {
  onFinished(record: RequestRecord): void;
}
