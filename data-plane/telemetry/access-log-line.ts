import { jsonText, type LineBuffer } from "./line-buffer.ts";
import type { RequestRecord } from "./request-record.ts";

/** What is the same in every line, as bytes. */
const PART = {
  serviceTime: Buffer.from('","upstream_service_time":'),
  attempts: Buffer.from(',"attempts":'),
  triedOnce: Buffer.from(',"attempts":1,"bytes_received":'),
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
  readonly status: number;
  readonly flag: string;
  readonly detail: string;
  readonly routeName: string;
  readonly clusterName: string;
  readonly version: string;
  readonly configRevision: number;
  /** From the end of the timestamp to the duration. */
  readonly edge: Buffer;
  /** From the end of the duration to the trace id. */
  readonly result: Buffer;
  /** From the end of the path to the endpoint. */
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
 * status, trace_id first, then Envoy's names. What a client sent (method, path, authority) is escaped, and its ids are
 * tokens: it can neither end the line nor the string, nor reach a terminal.
 *
 * Hot: once per request when the log is on.
 */
export function appendAccessLogLine(record: RequestRecord, line: LineBuffer): void {
  const way = wayOf(record);
  appendTimestamp(record.startWallMs, line);
  line.raw(way.edge);
  line.milliseconds(record.durationMs);
  line.raw(way.result);
  appendIds(record, line);
  line.raw(way.rest);
  appendTries(record, line);
  line.integer(record.bytesReceived);
  line.raw(PART.bytesSent);
  line.integer(record.bytesSent);
  line.raw(PART.end);
}

/** In one piece: to copy a string costs the call, and hardly anything more for a longer one. The ids are tokens by now. */
function appendIds({ traceId, spanId, requestId, path }: RequestRecord, line: LineBuffer): void {
  line.join(`${traceId}","span_id":"${spanId}","request_id":"${requestId}","path":"`, path);
}

function appendTries(record: RequestRecord, line: LineBuffer): void {
  line.text(record.endpoint);
  line.raw(PART.serviceTime);
  line.milliseconds(record.upstreamMs);
  // Most requests are tried once, and there is no more to tell of them.
  const { attempts, retriedFor, retryRefusal, fallback } = record;
  if (attempts === 1 && retriedFor === "" && retryRefusal === "" && fallback === "") return line.raw(PART.triedOnce);
  line.raw(PART.attempts);
  line.integer(attempts);
  appendIfAny(PART.retriedFor, retriedFor, line);
  appendIfAny(PART.retryRefused, retryRefusal, line);
  appendIfAny(PART.fallback, fallback, line);
  line.raw(PART.bytesReceived);
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
    record.status === way.status &&
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
  const { source, destination, direction, listener, method, authority, minorVersion, status } = record;
  const { flag, detail, routeName, clusterName, version, configRevision } = record;
  const edge = `Z","source":"${jsonText(source)}","destination":"${jsonText(destination)}","duration":`;
  const result = `,"status":${status},"trace_id":"`;
  const rest =
    `","direction":"${direction}","listener":"${jsonText(listener)}","method":"${jsonText(method)}"` +
    `,"authority":"${jsonText(authority)}","protocol":"HTTP/1.${minorVersion}"` +
    `,"response_flags":"${flag}","response_code_details":"${jsonText(detail)}","route_name":"${jsonText(routeName)}"` +
    `,"upstream_cluster":"${jsonText(clusterName)}","version":"${jsonText(version)}"` +
    `,"config_revision":${configRevision},"upstream_host":"`;
  const texts = { source, destination, direction, listener, method, authority, flag, detail, routeName, clusterName };
  const way: Way = {
    ...texts,
    minorVersion,
    status,
    version,
    configRevision,
    edge: Buffer.from(edge),
    result: Buffer.from(result),
    rest: Buffer.from(rest),
  };
  ways[nextWay] = way;
  nextWay = (nextWay + 1) % WAYS_MAX;
  return way;
}
