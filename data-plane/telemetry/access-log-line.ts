import { jsonText, type LineBuffer } from "./line-buffer.ts";
import type { RequestRecord } from "./request-record.ts";

/** What is the same in every line, as bytes. */
const PART = {
  status: Buffer.from(',"status":'),
  traceId: Buffer.from(',"trace_id":"'),
  spanId: Buffer.from('","span_id":"'),
  requestId: Buffer.from('","request_id":"'),
  path: Buffer.from('","path":"'),
  host: Buffer.from('","upstream_host":"'),
  serviceTime: Buffer.from('","upstream_service_time":'),
  attempts: Buffer.from(',"attempts":'),
  retriedFor: Buffer.from(',"retried_for":"'),
  retryRefused: Buffer.from(',"retry_refused":"'),
  fallback: Buffer.from(',"fallback":"'),
  endOfText: Buffer.from('"'),
  bytesReceived: Buffer.from(',"bytes_received":'),
  bytesSent: Buffer.from(',"bytes_sent":'),
  end: Buffer.from("}\n"),
};

/** The parts of a line that are the same for all requests that go the same way, as bytes, and what is the same of those. */
interface Way {
  readonly method: string;
  readonly authority: string;
  readonly source: string;
  readonly destination: string;
  readonly direction: string;
  readonly listener: string;
  readonly minorVersion: 0 | 1;
  readonly flag: string;
  readonly detail: string;
  readonly routeName: string;
  readonly clusterName: string;
  readonly version: string;
  readonly configRevision: number;
  /** From the end of the timestamp to the duration. */
  readonly edge: Buffer;
  /** From the end of the trace id to the span id. */
  readonly rest: Buffer;
}

/** Ways that are remembered: a proxy goes few of them often. */
const WAYS_MAX = 16;
const ways: Way[] = [];
let nextWay = 0;
let lastWay: Way | undefined = undefined;

/** A line up to the fraction of the current second, so that it costs no Date in most cases. */
let cachedSecond = -1;
let cachedStart = Buffer.alloc(0);

/**
 * Appends one line of the access log, with its newline: JSON with the keys timestamp, source, destination, duration (ms),
 * status, trace_id first, then Envoy's names. What a client sent (method, path, authority, ids) is escaped: it can neither
 * end the line nor the string, nor reach a terminal.
 *
 * Hot: once per request when the log is on.
 */
export function appendAccessLogLine(record: RequestRecord, line: LineBuffer): void {
  const way = wayOf(record);
  appendTimestamp(record.startWallMs, line);
  line.raw(way.edge);
  line.milliseconds(record.durationMs);
  line.raw(PART.status);
  line.integer(record.status);
  line.raw(PART.traceId);
  line.text(record.traceId);
  line.raw(way.rest);
  appendRequest(record, line);
  appendTries(record, line);
  line.raw(PART.bytesReceived);
  line.integer(record.bytesReceived);
  line.raw(PART.bytesSent);
  line.integer(record.bytesSent);
  line.raw(PART.end);
}

function appendRequest(record: RequestRecord, line: LineBuffer): void {
  line.text(record.spanId);
  line.raw(PART.requestId);
  line.text(record.requestId);
  line.raw(PART.path);
  line.text(record.path);
}

function appendTries(record: RequestRecord, line: LineBuffer): void {
  line.raw(PART.host);
  line.text(record.endpoint);
  line.raw(PART.serviceTime);
  line.milliseconds(record.upstreamMs);
  line.raw(PART.attempts);
  line.integer(record.attempts);
  // Only where there is something to tell: most requests are tried once.
  appendIfAny(PART.retriedFor, record.retriedFor, line);
  appendIfAny(PART.retryRefused, record.retryRefusal, line);
  appendIfAny(PART.fallback, record.fallback, line);
}

function appendIfAny(part: Buffer, value: string, line: LineBuffer): void {
  if (value === "") return;
  line.raw(part);
  line.text(value);
  line.raw(PART.endOfText);
}

function appendTimestamp(wallMs: number, line: LineBuffer): void {
  const second = Math.floor(wallMs / 1_000);
  if (second !== cachedSecond) {
    cachedSecond = second;
    cachedStart = Buffer.from(`{"timestamp":"${new Date(second * 1_000).toISOString().slice(0, -4)}`);
  }
  line.raw(cachedStart);
  line.thousandths(Math.floor(wallMs) - second * 1_000);
}

function wayOf(record: RequestRecord): Way {
  if (lastWay === undefined || !isOnWay(record, lastWay)) {
    lastWay = ways.find((way) => isOnWay(record, way)) ?? newWay(record);
  }
  return lastWay;
}

/** Names of the configuration are the same objects each time, which is all that a comparison looks at then; the rest is short. */
function isOnWay(record: RequestRecord, way: Way): boolean {
  return (
    record.clusterName === way.clusterName &&
    record.routeName === way.routeName &&
    record.version === way.version &&
    record.detail === way.detail &&
    record.flag === way.flag &&
    record.source === way.source &&
    record.destination === way.destination &&
    record.direction === way.direction &&
    record.listener === way.listener &&
    record.minorVersion === way.minorVersion &&
    record.configRevision === way.configRevision &&
    record.method === way.method &&
    record.authority === way.authority
  );
}

function newWay(record: RequestRecord): Way {
  const { source, destination, direction, listener, method, authority, minorVersion, flag } = record;
  const { detail, routeName, clusterName, version, configRevision } = record;
  const edge = `Z","source":"${jsonText(source)}","destination":"${jsonText(destination)}","duration":`;
  const rest =
    `","direction":"${direction}","listener":"${jsonText(listener)}","method":"${jsonText(method)}"` +
    `,"authority":"${jsonText(authority)}","protocol":"HTTP/1.${minorVersion}"` +
    `,"response_flags":"${flag}","response_code_details":"${jsonText(detail)}","route_name":"${jsonText(routeName)}"` +
    `,"upstream_cluster":"${jsonText(clusterName)}","version":"${jsonText(version)}"` +
    `,"config_revision":${configRevision},"span_id":"`;
  const texts = { source, destination, direction, listener, method, authority, flag, detail, routeName, clusterName };
  const way: Way = {
    ...texts,
    minorVersion,
    version,
    configRevision,
    edge: Buffer.from(edge),
    rest: Buffer.from(rest),
  };
  ways[nextWay] = way;
  nextWay = (nextWay + 1) % WAYS_MAX;
  return way;
}
