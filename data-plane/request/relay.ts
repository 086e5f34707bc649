import type { BodyFraming, HeaderList, RequestHead, ResponseHead } from "../http1/message.ts";
import { CHUNK_END, chunkHeadText, lastChunkText, responseHeadText } from "../http1/write-head.ts";
import { hopLines } from "./hop-words.ts";
import type { RequestContext } from "./request-context.ts";

const NO_TRAILERS: HeaderList = [];

/** Passes a 1xx on at once; HTTP/1.0 knows none (RFC 9110 15.2). */
export function relayInformational(ctx: RequestContext, head: ResponseHead): void {
  if (ctx.head.minorVersion === 0) return;
  ctx.downstream.writer.text(headText(ctx, head, "none", true));
  ctx.downstream.flush();
}

/**
 * Writes the head of the response; from here on there is no retry, and no other answer. `isCutShort`: the request is still
 * coming, and nobody wants the rest of it.
 */
export function beginResponse(ctx: RequestContext, head: ResponseHead, isCutShort: boolean): void {
  const framing = framingFor(ctx.head, head);
  ctx.status = head.status;
  ctx.responseFraming = framing;
  ctx.keepsAlive = ctx.head.keepAlive && ctx.downstream.mayLiveOn && framing !== "until-close" && !isCutShort;
  ctx.downstream.writer.text(headText(ctx, head, framing, ctx.keepsAlive));
}

/** Writes the head after which both connections belong to another protocol. */
export function beginTunnel(ctx: RequestContext, head: ResponseHead): void {
  ctx.status = head.status;
  ctx.responseFraming = "until-close";
  ctx.downstream.writer.text(headText(ctx, head, "until-close", true));
}

// Hot: once per part of a body.
export function relayBody(ctx: RequestContext, bytes: Buffer, start: number, end: number): void {
  const { writer } = ctx.downstream;
  ctx.bytesSent += end - start;
  if (ctx.responseFraming !== "chunked") {
    writer.bytes(bytes, start, end);
    return;
  }
  writer.text(chunkHeadText(end - start));
  writer.bytes(bytes, start, end);
  writer.text(CHUNK_END);
}

/** Writes the end. Returns whether the connection lives on: not when the request is still coming. */
export function endResponse(ctx: RequestContext, trailers: HeaderList): boolean {
  if (ctx.responseFraming === "chunked") {
    ctx.downstream.writer.text(lastChunkText(ctx.head.acceptsTrailers ? trailers : NO_TRAILERS));
  }
  return ctx.keepsAlive && ctx.body.isComplete;
}

/** HTTP/1.0 has no chunks: what has no length ends with the connection there. */
function framingFor(request: RequestHead, response: ResponseHead): BodyFraming {
  if (response.framing === "none" || response.framing === "length") return response.framing;
  return request.minorVersion === 0 ? "until-close" : "chunked";
}

function headText(ctx: RequestContext, head: ResponseHead, framing: BodyFraming, keepAlive: boolean): string {
  return responseHeadText({
    status: head.status,
    reason: head.reason,
    headers: head.headers,
    framing,
    contentLength: head.contentLength,
    extraLines: hopLines(ctx, head.status, head.headers),
    keepAlive,
    toHttp10: ctx.head.minorVersion === 0,
    upgrade: head.upgrade,
  });
}
