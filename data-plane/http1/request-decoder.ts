/**
 * Decodes the requests of one downstream connection, one after the other; whatever http1.md refuses fails here.
 *
 *     reset ─▶ head ─▶ body ─▶ done ─▶ reset ...        any ─▶ failed, for good: the connection must close
 */

import { type Authority, type Scheme, parseAuthority } from "./authority.ts";
import { BodyDecoder } from "./body-decoder.ts";
import { CODEC_LIMITS, type CodecLimits } from "./codec-limits.ts";
import { ConnectionOptions } from "./connection-options.ts";
import { listMembers } from "./chars.ts";
import {
  BAD_HOST,
  BODY_TOO_LARGE,
  CONNECT_REFUSED,
  CONNECT_WITH_BODY,
  HOST_DIFFERS,
  HOST_MISSING,
  HOST_REPEATED,
  HTTP2_PREFACE,
  TRACE_REFUSED,
  UNDERSCORE_IN_NAME,
  UNKNOWN_EXPECTATION,
  UNSUPPORTED_VERSION,
} from "./failures.ts";
import { decimalLength, framingFailure } from "./framing.ts";
import { HeadReader } from "./head-reader.ts";
import { type BodySink, type CodecFailure, type HeaderList, RequestHead, type Step } from "./message.ts";
import { MessageFields, type UnderscorePolicy } from "./message-fields.ts";
import type { PathMode } from "./path-mode.ts";
import { RequestLine } from "./request-line.ts";
import { type TargetRules, readTarget } from "./request-target.ts";

export interface RequestDecoderOptions {
  readonly limits?: CodecLimits;
  /** What the connection is: absolute targets must name the same scheme (R2). */
  readonly scheme?: Scheme;
  /** Let CONNECT through to the routes instead of answering 405 (H4). */
  readonly allowConnect?: boolean;
  /** Lower-case protocols that may be switched to (H3); by default WebSocket alone. Any other Upgrade is left out. */
  readonly upgrades?: ReadonlySet<string>;
  readonly pathMode?: PathMode;
  readonly underscores?: UnderscorePolicy;
}

/** Nothing of the message is known yet; nobody writes to it. */
const NO_HEAD = new RequestHead();
const UPGRADES: ReadonlySet<string> = new Set(["websocket"]);

export class RequestDecoder {
  /** What the last {@link read} came to. */
  step: Step = "need-more";
  /**
   * The message being decoded: complete from the step "head" on. A new object per request. Of a head that is refused it has
   * what was read before the reason was found, in this order: method, authority, path, fields.
   */
  head = NO_HEAD;
  /** Set with the step "failed". */
  failure: CodecFailure | undefined = undefined;

  readonly #rules: TargetRules;
  readonly #upgrades: ReadonlySet<string>;
  readonly #allowConnect: boolean;
  readonly #line: RequestLine;
  readonly #reader: HeadReader;
  readonly #fields: MessageFields;
  readonly #connection = new ConnectionOptions();
  readonly #body: BodyDecoder;
  readonly #bodyBytesMax: number;
  #inHead = true;
  /** The last Host and what it means: clients send the same one on a connection again and again. */
  #hostText = "";
  #host: Authority | undefined = undefined;

  constructor(options: RequestDecoderOptions = {}) {
    const limits = options.limits ?? CODEC_LIMITS;
    const pathMode = options.pathMode ?? "reject";
    this.#rules = { scheme: options.scheme ?? "http", pathMode };
    this.#upgrades = options.upgrades ?? UPGRADES;
    this.#fields = new MessageFields(options.underscores);
    this.#allowConnect = options.allowConnect ?? false;
    this.#line = new RequestLine(limits.requestLineBytesMax, limits.methodBytesMax, pathMode !== "reject");
    this.#reader = new HeadReader(this.#line, limits);
    this.#body = new BodyDecoder(limits.bodyBytesMax);
    this.#bodyBytesMax = limits.bodyBytesMax;
  }

  /** Whether any byte of the present message has come; the empty line that may precede one is not of it. */
  get started(): boolean {
    return !this.#inHead || this.#reader.length > this.#line.methodStart;
  }

  /** The allowed trailers of a chunked body, once "done". */
  get trailers(): HeaderList {
    return this.#body.trailers;
  }

  /** Makes ready for the next request of the connection. */
  reset(): void {
    this.step = "need-more";
    this.failure = undefined;
    this.head = NO_HEAD;
    this.#inHead = true;
    this.#reader.reset();
  }

  // Hot: per chunk of every connection.
  /**
   * Reads `bytes[start, end)` and returns the offset after what it used; {@link step} says what it came to. What it used
   * is its own: it may move the data of chunks together there.
   * - "need-more": all was used.
   * - "head": the head is complete and nothing of the body is used; read again, with the rest, for the body.
   * - "done": the message is complete (at once, for one without a body); the next begins at the returned offset.
   * - "failed": {@link failure} says why.
   */
  read(bytes: Buffer, start: number, end: number, sink: BodySink): number {
    if (this.step === "failed" || this.step === "done") return start;
    if (this.#inHead) return this.#readHead(bytes, start, end);
    const body = this.#body;
    const stop = body.read(bytes, start, end, sink);
    if (body.complete) this.step = "done";
    else if (body.failure === undefined) this.step = "need-more";
    else this.#fail(body.failure);
    return stop;
  }

  #readHead(bytes: Buffer, start: number, end: number): number {
    const reader = this.#reader;
    const stop = reader.read(bytes, start, end);
    const failure = reader.complete ? this.#finishHead() : reader.failure;
    if (failure !== undefined) this.#fail(failure);
    else this.step = reader.complete ? "head" : "need-more";
    return stop;
  }

  #finishHead(): CodecFailure | undefined {
    const text = this.#reader.takeText();
    const line = this.#line;
    const head = new RequestHead();
    this.head = head;
    head.method = text.slice(line.methodStart, line.methodEnd);
    const target = text.slice(line.methodEnd + 1, line.targetEnd);
    const { major, minor } = line.version;
    if (major === 2 && head.method === "PRI" && target === "*") return HTTP2_PREFACE;
    if (major !== 1) return UNSUPPORTED_VERSION;
    // HTTP/1.2 to 1.9 are read as 1.1 (F25).
    head.minorVersion = minor === 0 ? 0 : 1;
    this.#fields.collect(this.#reader.fields, text);
    if (this.#fields.hasRefusedName) return UNDERSCORE_IN_NAME;
    const failure =
      framingFailure(this.#fields, head.minorVersion) ??
      this.#setAuthority(head, target) ??
      this.#methodFailure(head.method) ??
      this.#setHopFields(head);
    if (failure !== undefined) return failure;
    // Last: what is wrong with the head would be wrong with a smaller body, too.
    if (head.contentLength > this.#bodyBytesMax) return BODY_TOO_LARGE;
    this.#inHead = false;
    this.#body.start(head.framing, head.contentLength);
    return undefined;
  }

  #setAuthority(head: RequestHead, target: string): CodecFailure | undefined {
    const { hostCount, host } = this.#fields;
    if (hostCount > 1) return HOST_REPEATED;
    if (hostCount === 0 && head.minorVersion === 1) return HOST_MISSING;
    if (hostCount === 1 && host !== this.#hostText) {
      this.#host = parseAuthority(host, this.#rules.scheme);
      this.#hostText = host;
    }
    const own = hostCount === 1 ? this.#host : undefined;
    if (hostCount === 1 && own === undefined) return BAD_HOST;
    if (own !== undefined) {
      head.authority = own.authority;
      head.hostname = own.hostname;
    }
    const failure = readTarget(head, target, this.#rules);
    if (failure !== undefined) return failure;
    // The target may have replaced the authority: it must then say what Host says.
    if (own === undefined || own.authority === head.authority) return undefined;
    // A Host without the port is common beside CONNECT, whose target always has one.
    return head.form === "authority" && own.authority === head.hostname ? undefined : HOST_DIFFERS;
  }

  #methodFailure(method: string): CodecFailure | undefined {
    if (method === "TRACE") return TRACE_REFUSED;
    if (method !== "CONNECT") return undefined;
    if (!this.#allowConnect) return CONNECT_REFUSED;
    const framed = this.#fields.transferEncodingCount + this.#fields.contentLengthCount > 0;
    // What follows a CONNECT is the tunnel: a body would have two readings.
    return framed ? CONNECT_WITH_BODY : undefined;
  }

  #setHopFields(head: RequestHead): CodecFailure | undefined {
    const fields = this.#fields;
    const connection = this.#connection;
    connection.read(fields.connection);
    head.headers = connection.strip(fields.headers);
    head.keepAlive = connection.keepsAlive(head.minorVersion);
    if (fields.transferEncodingCount > 0) head.framing = "chunked";
    else if (fields.contentLengthCount > 0) {
      head.framing = "length";
      head.contentLength = decimalLength(fields.contentLength);
    }
    if (fields.te !== undefined) head.acceptsTrailers = listMembers(fields.te.toLowerCase()).includes("trailers");
    if (fields.upgrade !== undefined && connection.upgrade && head.minorVersion === 1) {
      head.upgrade = this.#listedUpgrade(head, fields.upgrade.toLowerCase());
    }
    // RFC 9110 10.1.1: an expectation in an HTTP/1.0 request is ignored.
    if (fields.expect === undefined || head.minorVersion === 0) return undefined;
    if (fields.expect.toLowerCase() !== "100-continue") return UNKNOWN_EXPECTATION;
    head.expectsContinue = head.framing === "chunked" || head.contentLength > 0;
    return undefined;
  }

  /** The first protocol of the list that may be switched to. Not with a body: where the tunnel begins has to be plain. */
  #listedUpgrade(head: RequestHead, offered: string): string {
    const isBodiless = head.framing === "none" || head.contentLength === 0;
    if (!isBodiless || head.method === "CONNECT") return "";
    return listMembers(offered).find((protocol) => this.#upgrades.has(protocol)) ?? "";
  }

  #fail(failure: CodecFailure): void {
    this.failure = failure;
    this.step = "failed";
  }
}
