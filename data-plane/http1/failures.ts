/**
 * Why a message is refused: one constant per rule of http1.md (the rule number stands in each). After any of them the
 * connection closes. `code` is for logs and metrics and never changes; the client sees the status alone.
 */

import type { CodecFailure } from "./message.ts";

// Framing.
export const LENGTH_AND_CHUNKED = failure(400, "content_length_with_transfer_encoding", "F1");
export const CHUNKED_NOT_LAST = failure(400, "transfer_encoding_not_chunked_last", "F2");
export const UNKNOWN_CODING = failure(501, "transfer_coding_unknown", "F3");
export const CHUNKED_TWICE = failure(400, "transfer_encoding_repeated", "F4");
export const BAD_TRANSFER_ENCODING = failure(400, "transfer_encoding_malformed", "F5");
export const UNDERSCORE_IN_NAME = failure(400, "underscore_in_field_name", "F5");
export const SPACE_BEFORE_COLON = failure(400, "space_before_colon", "F5");
export const CODING_IN_HTTP_1_0 = failure(400, "transfer_encoding_in_http_1_0", "F6");
export const LENGTHS_DIFFER = failure(400, "content_length_differs", "F7");
export const LENGTH_REPEATED = failure(400, "content_length_repeated", "F8");
export const BAD_LENGTH = failure(400, "content_length_malformed", "F9");
export const BARE_LF = failure(400, "bare_lf", "F11");
export const BARE_CR = failure(400, "bare_cr", "F12");
export const OBS_FOLD = failure(400, "obs_fold", "F13");
export const SPACE_BEFORE_FIELDS = failure(400, "space_before_first_field", "F14");
export const BAD_VALUE_BYTE = failure(400, "control_in_field_value", "F15");
export const CONTROL_IN_NAME = failure(400, "control_in_field_name", "F15");
export const BAD_NAME = failure(400, "field_name_malformed", "F16");
export const NO_COLON = failure(400, "field_without_colon", "F16");
export const BAD_CHUNK_SIZE = failure(400, "chunk_size_malformed", "F17");
export const BAD_CHUNK_EXTENSION = failure(400, "chunk_extension_malformed", "F18");
export const CHUNK_EXTENSIONS_TOO_LARGE = failure(400, "chunk_extensions_too_large", "F18");
export const BAD_CHUNK_END = failure(400, "chunk_not_ended_by_crlf", "F19");
export const TRAILERS_TOO_LARGE = failure(431, "trailers_too_large", "F20");
export const BAD_VERSION = failure(400, "version_malformed", "F25");
export const UNSUPPORTED_VERSION = failure(505, "version_unsupported", "F25");
export const HTTP2_PREFACE = failure(400, "http2_preface", "F26");
export const BAD_METHOD = failure(400, "method_malformed", "F26");

// Target, Host and method.
export const HOST_MISSING = failure(400, "host_missing", "R1");
export const HOST_REPEATED = failure(400, "host_repeated", "R1");
export const BAD_HOST = failure(400, "host_malformed", "R1");
export const HOST_DIFFERS = failure(400, "host_differs_from_target", "R2");
export const BAD_ABSOLUTE_TARGET = failure(400, "absolute_target_malformed", "R2");
export const SCHEME_MISMATCH = failure(400, "scheme_differs_from_transport", "R2");
export const BAD_TARGET_FORM = failure(400, "target_form", "R3");
export const FRAGMENT_IN_TARGET = failure(400, "fragment_in_target", "R4");
export const BAD_TARGET_BYTE = failure(400, "target_malformed", "R5");
export const BAD_PATH = failure(400, "path_not_canonical", "R6");
export const CONNECT_REFUSED = failure(405, "connect_refused", "H4");
export const BAD_CONNECT_AUTHORITY = failure(400, "connect_authority_malformed", "H4");
export const CONNECT_WITH_BODY = failure(400, "connect_with_body", "H4");
export const TRACE_REFUSED = failure(405, "trace_refused", "H5");
export const UNKNOWN_EXPECTATION = failure(417, "expectation_unknown", "H6");

// Limits (section 5).
export const METHOD_TOO_LONG = failure(501, "method_too_long", "5");
export const REQUEST_LINE_TOO_LONG = failure(414, "request_line_too_long", "5");
export const HEAD_TOO_LARGE = failure(431, "head_too_large", "5");
export const TOO_MANY_FIELDS = failure(431, "too_many_fields", "5");
export const BODY_TOO_LARGE = failure(413, "body_too_large", "5");

// Responses only.
export const BAD_STATUS_LINE = failure(502, "status_line_malformed", "F24");
export const ENDED_EARLY = failure(502, "upstream_ended_early", "F24");
export const TOO_MANY_INFORMATIONAL = failure(502, "too_many_informational_responses", "H7");
export const UNEXPECTED_SWITCH = failure(502, "unexpected_switching_protocols", "H7");

const ofUpstream = new Map<CodecFailure, CodecFailure>();

/** The same failure when an upstream's response shows it: always 502 (F24), with the same code and rule. */
export function asUpstreamFailure(cause: CodecFailure): CodecFailure {
  let found = ofUpstream.get(cause);
  if (found === undefined) {
    found = failure(502, cause.code, cause.rule);
    ofUpstream.set(cause, found);
  }
  return found;
}

function failure(status: CodecFailure["status"], code: string, rule: string): CodecFailure {
  return Object.freeze({ status, code, rule });
}
