import {
  BODY_IDLE_TIMEOUT_MS,
  HEADER_TIMEOUT_MS,
  KEEP_ALIVE_IDLE_MS,
  REQUEST_TIMEOUT_MS,
  REQUESTS_MAX,
  STREAM_IDLE_MS,
  TUNNEL_IDLE_MS,
} from "../shared/defaults.ts";
import {
  BODY_BYTES_LIMIT,
  BODY_IDLE_LIMIT_MS,
  CLIENT_CONNECTIONS_LIMIT,
  CONNECTIONS_LIMIT,
  CONNECTIONS_PER_LISTENER_MAX,
  CONNECTION_REQUESTS_LIMIT,
  HEADER_COUNT_MAX,
  HEAD_BYTES_LIMIT,
  HEAD_BYTES_MAX,
  HEAD_FIELDS_LIMIT,
  HEAD_TIMEOUT_LIMIT_MS,
  IDLE_TIMEOUT_LIMIT_MS,
  REQUESTS_LIMIT,
  REQUESTS_PER_CONNECTION_MAX,
  REQUEST_TIMEOUT_LIMIT_MS,
  STREAM_IDLE_LIMIT_MS,
  TUNNEL_IDLE_LIMIT_MS,
  type Range,
} from "../shared/limits.ts";
import type { Violation } from "../shared/violation.ts";
import { violation } from "../shared/violation.ts";

/** One bound on what clients may ask of a proxy; 0 is "none" where it is within the range. */
export interface ProxyLimit extends Range {
  /** For help: what is bounded, and what happens beyond it. */
  readonly words: string;
  readonly unit: "bytes" | "ms" | "n";
  readonly default: number;
}

/** Every such bound (http1.md 5), by the name of its setting: `headBytesMax` is --head-bytes-max. */
export const PROXY_LIMITS = {
  headBytesMax: limit("bytes", HEAD_BYTES_MAX, HEAD_BYTES_LIMIT, "head of a request; beyond: 431"),
  headFieldsMax: limit("n", HEADER_COUNT_MAX, HEAD_FIELDS_LIMIT, "fields of a head; beyond: 431"),
  bodyBytesMax: limit("bytes", 0, BODY_BYTES_LIMIT, "body of a request; beyond: 413"),
  headTimeoutMs: limit("ms", HEADER_TIMEOUT_MS, HEAD_TIMEOUT_LIMIT_MS, "for a whole head; then 408"),
  bodyIdleTimeoutMs: limit("ms", BODY_IDLE_TIMEOUT_MS, BODY_IDLE_LIMIT_MS, "between two parts of a body; then 408"),
  requestTimeoutMs: limit("ms", REQUEST_TIMEOUT_MS, REQUEST_TIMEOUT_LIMIT_MS, "for a whole body; then 408"),
  idleTimeoutMs: limit("ms", KEEP_ALIVE_IDLE_MS, IDLE_TIMEOUT_LIMIT_MS, "between two requests; then closed"),
  streamIdleTimeoutMs: limit("ms", STREAM_IDLE_MS, STREAM_IDLE_LIMIT_MS, "no byte of a request either way; then 504"),
  tunnelIdleTimeoutMs: limit("ms", TUNNEL_IDLE_MS, TUNNEL_IDLE_LIMIT_MS, "no byte of a tunnel; then cut"),
  connectionRequestsMax: limit(
    "n",
    REQUESTS_PER_CONNECTION_MAX,
    CONNECTION_REQUESTS_LIMIT,
    "requests of a connection; the last closes it",
  ),
  requestsMax: limit("n", REQUESTS_MAX, REQUESTS_LIMIT, "requests under way in the proxy; beyond: 503"),
  connectionsMax: limit("n", CONNECTIONS_PER_LISTENER_MAX, CONNECTIONS_LIMIT, "connections of a listener; beyond: 503"),
  clientConnectionsMax: limit(
    "n",
    0,
    CLIENT_CONNECTIONS_LIMIT,
    "of them, from one address, in each worker; beyond: 503",
  ),
} as const satisfies Record<string, ProxyLimit>;

export type ProxyLimitName = keyof typeof PROXY_LIMITS;

/** The values in force, 0 for "none". */
export type ProxyLimitValues = Readonly<Record<ProxyLimitName, number>>;

/** As flags and variables bring them; undefined or "" is the default. */
export type ProxyLimitSettings = { readonly [name in ProxyLimitName]?: string | undefined };

// The table has no other keys than these.
export const PROXY_LIMIT_NAMES = Object.keys(PROXY_LIMITS) as ProxyLimitName[];

/** `headBytesMax` -> `head-bytes-max`. */
export function limitFlag(name: ProxyLimitName): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/** `1024 .. 1048576 bytes`. */
export function describeRange(name: ProxyLimitName): string {
  const { min, max, unit }: ProxyLimit = PROXY_LIMITS[name];
  return `${min} .. ${max}${unit === "n" ? "" : ` ${unit}`}${min === 0 ? ", 0 for none" : ""}`;
}

/** What the settings come to; each that is no number of its range goes to `found`. */
export function readProxyLimits(settings: ProxyLimitSettings, found: Violation[]): ProxyLimitValues {
  const values: { [name in ProxyLimitName]?: number } = {};
  for (const name of PROXY_LIMIT_NAMES) values[name] = readLimit(name, settings[name] ?? "", found);
  // Every name has been set.
  return values as ProxyLimitValues;
}

function readLimit(name: ProxyLimitName, text: string, found: Violation[]): number {
  const { min, max, default: fallback }: ProxyLimit = PROXY_LIMITS[name];
  if (text === "") return fallback;
  const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= min && value <= max) return value;
  found.push(violation(`--${limitFlag(name)}`, `"${text}" is not a whole number in ${describeRange(name)}`));
  return fallback;
}

function limit(unit: ProxyLimit["unit"], byDefault: number, range: Range, words: string): ProxyLimit {
  return { ...range, unit, default: byDefault, words };
}
