import type { BodyFraming, RequestHead } from "../http1/message.ts";
import type { RetryRefusal } from "../policy/retry-refusal.ts";
import type { EndpointState } from "../runtime/endpoint-state.ts";
import type { ClusterRuntime, ForwardRuntime, Runtime } from "../runtime/runtime.ts";
import type { FallbackKind, RequestRecord, ResponseFlag } from "../telemetry/request-record.ts";
import type { Downstream } from "./downstream.ts";
import type { InboundCall } from "./inbound-calls.ts";
import type { ListenerServices } from "./listener-services.ts";
import { RequestBody } from "./request-body.ts";

const NONE_TRIED: readonly EndpointState[] = [];

/**
 * All that is known of one request. Every field is set here, so that all contexts have one hidden class; the steps of
 * proxy-request.ts fill them in, and the log and the metrics read them when the request is finished.
 */
export class RequestContext implements RequestRecord {
  readonly services: ListenerServices;
  readonly downstream: Downstream;
  readonly head: RequestHead;
  /** The configuration the request started with: it never sees half of a new one. */
  readonly runtime: Runtime;
  readonly body = new RequestBody();

  /** When its head was read. */
  readonly startMs: number;
  /** Whole milliseconds for which nothing was done for it: before its head was read, or while a fault held it. */
  waitedMs: number;
  durationMs = 0;
  upstreamMs = 0;

  routeName = "";
  route: ForwardRuntime | undefined = undefined;
  cluster: ClusterRuntime | undefined = undefined;
  /** For hashing pickers; -1 for none. */
  hash = -1;
  /** Endpoints of earlier attempts. */
  tried: readonly EndpointState[] = NONE_TRIED;
  endpoint = "";
  attempts = 0;
  /** Attempts that are retries by policy; a connection that was replaced under the request is none. */
  retries = 0;
  /** What each retry followed, separated by commas: a status, or the reason of a failure. */
  retriedFor = "";
  retryRefusal: RetryRefusal | "" = "";
  /** 1 unless an earlier hop retries. */
  incomingAttempt = 1;
  /** The time that the caller gives the request: from when it has been received, once that is settled. Or Infinity. */
  incomingDeadlineMs = Infinity;
  /** The whole request, retries included, from when it has been received; Infinity for no limit. */
  timeoutMs = Infinity;
  /** Monotonic; Infinity until the request has been received. */
  deadlineAtMs = Infinity;
  /** Inbound: what is remembered of this request. Outbound: the request that the app makes this one for. */
  call: InboundCall | undefined = undefined;

  source: string;
  destination = "";
  version = "";
  status = 0;
  flag: ResponseFlag = "";
  /** What stood in for an answer of the service. */
  fallback: FallbackKind = "";
  detail = "";
  bytesSent = 0;
  /** How the response's body goes down, and whether the connection lives on after it. */
  responseFraming: BodyFraming = "none";
  keepsAlive = false;

  traceId = "";
  /** The caller's span, or "". */
  parentSpanId = "";
  /** Our span: that of the last attempt. */
  spanId = "";
  isSampled = false;
  b3: "none" | "single" | "multiple" = "none";
  requestId = "";

  constructor(services: ListenerServices, downstream: Downstream, head: RequestHead) {
    this.services = services;
    this.downstream = downstream;
    this.head = head;
    this.runtime = services.runtimeOf();
    this.startMs = services.clock.nowMs();
    this.waitedMs = downstream.restedMs;
    const { direction, identity } = services;
    this.source = direction === "inbound" ? "" : identity.service;
    if (direction === "inbound") {
      this.destination = identity.service;
      this.version = identity.version;
    }
  }

  /** Counted back from now, once the request is finished: only the log asks, and most requests have none. */
  get startWallMs(): number {
    return this.services.clock.wallMs() - this.durationMs;
  }

  get direction(): "inbound" | "outbound" | "unspecified" {
    return this.services.direction;
  }

  get listener(): string {
    return this.services.name;
  }

  get method(): string {
    return this.head.method;
  }

  get authority(): string {
    return this.head.authority;
  }

  get path(): string {
    return this.head.path;
  }

  get minorVersion(): 0 | 1 {
    return this.head.minorVersion;
  }

  get bytesReceived(): number {
    return this.body.bytes;
  }

  get clusterName(): string {
    return this.cluster?.name ?? "";
  }

  get configRevision(): number {
    return this.runtime.revision;
  }

  /** Until the deadline. */
  remainingMs(): number {
    return this.deadlineAtMs === Infinity ? this.timeoutMs : this.deadlineAtMs - this.services.clock.nowMs();
  }

  /** Milliseconds since the request came. */
  elapsedMs(): number {
    return this.services.clock.nowMs() - this.startMs + this.downstream.restedMs;
  }
}
