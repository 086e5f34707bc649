/**
 * An HTTP/1.1 message as the proxy understands it. The codec turns bytes into these and never forwards received bytes of
 * a head: what leaves is written anew from them (http1.md, rule zero).
 */

/** Flat `[name, value, name, value, ...]`: names in lower case, values trimmed, the order of the lines kept. */
export type HeaderList = string[];

/** The trailers of nearly every message; nobody writes to it. */
export const NO_TRAILERS: HeaderList = [];

/** How the end of a body is known. */
export type BodyFraming = "none" | "length" | "chunked" | "until-close";

/** Set once by the codec, never changed. A class, so that every instance has one hidden class. */
export class RequestHead {
  /** As received: a case-sensitive token. */
  method = "";
  form: "origin" | "absolute" | "authority" | "asterisk" = "origin";
  /** The one canonical path (http1.md R6), without the query: for routing, authorization, logs and the upstream. */
  path = "";
  /** "" or "?" and the rest, as received. Both are "" in authority form; the path is "*" in asterisk form. */
  query = "";
  /**
   * Canonical host and port: lower case, without the default port of the scheme and one trailing dot (R7). "" only for
   * an HTTP/1.0 request that names no host.
   */
  authority = "";
  /** `authority` without any port. */
  hostname = "";
  minorVersion: 0 | 1 = 1;
  /**
   * End-to-end headers only. Not in it: Host, Connection and what it names (H1, H2), Keep-Alive, Proxy-Connection,
   * Proxy-Authorization, Proxy-Authenticate, TE, Trailer, Transfer-Encoding, Content-Length, Upgrade, Expect.
   */
  headers: HeaderList = [];
  framing: BodyFraming = "none";
  /** Bytes of the body when `framing` is "length" (0 when the client wrote `Content-Length: 0`); else -1. */
  contentLength = -1;
  /** The client lets the connection live on after the response. */
  keepAlive = true;
  expectsContinue = false;
  /** Lower-case protocol of an Upgrade that Connection names and that may be switched to, or "". */
  upgrade = "";
  /** The client accepts trailers (`TE: trailers`). */
  acceptsTrailers = false;
}

export class ResponseHead {
  /** 100-599. */
  status = 0;
  reason = "";
  minorVersion: 0 | 1 = 1;
  /** End-to-end headers only, as in {@link RequestHead.headers}. */
  headers: HeaderList = [];
  framing: BodyFraming = "none";
  /**
   * Bytes of the body when `framing` is "length". With "none" it is what a bodiless response says of the body it stands
   * for (HEAD, 304), to be passed on; -1 when it says nothing.
   */
  contentLength = -1;
  /** The upstream lets the connection live on after this response. */
  keepAlive = true;
  /** Seconds of a `Keep-Alive: timeout=`, or 0. */
  keepAliveTimeoutSec = 0;
  /** Lower-case protocol of a 101, else "". */
  upgrade = "";
}

/** Why a message is refused: the status to answer with, a stable code for logs and metrics, the rule of http1.md. */
export interface CodecFailure {
  readonly status: 400 | 405 | 408 | 413 | 414 | 417 | 431 | 501 | 502 | 505;
  readonly code: string;
  readonly rule: string;
}

/** Where a decoder takes its bytes to; `bytes.subarray(start, end)` may be kept only until the call returns, or copied. */
export interface BodySink {
  onBody(bytes: Buffer, start: number, end: number): void;
}

/** What one step of a decoder came to. */
export type Step = "need-more" | "head" | "done" | "failed";
