import { err, ok, type Result } from "../../shared/result.ts";

/** What a node can be asked. Fields that a message leaves out have the seeds' defaults (F0, F1). */
export type Message = CallMessage | DiscoverMessage | DirectMessage;

/** A request of the app that the sidecar carries to another service. */
export interface CallMessage {
  readonly type: "call";
  readonly msgId: MessageId;
  /** The service that is called. */
  readonly service: string;
  /** The sidecar of the caller. */
  readonly proxiedBy: string;
  /** W3C `traceparent` of the caller, or "". */
  readonly traceparent: string;
  /** So many attempts fail before one succeeds. */
  readonly forceFailures: number;
  readonly usesBreaker: boolean;
  /** First wait before a retry; undefined: as the service's policy says. */
  readonly baseMs: number | undefined;
}

export interface DiscoverMessage {
  readonly type: "discover";
  readonly msgId: MessageId;
  readonly service: string;
}

/** A call with `proxy: false`: it passes the sidecar by, and comes back as it came (F1.9). */
export interface DirectMessage {
  readonly type: "direct";
  readonly message: Fields;
}

export type MessageId = number | string | null;

type Fields = Readonly<Record<string, unknown>>;

export interface BadMessage {
  readonly msgId: MessageId;
  readonly text: string;
}

const CALLER = "sidecar-a";
const CALLEE = "service-b";
const FORCE_FAILURES_MAX = 1_000_000;
const BASE_MS_MAX = 60_000;

/**
 * Reads one line: the flat message of the seeds' examples, or their envelope `{src, dest, body}`; `proxy` may stand at
 * either level (F0.7).
 */
export function readMessage(line: string): Result<Message, BadMessage> {
  const parsed = parseObject(line);
  if (parsed === undefined) return bad(null, "a message is one JSON object on one line");
  const { body = parsed } = parsed;
  if (!isObject(body)) return bad(null, `body must be an object (got ${shown(body)})`);
  const given = body["msg_id"];
  const msgId = typeof given === "number" || typeof given === "string" ? given : null;
  switch (body["type"]) {
    case "call":
      return readCall(parsed, body, msgId);
    case "discover":
      return readDiscover(body, msgId);
    case undefined:
      return bad(msgId, 'type is missing: "call" or "discover"');
    default:
      return bad(msgId, `type must be "call" or "discover" (got ${shown(body["type"])})`);
  }
}

function readCall(envelope: Fields, body: Fields, msgId: MessageId): Result<Message, BadMessage> {
  const problems: string[] = [];
  const text = (from: Fields, name: string, fallback: string): string => {
    const value = from[name] ?? fallback;
    if (typeof value === "string" && value !== "") return value;
    problems.push(`${name} must be a text (got ${shown(value)})`);
    return fallback;
  };
  const flag = (name: string): boolean => {
    const value = body[name] ?? envelope[name] ?? true;
    if (typeof value === "boolean") return value;
    problems.push(`${name} must be true or false (got ${shown(value)})`);
    return true;
  };
  const whole = (name: string, max: number): number | undefined => {
    const value = body[name];
    if (value === undefined) return undefined;
    if (typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= max) return value;
    problems.push(`${name} must be a whole number of 0-${max} (got ${shown(value)})`);
    return undefined;
  };
  const isProxied = flag("proxy");
  const message: CallMessage = {
    type: "call",
    msgId,
    service: text(body, "service", text(envelope, "dest", CALLEE)),
    proxiedBy: sidecarOf(text(envelope, "src", CALLER)),
    traceparent: typeof body["traceparent"] === "string" ? body["traceparent"] : "",
    forceFailures: whole("force_failures", FORCE_FAILURES_MAX) ?? 0,
    usesBreaker: flag("circuit_breaker"),
    baseMs: whole("base_ms", BASE_MS_MAX),
  };
  if (problems.length > 0) return bad(msgId, problems.join("; "));
  return ok(isProxied ? message : { type: "direct", message: envelope });
}

function readDiscover(body: Fields, msgId: MessageId): Result<Message, BadMessage> {
  const { service } = body;
  if (typeof service === "string" && service !== "") return ok({ type: "discover", msgId, service });
  return bad(msgId, `service must be a text (got ${shown(service)})`);
}

/** `service-x` calls through `sidecar-x`; any other name through the default. */
function sidecarOf(source: string): string {
  return source.startsWith("service-") ? `sidecar-${source.slice("service-".length)}` : CALLER;
}

function parseObject(line: string): Fields | undefined {
  try {
    const parsed: unknown = JSON.parse(line);
    return isObject(parsed) ? parsed : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function isObject(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function shown(value: unknown): string {
  const text = value === undefined ? "nothing" : JSON.stringify(value);
  return text.length > 64 ? `${text.slice(0, 61)}...` : text;
}

function bad(msgId: MessageId, text: string): Result<never, BadMessage> {
  return err({ msgId, text });
}
