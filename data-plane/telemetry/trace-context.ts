/**
 * Where a request stands in a distributed trace: reads W3C Trace Context and Zipkin's B3, in that order of trust
 * (semantics.md 12). What is malformed counts as absent: the trace is started anew, never guessed.
 *
 * https://www.w3.org/TR/trace-context/ · https://github.com/openzipkin/b3-propagation
 */
export interface TraceParent {
  /** 32 lower-case hex digits, not all zero; "" when only the sampling decision came. */
  readonly traceId: string;
  /** 16 lower-case hex digits, not all zero; "" likewise. */
  readonly spanId: string;
  readonly sampled: boolean;
}

/** `00-<32>-<16>-<2>`: the length of version 00, and what a later version must begin with. */
const TRACEPARENT_CHARS = 55;
const DASH = 45;

/**
 * Reads `traceparent`. Undefined when invalid: then `tracestate` must not be used either. A version after 00 may carry
 * more after a dash, which is ignored; version ff is invalid. Of the flags only `sampled` is defined.
 */
export function parseTraceparent(value: string): TraceParent | undefined {
  if (value.length < TRACEPARENT_CHARS) return undefined;
  if (!isHex(value, 0, 2) || !isHex(value, 3, 35) || !isHex(value, 36, 52) || !isHex(value, 53, 55)) return undefined;
  if (value.charCodeAt(2) !== DASH || value.charCodeAt(35) !== DASH || value.charCodeAt(52) !== DASH) return undefined;
  if (value.length > TRACEPARENT_CHARS) {
    if (value.startsWith("00") || value.charCodeAt(TRACEPARENT_CHARS) !== DASH) return undefined;
  }
  if (value.startsWith("ff") || isZero(value, 3, 35) || isZero(value, 36, 52)) return undefined;
  return {
    traceId: value.slice(3, 35),
    spanId: value.slice(36, 52),
    sampled: (hexDigit(value.charCodeAt(54)) & 1) === 1,
  };
}

/** Writes `traceparent` as version 00. */
export function formatTraceparent(traceId: string, spanId: string, sampled: boolean): string {
  return `00-${traceId}-${spanId}-${sampled ? "01" : "00"}`;
}

/** Reads the single header `b3`: `{trace}-{span}[-{0|1|d}[-{parent}]]`, or the sampling decision alone. */
export function parseB3(value: string): TraceParent | undefined {
  if (value.length === 1) {
    const sampled = parseSampled(value);
    return sampled === undefined ? undefined : { traceId: "", spanId: "", sampled };
  }
  const [traceId, spanId, sampling, parent, ...rest] = value.split("-");
  if (rest.length > 0 || (parent !== undefined && !isId(parent, 16))) return undefined;
  return parseB3Parts(traceId, spanId, sampling);
}

/** Reads the values of `X-B3-TraceId`, `X-B3-SpanId` and `X-B3-Sampled` (or `1` for `X-B3-Flags: 1`, which is debug). */
export function parseB3Parts(
  traceId: string | undefined,
  spanId: string | undefined,
  sampling: string | undefined,
): TraceParent | undefined {
  // An absent decision leaves it to us; the caller's trace goes on unsampled until someone decides to sample.
  const sampled = sampling === undefined ? false : parseSampled(sampling);
  if (sampled === undefined) return undefined;
  if (traceId === undefined && spanId === undefined) {
    return sampling === undefined ? undefined : { traceId: "", spanId: "", sampled };
  }
  if (traceId === undefined || spanId === undefined) return undefined;
  const trace = traceId.toLowerCase();
  const span = spanId.toLowerCase();
  if (!isId(span, 16) || !(isId(trace, 32) || isId(trace, 16))) return undefined;
  return { traceId: trace.padStart(32, "0"), spanId: span, sampled };
}

/** Writes the single header `b3`. `parentSpanId` may be "". */
export function formatB3(trace: TraceParent, parentSpanId: string): string {
  const head = `${trace.traceId}-${trace.spanId}-${trace.sampled ? "1" : "0"}`;
  return parentSpanId === "" ? head : `${head}-${parentSpanId}`;
}

/** The UUID whose digits a trace id is: one id, two spellings (seeds.md C15). */
export function uuidOfTraceId(id: string): string {
  return `${id.slice(0, 8)}-${id.slice(8, 12)}-${id.slice(12, 16)}-${id.slice(16, 20)}-${id.slice(20)}`;
}

function parseSampled(value: string): boolean | undefined {
  switch (value) {
    case "1":
    case "d":
    case "true":
      return true;
    case "0":
    case "false":
      return false;
    default:
      return undefined;
  }
}

function isId(value: string, digits: number): boolean {
  return value.length === digits && isHex(value, 0, digits) && !isZero(value, 0, digits);
}

function isHex(value: string, from: number, to: number): boolean {
  for (let at = from; at < to; at += 1) if (hexDigit(value.charCodeAt(at)) < 0) return false;
  return true;
}

function isZero(value: string, from: number, to: number): boolean {
  for (let at = from; at < to; at += 1) if (value.charCodeAt(at) !== 48) return false;
  return true;
}

/** The value of a lower-case hex digit, or -1: Trace Context forbids upper case. */
function hexDigit(code: number): number {
  if (code >= 48 && code <= 57) return code - 48;
  return code >= 97 && code <= 102 ? code - 87 : -1;
}
