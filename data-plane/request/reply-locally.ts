import type { RespondAction } from "../../shared/model/route.ts";
import type { CodecFailure, HeaderList } from "../http1/message.ts";
import { headerLine, responseHeadText } from "../http1/write-head.ts";
import type { StoredResponse } from "../policy/response-cache.ts";
import { isCutOff } from "../policy/retry-refusal.ts";
import type { RedirectRuntime } from "../runtime/runtime.ts";
import { LOCAL_REPLIES, reasonPhrase, type LocalReason } from "./local-reply.ts";
import { ALLOW_LINE } from "./max-forwards.ts";
import { hearRefusal, hopLines, OVERLOADED_LINE } from "./hop-words.ts";
import type { RequestContext } from "./request-context.ts";

const NO_HEADERS: HeaderList = [];
/** Room comes as others leave: soon (RFC 9110 10.2.3 counts in seconds). */
const ROOM_AFTER_SEC = 1;
const JSON_TYPE = "content-type: application/json\r\n";
const TEXT_PLAIN = "content-type: text/plain; charset=utf-8\r\n";

/** Answers by ourselves. Returns whether the connection lives on. */
export function replyLocally(ctx: RequestContext, why: LocalReason | CodecFailure): boolean {
  note(ctx, why);
  hearRefusal(ctx, isForLackOfRoom(why));
  const status = typeof why === "string" ? LOCAL_REPLIES[why].status : why.status;
  const code = typeof why === "string" ? why : why.code;
  const sentence = typeof why === "string" ? LOCAL_REPLIES[why].sentence : "the request is not acceptable";
  const lines = `x-heddle-error: ${code}\r\n${linesAbout(ctx, why, status)}`;
  if (why === "circuit-open")
    return write(ctx, { status, extraLines: `${lines}${JSON_TYPE}`, body: circuitOpenBody(ctx) });
  return write(ctx, { status, extraLines: `${lines}${TEXT_PLAIN}`, body: `heddle: ${sentence} (${code})\n` });
}

/** Whether the request was kept away for the sake of whom it was for. */
function isForLackOfRoom(why: LocalReason | CodecFailure): boolean {
  return why === "circuit-open" || why === "overflow" || why === "load-shed";
}

function linesAbout(ctx: RequestContext, why: LocalReason | CodecFailure, status: number): string {
  // RFC 9110 15.5.6: a 405 says what is allowed.
  if (status === 405) return ALLOW_LINE;
  if (why === "load-shed") {
    return retryAfterLine(Math.ceil(ctx.services.shedder.restMs(ctx.startMs) / 1_000)) + OVERLOADED_LINE;
  }
  if (isForLackOfRoom(why)) return OVERLOADED_LINE;
  return why === "overload" ? retryAfterLine(ROOM_AFTER_SEC) : "";
}

function retryAfterLine(seconds: number): string {
  return `retry-after: ${seconds}\r\n`;
}

/** For programs, with the reason of the seeds (F0.5, semantics.md 4). */
function circuitOpenBody({ destination }: RequestContext): string {
  return `${JSON.stringify({ error: "circuit-open", service: destination, reason: "Too many failures" })}\n`;
}

/** `lines` say when it is worth another try. */
export function replyRateLimited(ctx: RequestContext, lines: string): boolean {
  note(ctx, "rate-limited");
  const { status, sentence } = LOCAL_REPLIES["rate-limited"];
  const extraLines = `x-heddle-error: rate-limited\r\n${lines}${TEXT_PLAIN}`;
  return write(ctx, { status, extraLines, body: `heddle: ${sentence} (rate-limited)\n` });
}

/** Answers with the status of a fault (Envoy's flag FI). */
export function replyFault(ctx: RequestContext, status: number): boolean {
  note(ctx, "fault-injected");
  const { sentence } = LOCAL_REPLIES["fault-injected"];
  const extraLines = `x-heddle-error: fault-injected\r\n${TEXT_PLAIN}`;
  return write(ctx, { status, extraLines, body: `heddle: ${sentence} (fault-injected)\n` });
}

/** A response that has begun can not be completed, and no other can take its place. Always undefined: cut. */
export function replyBroken(ctx: RequestContext, why: LocalReason | CodecFailure): undefined {
  note(ctx, why);
  return undefined;
}

export function replyRedirect(ctx: RequestContext, action: RedirectRuntime): boolean {
  // The location is made from what the client sent: never without a look at its bytes (response splitting).
  const line = headerLine("location", action.location(ctx.head));
  if (line === undefined) return replyLocally(ctx, "internal");
  return write(ctx, { status: action.status, extraLines: line, body: "" });
}

/** The answer to an OPTIONS that may not be passed on. */
export function replyOptions(ctx: RequestContext): boolean {
  ctx.detail = "max-forwards";
  return write(ctx, { status: 200, extraLines: ALLOW_LINE, body: "" });
}

export function replyDirectly(ctx: RequestContext, action: RespondAction): boolean {
  ctx.detail = "direct-response";
  return write(ctx, { status: action.status, extraLines: action.body === "" ? "" : TEXT_PLAIN, body: action.body });
}

/** The static body of a fallback: an answer, not an error, so that the caller goes on (seed F2.49). */
export function replyStatic(ctx: RequestContext, body: string): boolean {
  ctx.fallback = "static";
  return write(ctx, {
    status: 200,
    extraLines: "x-heddle-fallback: static\r\ncontent-type: application/json\r\n",
    body,
  });
}

/** The last good answer. It says that it is one, and how old (RFC 9111 5.1). */
export function replyStored(ctx: RequestContext, { headers, body, storedMs, ageMs }: StoredResponse): boolean {
  ctx.fallback = "cached";
  const ageSec = Math.floor((ctx.services.clock.nowMs() - storedMs + ageMs) / 1_000);
  return write(ctx, { status: 200, headers, extraLines: `age: ${ageSec}\r\nx-heddle-fallback: cached\r\n`, body });
}

/** Why the proxy answers in place of the service, or answers that somebody else does. */
export function note(ctx: RequestContext, why: LocalReason | CodecFailure): void {
  ctx.flag = typeof why === "string" ? LOCAL_REPLIES[why].flag : why.status === 502 ? "UPE" : "DPE";
  ctx.detail = typeof why === "string" ? why : why.code;
  // The cause stays in the detail.
  if (isCutOff(ctx.retryRefusal)) ctx.flag = "URX";
}

interface Reply {
  readonly status: number;
  /** Of a stored answer; ours are in `extraLines`. */
  readonly headers?: HeaderList;
  readonly extraLines: string;
  readonly body: string | Buffer;
}

function write(ctx: RequestContext, { status, headers = NO_HEADERS, extraLines, body }: Reply): boolean {
  const { head, downstream } = ctx;
  const isBodiless = status === 204 || status === 304;
  const bytes = Buffer.from(body);
  const keepAlive = head.keepAlive && downstream.mayLiveOn && ctx.body.isComplete;
  ctx.status = status;
  downstream.writer.text(
    responseHeadText({
      status,
      reason: reasonPhrase(status),
      headers,
      framing: isBodiless ? "none" : "length",
      contentLength: isBodiless ? -1 : bytes.length,
      extraLines: extraLines + hopLines(ctx, status, headers),
      keepAlive,
      toHttp10: head.minorVersion === 0,
      upgrade: "",
    }),
  );
  if (!isBodiless && head.method !== "HEAD") {
    downstream.writer.bytes(bytes, 0, bytes.length);
    ctx.bytesSent = bytes.length;
  }
  return keepAlive;
}
