import type { RequestRecord } from "./request-record.ts";

/** Everything that must not stand in a JSON string as it is, and the controls that would act on a terminal. */
// eslint-disable-next-line no-control-regex -- control characters are what this looks for.
const NEEDS_ESCAPE = /["\\\u0000-\u001f\u007f-\u009f\u2028\u2029\ud800-\udfff]/;
// eslint-disable-next-line no-control-regex -- as above.
const TERMINAL_CONTROLS = /[\u007f-\u009f\u2028\u2029]/g;

/** The text of the current second, so that a line costs no Date in most cases. */
let cachedSecond = -1;
let cachedText = "";

/**
 * One line of the access log, with its newline: JSON with the keys timestamp, source, destination, duration (ms), status,
 * trace_id first, then Envoy's names. What a client sent (method, path, authority, ids) is escaped: it can neither end the
 * line nor the string, nor reach a terminal.
 *
 * Hot: once per request when the log is on. Concatenation is about a quarter of JSON.stringify's cost.
 */
export function accessLogLine(record: RequestRecord): string {
  return (
    `{"timestamp":"${timestamp(record.startWallMs)}","source":${quote(record.source)}` +
    `,"destination":${quote(record.destination)},"duration":${milliseconds(record.durationMs)}` +
    `,"status":${record.status},"trace_id":${quote(record.traceId)},"span_id":${quote(record.spanId)}` +
    `,"request_id":${quote(record.requestId)},"direction":"${record.direction}","listener":${quote(record.listener)}` +
    `,"method":${quote(record.method)},"authority":${quote(record.authority)},"path":${quote(record.path)}` +
    `,"protocol":"HTTP/1.${record.minorVersion}","response_flags":"${record.flag}"` +
    `,"response_code_details":${quote(record.detail)},"route_name":${quote(record.routeName)}` +
    `,"upstream_cluster":${quote(record.clusterName)},"upstream_host":${quote(record.endpoint)}` +
    `,"upstream_service_time":${milliseconds(record.upstreamMs)},"version":${quote(record.version)}` +
    `,"attempts":${record.attempts},"bytes_received":${record.bytesReceived},"bytes_sent":${record.bytesSent}` +
    `,"config_revision":${record.configRevision}}\n`
  );
}

function quote(text: string): string {
  if (!NEEDS_ESCAPE.test(text)) return `"${text}"`;
  return JSON.stringify(text).replace(TERMINAL_CONTROLS, escapeControl);
}

function escapeControl(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}

/** Microseconds are the last digits that mean something. */
function milliseconds(value: number): number {
  return Math.round(value * 1_000) / 1_000;
}

function timestamp(wallMs: number): string {
  const second = Math.floor(wallMs / 1_000);
  if (second !== cachedSecond) {
    cachedSecond = second;
    cachedText = new Date(second * 1_000).toISOString().slice(0, -4);
  }
  const fraction = Math.floor(wallMs) - second * 1_000;
  return `${cachedText}${fraction < 10 ? "00" : fraction < 100 ? "0" : ""}${fraction}Z`;
}
