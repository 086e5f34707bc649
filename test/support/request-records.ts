import type { RequestRecord } from "../../data-plane/telemetry/request-record.ts";

/** A plain answered request, with what a test cares about in place. */
export function requestRecord(over: Partial<RequestRecord> = {}): RequestRecord {
  return {
    direction: "outbound",
    listener: "outbound",
    startWallMs: Date.UTC(2026, 0, 2, 3, 4, 5, 67),
    durationMs: 12.345,
    upstreamMs: 10.5,
    source: "web",
    destination: "reviews",
    version: "v1",
    method: "GET",
    authority: "reviews",
    path: "/api",
    minorVersion: 1,
    status: 200,
    flag: "",
    detail: "",
    fallback: "",
    bytesReceived: 0,
    bytesSent: 42,
    traceId: "0af7651916cd43dd8448eb211c80319c",
    spanId: "b7ad6b7169203331",
    requestId: "5f0c",
    routeName: "reviews/default",
    clusterName: "reviews",
    endpoint: "127.0.0.1:9101",
    attempts: 1,
    tried: [],
    retriedFor: "",
    retryRefusal: "",
    configRevision: 7,
    ...over,
  };
}
