/**
 * Writes heads and chunk lines anew from typed parts (http1.md, rule zero). The texts are Latin-1: write them with
 * `socket.write(text, "latin1")`.
 *
 * Decoded parts need no check here: the decoder let no control character through. Whatever we make ourselves from data
 * goes through {@link headerLine} once (response splitting, http1.md 4), so that the hot path only joins strings.
 */

import { isFieldValue, isToken } from "./chars.ts";
import type { BodyFraming } from "./message.ts";

export interface RequestHeadParts {
  readonly method: string;
  /** Path and query, or "*", or the authority for CONNECT. */
  readonly target: string;
  readonly authority: string;
  /** Flat, as a HeaderList. */
  readonly headers: readonly string[];
  readonly framing: BodyFraming;
  /** Counts with the framing "length". */
  readonly contentLength: number;
  /** Lines of our own, each from {@link headerLine}. */
  readonly extraLines: string;
  /** Whether the connection shall live on after this exchange. */
  readonly keepAlive: boolean;
  /** We take trailers from the upstream: `TE: trailers`. */
  readonly acceptsTrailers: boolean;
  readonly expectsContinue: boolean;
  /** The protocol to switch to, or "". */
  readonly upgrade: string;
}

export interface ResponseHeadParts {
  readonly status: number;
  readonly reason: string;
  readonly headers: readonly string[];
  readonly framing: BodyFraming;
  /** Written with the framing "length", and with "none" when it is not negative (HEAD, 304). */
  readonly contentLength: number;
  readonly extraLines: string;
  readonly keepAlive: boolean;
  /** The client speaks HTTP/1.0: it takes no persistence for granted. */
  readonly toHttp10: boolean;
  readonly upgrade: string;
}

const CRLF = "\r\n";
const HEX = 16;

/** One `name: value` line with its CRLF for `extraLines`, or `undefined` if a byte in it could end the line or is beyond Latin-1. */
export function headerLine(name: string, value: string): string | undefined {
  return isToken(name) && isFieldValue(value) ? `${name.toLowerCase()}: ${value}${CRLF}` : undefined;
}

// Hot: once per request. Plain concatenation makes one rope that is flattened by the write.
export function requestHeadText(parts: RequestHeadParts): string {
  let text = `${parts.method} ${parts.target} HTTP/1.1${CRLF}host: ${parts.authority}${CRLF}`;
  text += fieldLines(parts.headers) + parts.extraLines + framingLine(parts.framing, parts.contentLength);
  if (parts.expectsContinue) text += "expect: 100-continue\r\n";
  return text + requestConnectionLines(parts) + CRLF;
}

// Hot: once per response.
export function responseHeadText(parts: ResponseHeadParts): string {
  let text = `HTTP/1.1 ${parts.status} ${parts.reason}${CRLF}`;
  text += fieldLines(parts.headers) + parts.extraLines;
  const mayFrame = parts.status >= 200 && parts.status !== 204;
  if (mayFrame && parts.framing === "none" && parts.contentLength >= 0)
    text += framingLine("length", parts.contentLength);
  else if (mayFrame) text += framingLine(parts.framing, parts.contentLength);
  if (parts.upgrade !== "") text += `connection: upgrade${CRLF}upgrade: ${parts.upgrade}${CRLF}`;
  else if (parts.status >= 200) text += responseConnectionLine(parts);
  return text + CRLF;
}

/** The line before `size` bytes of data; {@link CHUNK_END} follows the data. `size` is above 0: 0 would end the body. */
export function chunkHeadText(size: number): string {
  return size.toString(HEX) + CRLF;
}

export const CHUNK_END = CRLF;

/** The last chunk with its trailers. */
export function lastChunkText(trailers: readonly string[]): string {
  return trailers.length === 0 ? "0\r\n\r\n" : `0${CRLF}${fieldLines(trailers)}${CRLF}`;
}

// Hot. A rope that grows at its right end is the one that V8 flattens fastest (12% against a template per line).
function fieldLines(headers: readonly string[]): string {
  let text = "";
  // The list holds whole pairs, hence the `!`.
  for (let i = 0; i < headers.length; i += 2) text = text + headers[i]! + ": " + headers[i + 1]! + CRLF;
  return text;
}

function framingLine(framing: BodyFraming, contentLength: number): string {
  if (framing === "length") return `content-length: ${contentLength}${CRLF}`;
  return framing === "chunked" ? "transfer-encoding: chunked\r\n" : "";
}

function requestConnectionLines(parts: RequestHeadParts): string {
  let options = parts.keepAlive ? "" : "close";
  if (parts.acceptsTrailers) options += options === "" ? "te" : ", te";
  if (parts.upgrade !== "") options += options === "" ? "upgrade" : ", upgrade";
  let text = options === "" ? "" : `connection: ${options}${CRLF}`;
  if (parts.acceptsTrailers) text += "te: trailers\r\n";
  if (parts.upgrade !== "") text += `upgrade: ${parts.upgrade}${CRLF}`;
  return text;
}

function responseConnectionLine(parts: ResponseHeadParts): string {
  if (!parts.keepAlive) return "connection: close\r\n";
  return parts.toHttp10 ? "connection: keep-alive\r\n" : "";
}
