import { REQUEST_ID_CHARS_MAX, SERVICE_NAME_CHARS_MAX, TRACESTATE_MEMBERS_MAX } from "../../shared/limits.ts";
import { isToken } from "../http1/chars.ts";
import type { HeaderList } from "../http1/message.ts";
import {
  formatB3,
  formatTraceparent,
  parseB3,
  parseB3Parts,
  parseTraceparent,
  type TraceParent,
} from "../telemetry/trace-context.ts";
import type { RequestContext } from "./request-context.ts";

/** Which try of the request this is, over all hops; without it, the first (semantics.md 20, 6). */
const ATTEMPT_HEADER = "x-heddle-attempt";
/** Milliseconds that the caller will wait for the answer. */
const DEADLINE_HEADER = "x-heddle-deadline-ms";
const COUNT = /^\d{1,9}$/;

/** The values found by one walk over the headers; reused, because the walk and its use are one synchronous step. */
const found = {
  traceparent: "",
  traceparents: 0,
  tracestateMembers: 0,
  b3: "",
  b3TraceId: "",
  b3SpanId: "",
  b3Sampled: "",
  requestId: "",
  source: "",
  attempt: 1,
  deadlineMs: Infinity,
};

// Hot: once per request.
/**
 * Reads who called and which trace the request belongs to, and takes those headers out of the list: what leaves is
 * written anew for each attempt by {@link propagationLines}. `tracestate` stays where it is when it may stay.
 */
export function readPropagation(ctx: RequestContext): void {
  const { headers } = ctx.head;
  const taken = takeHeaders(headers);
  const { ids, random, sampleRatio, direction } = ctx.services;
  const parent = found.traceparents === 1 ? parseTraceparent(found.traceparent) : undefined;
  if (found.tracestateMembers > 0 && (parent === undefined || found.tracestateMembers > TRACESTATE_MEMBERS_MAX)) {
    removeHeader(headers, "tracestate");
  }
  const b3 = taken ? readB3(ctx) : undefined;
  const trace = parent ?? b3;
  if (trace !== undefined && trace.traceId !== "") {
    ctx.traceId = trace.traceId;
    ctx.parentSpanId = trace.spanId;
  } else {
    ctx.traceId = ids.traceId();
  }
  ctx.requestId = isValidRequestId(found.requestId) ? found.requestId : newRequestId(ctx);
  ctx.isSampled = trace === undefined ? random.unit() < sampleRatio : trace.sampled;
  if (direction === "inbound" && isServiceName(found.source)) ctx.source = found.source;
  // An app may say these as well: with them it can only get fewer retries and less time.
  ctx.incomingAttempt = found.attempt;
  ctx.incomingDeadlineMs = found.deadlineMs;
}

/** Our own lines of a request's head, with a new span for this hop and this attempt. */
export function propagationLines(ctx: RequestContext): string {
  ctx.spanId = ctx.services.ids.spanId();
  return linesOfSpan(ctx, ctx.spanId);
}

/** The same for a copy of the request: a span of its own, which the request does not remember. */
export function shadowPropagationLines(ctx: RequestContext): string {
  return linesOfSpan(ctx, ctx.services.ids.spanId());
}

function linesOfSpan(ctx: RequestContext, spanId: string): string {
  const { traceId, isSampled } = ctx;
  let lines = `x-request-id: ${ctx.requestId}\r\ntraceparent: ${formatTraceparent(traceId, spanId, isSampled)}\r\n`;
  if (ctx.cluster?.isOutside !== true) lines += meshLines(ctx);
  if (ctx.b3 === "none") return lines;
  const trace: TraceParent = { traceId, spanId, sampled: isSampled };
  if (ctx.b3 === "single") return `${lines}b3: ${formatB3(trace, ctx.parentSpanId)}\r\n`;
  if (ctx.parentSpanId !== "") lines += `x-b3-parentspanid: ${ctx.parentSpanId}\r\n`;
  return `${lines}x-b3-traceid: ${traceId}\r\nx-b3-spanid: ${spanId}\r\nx-b3-sampled: ${isSampled ? "1" : "0"}\r\n`;
}

/** What proxies of the mesh tell each other: who calls is nobody's business outside. */
function meshLines(ctx: RequestContext): string {
  let lines = ctx.source === "" ? "" : `x-heddle-source: ${ctx.source}\r\n`;
  const attempt = Math.max(ctx.incomingAttempt, ctx.retries + 1);
  if (attempt > 1) lines += `${ATTEMPT_HEADER}: ${attempt}\r\n`;
  const remainingMs = ctx.remainingMs();
  if (remainingMs !== Infinity) lines += `${DEADLINE_HEADER}: ${Math.max(0, Math.ceil(remainingMs))}\r\n`;
  return lines;
}

/** B3's single header wins over the multiple ones; whichever came is also sent on. */
function readB3(ctx: RequestContext): TraceParent | undefined {
  const { b3, b3TraceId, b3SpanId, b3Sampled } = found;
  if (b3 !== "") ctx.b3 = "single";
  else if (b3TraceId !== "" || b3Sampled !== "") ctx.b3 = "multiple";
  if (ctx.b3 === "single") return parseB3(b3);
  return ctx.b3 === "none" ? undefined : parseB3Parts(given(b3TraceId), given(b3SpanId), given(b3Sampled));
}

function given(value: string): string | undefined {
  return value === "" ? undefined : value;
}

/** Moves the headers that are ours from the list into `found`. Returns whether there was any. */
function takeHeaders(headers: HeaderList): boolean {
  found.traceparent = "";
  found.traceparents = 0;
  found.tracestateMembers = 0;
  found.b3 = "";
  found.b3TraceId = "";
  found.b3SpanId = "";
  found.b3Sampled = "";
  found.requestId = "";
  found.source = "";
  found.attempt = 1;
  found.deadlineMs = Infinity;
  let kept = 0;
  for (let at = 0; at < headers.length; at += 2) {
    // The list holds whole pairs, hence the `!`.
    const name = headers[at]!;
    const value = headers[at + 1]!;
    if (isOurs(name, value)) continue;
    if (kept !== at) {
      headers[kept] = name;
      headers[kept + 1] = value;
    }
    kept += 2;
  }
  const isShorter = kept !== headers.length;
  if (isShorter) headers.length = kept;
  return isShorter;
}

function isOurs(name: string, value: string): boolean {
  switch (name) {
    case "traceparent":
      found.traceparent = value;
      found.traceparents += 1;
      return true;
    case "tracestate":
      found.tracestateMembers += value.split(",").length;
      return false;
    case "x-request-id":
      found.requestId = value;
      return true;
    case "x-heddle-source":
      found.source = value;
      return true;
    case ATTEMPT_HEADER:
      if (COUNT.test(value)) found.attempt = Math.max(found.attempt, Number(value));
      return true;
    case DEADLINE_HEADER:
      if (COUNT.test(value)) found.deadlineMs = Math.min(found.deadlineMs, Number(value));
      return true;
    case "b3":
      found.b3 = value;
      return true;
    default:
      return name.startsWith("x-b3-") && isMultipleB3(name, value);
  }
}

function isMultipleB3(name: string, value: string): boolean {
  switch (name) {
    case "x-b3-traceid":
      found.b3TraceId = value;
      return true;
    case "x-b3-spanid":
      found.b3SpanId = value;
      return true;
    case "x-b3-sampled":
      found.b3Sampled = value;
      return true;
    case "x-b3-flags":
      if (value === "1") found.b3Sampled = "1";
      return true;
    case "x-b3-parentspanid":
      return true;
    default:
      return false;
  }
}

function removeHeader(headers: HeaderList, name: string): void {
  for (let at = headers.length - 2; at >= 0; at -= 2) if (headers[at] === name) headers.splice(at, 2);
}

/** A trace that begins here and the request that began it have one name. */
function newRequestId(ctx: RequestContext): string {
  return ctx.parentSpanId === "" ? ctx.services.ids.traceUuid() : ctx.services.ids.uuid();
}

/** What another proxy, or whoever reaches the port, says of itself: a name for logs, metrics and limits, and no proof. */
function isServiceName(value: string): boolean {
  return value.length <= SERVICE_NAME_CHARS_MAX && isToken(value);
}

/** It goes into logs (http1.md 4): a token of bounded length, else a new one is made. */
function isValidRequestId(value: string): boolean {
  return value !== "" && value.length <= REQUEST_ID_CHARS_MAX && isToken(value);
}
