import type { ResponseFlag } from "../telemetry/request-record.ts";

/** Why the proxy answers by itself. The word is the value of `x-heddle-error` and the detail in logs and metrics. */
export type LocalReason =
  | "no-config"
  | "no-route"
  | "rate-limited"
  | "fault-injected"
  | "no-cluster"
  | "no-endpoint"
  | "overflow"
  | "circuit-open"
  | "connect-failed"
  | "connect-timeout"
  | "upstream-unsent"
  | "upstream-died"
  | "upstream-stalled"
  | "upstream-ended-early"
  | "upstream-protocol"
  | "timeout"
  | "try-timeout"
  | "loop"
  | "overload"
  | "load-shed"
  | "stream-idle"
  | "upload-idle"
  | "tunnel-idle"
  | "client-timeout"
  | "client-ended-early"
  | "internal";

export interface LocalReply {
  readonly status: number;
  readonly flag: ResponseFlag;
  /** For the reader of a terminal; says nothing about the inside. */
  readonly sentence: string;
}

/** The one table of proxy-made answers: status by http1.md 6, flag by semantics.md 16. */
export const LOCAL_REPLIES: { readonly [reason in LocalReason]: LocalReply } = {
  "no-config": { status: 503, flag: "NC", sentence: "the proxy has no configuration yet" },
  "no-route": { status: 404, flag: "NR", sentence: "no route matches this request" },
  "rate-limited": { status: 429, flag: "RL", sentence: "too many requests of this client" },
  // The status is that of the fault.
  "fault-injected": { status: 503, flag: "FI", sentence: "a fault was injected" },
  "no-cluster": { status: 503, flag: "NC", sentence: "the route leads to an unknown cluster" },
  "no-endpoint": { status: 503, flag: "UH", sentence: "no endpoint of the service is available" },
  overflow: { status: 503, flag: "UO", sentence: "too many requests wait for the service" },
  "circuit-open": { status: 503, flag: "UO", sentence: "too many failures: nothing is sent to the service for now" },
  "connect-failed": { status: 503, flag: "UF", sentence: "the service refused the connection" },
  "connect-timeout": { status: 503, flag: "UF", sentence: "the service did not accept the connection in time" },
  "upstream-unsent": { status: 503, flag: "UC", sentence: "the service closed the connection" },
  "upstream-died": { status: 503, flag: "UC", sentence: "the service closed the connection without an answer" },
  "upstream-stalled": { status: 503, flag: "UC", sentence: "the service stopped reading the request" },
  "upstream-ended-early": { status: 502, flag: "UPE", sentence: "the service ended in the middle of its answer" },
  "upstream-protocol": { status: 502, flag: "UPE", sentence: "the service did not answer in HTTP/1.1" },
  timeout: { status: 504, flag: "UT", sentence: "the service did not answer in time" },
  "try-timeout": { status: 504, flag: "UT", sentence: "the service did not answer in time" },
  loop: { status: 502, flag: "UF", sentence: "the address leads back to this proxy" },
  overload: { status: 503, flag: "OM", sentence: "the proxy has no room for this connection" },
  "load-shed": { status: 503, flag: "OM", sentence: "the proxy has too much to do" },
  // Envoy: 408 while the request is still coming, 504 after it.
  "stream-idle": { status: 504, flag: "SI", sentence: "nothing was sent in either direction for too long" },
  "upload-idle": { status: 408, flag: "SI", sentence: "nothing was sent in either direction for too long" },
  "tunnel-idle": { status: 504, flag: "SI", sentence: "nothing passed through the tunnel for too long" },
  "client-timeout": { status: 408, flag: "DPE", sentence: "the request did not come in time" },
  "client-ended-early": { status: 400, flag: "DPE", sentence: "the request ended in its middle" },
  internal: { status: 500, flag: "", sentence: "the proxy failed" },
};

const REASON_PHRASES = new Map<number, string>([
  [200, "OK"],
  [201, "Created"],
  [202, "Accepted"],
  [204, "No Content"],
  [301, "Moved Permanently"],
  [302, "Found"],
  [303, "See Other"],
  [304, "Not Modified"],
  [307, "Temporary Redirect"],
  [308, "Permanent Redirect"],
  [400, "Bad Request"],
  [401, "Unauthorized"],
  [403, "Forbidden"],
  [404, "Not Found"],
  [405, "Method Not Allowed"],
  [408, "Request Timeout"],
  [410, "Gone"],
  [413, "Content Too Large"],
  [414, "URI Too Long"],
  [417, "Expectation Failed"],
  [418, "I'm a teapot"],
  [421, "Misdirected Request"],
  [429, "Too Many Requests"],
  [431, "Request Header Fields Too Large"],
  [500, "Internal Server Error"],
  [501, "Not Implemented"],
  [502, "Bad Gateway"],
  [503, "Service Unavailable"],
  [504, "Gateway Timeout"],
  [505, "HTTP Version Not Supported"],
]);

/** The reason phrase of a status; "" for one without a common name. */
export function reasonPhrase(status: number): string {
  return REASON_PHRASES.get(status) ?? "";
}
