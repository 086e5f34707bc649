/**
 * Decodes the responses of one upstream connection. Every failure is 502 (F24); bytes that come without a request, or
 * after "done", are the caller's matter: it must close the connection and show them to nobody (F22, F23).
 *
 *     begin ─▶ head (1xx) ─▶ ... ─▶ head (final) ─▶ body ─▶ done ─▶ begin ...
 */

import { INFORMATIONAL_RESPONSES_MAX } from "../../shared/limits.ts";
import { BodyDecoder } from "./body-decoder.ts";
import { listMembers } from "./chars.ts";
import { CODEC_LIMITS, type CodecLimits } from "./codec-limits.ts";
import { ConnectionOptions } from "./connection-options.ts";
import {
  BAD_STATUS_LINE,
  ENDED_EARLY,
  TOO_MANY_INFORMATIONAL,
  UNEXPECTED_SWITCH,
  asUpstreamFailure,
} from "./failures.ts";
import { decimalLength, framingFailure } from "./framing.ts";
import { HeadReader } from "./head-reader.ts";
import { type BodySink, type CodecFailure, type HeaderList, ResponseHead, type Step } from "./message.ts";
import { MessageFields } from "./message-fields.ts";
import { StatusLine } from "./status-line.ts";

const SWITCHING_PROTOCOLS = 101;
const KEEP_ALIVE_TIMEOUT = /(?:^|,)\s*timeout\s*=\s*"?(\d{1,6})/i;

export class ResponseDecoder {
  /** What the last {@link read} or {@link atEof} came to. */
  step: Step = "need-more";
  head = new ResponseHead();
  /** Set with the step "failed"; its status is 502. */
  failure: CodecFailure | undefined = undefined;
  /** Bytes used since {@link begin}: 0 means that a request may be sent again elsewhere (H11). */
  responseBytesSeen = 0;

  readonly #line = new StatusLine();
  readonly #reader: HeadReader;
  readonly #fields = new MessageFields();
  readonly #connection = new ConnectionOptions();
  readonly #body = new BodyDecoder();
  #inHead = true;
  #method = "";
  #upgrade = "";
  #informational = 0;

  constructor(limits: CodecLimits = CODEC_LIMITS) {
    this.#reader = new HeadReader(this.#line, limits);
  }

  /** The allowed trailers of a chunked body, once "done". */
  get trailers(): HeaderList {
    return this.#body.trailers;
  }

  /**
   * Makes ready for the response to one request. `requestedUpgrade` is the lower-case Upgrade that was sent upstream, or
   * "": without it, or with another protocol, a 101 is a failure (H3, H7).
   */
  begin(requestMethod: string, requestedUpgrade = ""): void {
    this.#method = requestMethod;
    this.#upgrade = requestedUpgrade;
    this.#informational = 0;
    this.responseBytesSeen = 0;
    this.step = "need-more";
    this.failure = undefined;
    this.#expectHead();
  }

  /** No request: what comes are the bytes of a tunnel, up to the end of the connection (CONNECT). */
  beginTunnel(): void {
    this.begin("CONNECT");
    this.#inHead = false;
    this.#body.start("until-close", -1);
  }

  // Hot: per chunk of every upstream connection.
  /**
   * Reads `bytes[start, end)` and returns the offset after what it used; {@link step} is as in the request decoder. An
   * informational response (1xx but 101) gives "head" too: read again for the next head. The body of a 101 is the
   * tunnel, up to the end of the connection.
   */
  read(bytes: Buffer, start: number, end: number, sink: BodySink): number {
    if (this.step === "failed" || this.step === "done") return start;
    const stop = this.#inHead ? this.#readHead(bytes, start, end) : this.#readBody(bytes, start, end, sink);
    this.responseBytesSeen += stop - start;
    return stop;
  }

  /** The upstream closed its side cleanly: "done" if that ends the response (H9), else "failed". */
  atEof(): Step {
    if (this.step === "failed" || this.step === "done") return this.step;
    if (!this.#inHead && this.#body.atEof()) this.step = "done";
    else this.#fail(ENDED_EARLY);
    return this.step;
  }

  #readHead(bytes: Buffer, start: number, end: number): number {
    const reader = this.#reader;
    const stop = reader.read(bytes, start, end);
    // Taken before the head is finished: after an informational one the reader is ready for the next.
    const complete = reader.complete;
    const failure = complete ? this.#finishHead() : reader.failure;
    if (failure !== undefined) this.#fail(failure);
    else this.step = complete ? "head" : "need-more";
    return stop;
  }

  #readBody(bytes: Buffer, start: number, end: number, sink: BodySink): number {
    const body = this.#body;
    const stop = body.read(bytes, start, end, sink);
    if (body.complete) this.step = "done";
    else if (body.failure === undefined) this.step = "need-more";
    else this.#fail(body.failure);
    return stop;
  }

  #expectHead(): void {
    this.#inHead = true;
    this.#reader.reset();
  }

  #finishHead(): CodecFailure | undefined {
    const text = this.#reader.takeText();
    const line = this.#line;
    const head = new ResponseHead();
    this.head = head;
    if (line.version.major !== 1 || line.status < 100 || line.status > 599) return BAD_STATUS_LINE;
    head.minorVersion = line.version.minor === 0 ? 0 : 1;
    head.status = line.status;
    head.reason = text.slice(line.reasonStart, line.reasonEnd);
    this.#fields.collect(this.#reader.fields, text);
    const failure = this.#setHopFields(head);
    if (failure !== undefined) return failure;
    if (head.status < 200 && head.status !== SWITCHING_PROTOCOLS) return this.#expectAfterInformational();
    this.#inHead = false;
    this.#body.start(head.framing, head.contentLength);
    return undefined;
  }

  #expectAfterInformational(): CodecFailure | undefined {
    this.#informational += 1;
    if (this.#informational > INFORMATIONAL_RESPONSES_MAX) return TOO_MANY_INFORMATIONAL;
    this.#expectHead();
    return undefined;
  }

  #setHopFields(head: ResponseHead): CodecFailure | undefined {
    const fields = this.#fields;
    const connection = this.#connection;
    connection.read(fields.connection);
    head.headers = connection.strip(fields.headers);
    head.keepAlive = connection.keepsAlive(head.minorVersion);
    if (fields.keepAlive !== undefined) {
      head.keepAliveTimeoutSec = Number(KEEP_ALIVE_TIMEOUT.exec(fields.keepAlive)?.[1] ?? 0);
    }
    if (head.status === SWITCHING_PROTOCOLS) {
      head.upgrade = fields.upgrade?.toLowerCase() ?? "";
      if (!connection.upgrade || !isOffered(this.#upgrade, head.upgrade)) return UNEXPECTED_SWITCH;
      head.framing = "until-close";
      head.keepAlive = false;
      return undefined;
    }
    return this.#setFraming(head);
  }

  #setFraming(head: ResponseHead): CodecFailure | undefined {
    const fields = this.#fields;
    if (this.#isBodiless(head.status)) {
      const describesBody = this.#method === "HEAD" || head.status === 304;
      if (describesBody && fields.contentLengthCount === 1) head.contentLength = decimalLength(fields.contentLength);
      return undefined;
    }
    const failure = framingFailure(fields, head.minorVersion);
    if (failure !== undefined) return failure;
    if (fields.transferEncodingCount > 0) head.framing = "chunked";
    else if (fields.contentLengthCount > 0) {
      head.framing = "length";
      head.contentLength = decimalLength(fields.contentLength);
    } else {
      head.framing = "until-close";
      head.keepAlive = false;
    }
    return undefined;
  }

  /** Whatever Content-Length and Transfer-Encoding say (H8, RFC 9112 6.3). */
  #isBodiless(status: number): boolean {
    if (status < 200 || status === 204 || status === 304 || this.#method === "HEAD") return true;
    return this.#method === "CONNECT" && status < 300;
  }

  #fail(failure: CodecFailure): void {
    this.failure = asUpstreamFailure(failure);
    this.step = "failed";
  }
}

function isOffered(offered: string, chosen: string): boolean {
  if (offered === "" || chosen === "") return false;
  return offered === chosen || listMembers(offered).includes(chosen);
}
