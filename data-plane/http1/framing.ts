/** How long a body is: Content-Length and Transfer-Encoding of RFC 9112 6, read in the strictest way (F1-F9). */

import { NINE, ZERO, isToken, listMembers, trimmed } from "./chars.ts";
import {
  BAD_LENGTH,
  BAD_TRANSFER_ENCODING,
  CHUNKED_NOT_LAST,
  CHUNKED_TWICE,
  CODING_IN_HTTP_1_0,
  LENGTHS_DIFFER,
  LENGTH_AND_CHUNKED,
  LENGTH_REPEATED,
  UNKNOWN_CODING,
} from "./failures.ts";
import type { CodecFailure } from "./message.ts";
import type { MessageFields } from "./message-fields.ts";

/** Enough for 2^63; more digits are refused unread, so that a number can never overflow (F9). */
const LENGTH_DIGITS_MAX = 19;

/** What the framing fields of a head are worth, or why they are refused. */
export function framingFailure(fields: MessageFields, minorVersion: 0 | 1): CodecFailure | undefined {
  if (fields.transferEncodingCount > 0) {
    if (minorVersion === 0) return CODING_IN_HTTP_1_0;
    if (fields.contentLengthCount > 0) return LENGTH_AND_CHUNKED;
    if (fields.transferEncodingCount > 1) return CHUNKED_TWICE;
    if (fields.transferEncoding === "chunked") return undefined;
    return transferEncodingFailure(fields.transferEncoding.toLowerCase());
  }
  if (fields.contentLengthCount > 1) return fields.contentLengthsDiffer ? LENGTHS_DIFFER : LENGTH_REPEATED;
  if (fields.contentLengthCount === 1 && decimalLength(fields.contentLength) < 0) return BAD_LENGTH;
  return undefined;
}

/** The number of bytes that `text` announces, or -1 if it is not `1*DIGIT` of at most 19 digits below 2^53. */
export function decimalLength(text: string): number {
  if (text.length === 0 || text.length > LENGTH_DIGITS_MAX) return -1;
  let length = 0;
  for (let i = 0; i < text.length; i += 1) {
    const code = text.charCodeAt(i);
    if (code < ZERO || code > NINE) return -1;
    length = 10 * length + code - ZERO;
  }
  return length <= Number.MAX_SAFE_INTEGER ? length : -1;
}

function transferEncodingFailure(text: string): CodecFailure | undefined {
  const codings = listMembers(text);
  if (!codings.every(isCoding)) return BAD_TRANSFER_ENCODING;
  const chunked = codings.filter((coding) => coding === "chunked").length;
  if (chunked > 1) return CHUNKED_TWICE;
  if (codings.at(-1) !== "chunked") return CHUNKED_NOT_LAST;
  return codings.length > 1 ? UNKNOWN_CODING : undefined;
}

function isCoding(text: string): boolean {
  const [name = "", ...parameters] = text.split(";");
  return isToken(trimmed(name)) && parameters.every((parameter) => trimmed(parameter).split("=").every(isToken));
}
