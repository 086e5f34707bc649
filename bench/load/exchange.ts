import { connect, type Socket } from "node:net";

import { ChunkedBody } from "./chunked-body.ts";
import type { Target } from "./order.ts";
import { idText, PayloadCheck } from "./payload.ts";
import type { RequestTemplate } from "./shapes.ts";

const HEAD_END = "\r\n\r\n";
const HEAD_BYTES_MAX = 16 * 1024;
/** The id in the response's field is looked for in every so many responses; the id in its body in all. */
const SAMPLE = 16;
const READ_BYTES = 64 * 1024;
/** Shared: each read is digested before the next. */
const readBuffer = Buffer.allocUnsafe(READ_BYTES);

export interface ExchangeEvents {
  onConnected(exchange: Exchange): void;
  onAnswered(exchange: Exchange): void;
  /** The answer was not the one of the request, or none came: the run has failed. */
  onFailed(reason: string): void;
}

/** One connection that carries one request at a time and checks each response: status, length, id, every byte. */
export class Exchange {
  /** For the caller: when the request in flight was due. */
  dueMs = 0;
  /** Reads pause for this long per byte; 0: never. */
  pauseMsPerByte = 0;
  readonly #socket: Socket;
  readonly #template: RequestTemplate;
  readonly #request: Buffer;
  readonly #events: ExchangeEvents;
  readonly #check = new PayloadCheck();
  readonly #chunks = new ChunkedBody();
  #id = "";
  #isChunked = false;
  #state: "idle" | "head" | "body" = "idle";
  #head: Buffer = Buffer.alloc(0);
  #isClosed = false;

  constructor(target: Target, template: RequestTemplate, events: ExchangeEvents) {
    this.#template = template;
    this.#request = Buffer.from(template.bytes);
    this.#events = events;
    this.#socket = connect({
      port: target.port,
      host: "127.0.0.1",
      noDelay: true,
      onread: { buffer: readBuffer, callback: (bytes) => this.#onRead(bytes) },
    });
    this.#socket.on("connect", () => events.onConnected(this));
    this.#socket.on("error", (error) => this.#fail(error.message));
    this.#socket.on("close", () => this.#fail("the proxy closed the connection"));
  }

  /** Only when no request is in flight. */
  send(id: number): void {
    this.#id = idText(id);
    for (const offset of this.#template.idOffsets) this.#request.write(this.#id, offset, "latin1");
    this.#state = "head";
    this.#socket.write(this.#request);
  }

  close(): void {
    this.#isClosed = true;
    this.#socket.destroy();
  }

  #onRead(count: number): boolean {
    if (this.#isClosed) return false;
    try {
      this.#read(readBuffer.subarray(0, count));
    } catch (error) {
      this.#fail(String(error));
    }
    if (this.pauseMsPerByte === 0) return true;
    setTimeout(() => this.#socket.resume(), count * this.pauseMsPerByte);
    return false;
  }

  #isIdle(): boolean {
    return this.#state === "idle";
  }

  #read(piece: Buffer): void {
    if (this.#isIdle()) return this.#fail(`bytes without a request: ${piece.toString("latin1", 0, 100)}`);
    const at = this.#state === "head" ? this.#readHead(piece) : this.#readBody(piece, 0);
    if (at < piece.length && this.#isIdle()) this.#fail("more bytes than one response");
    if (!this.#isIdle() || this.#isClosed) return;
    if (!this.#check.isWhole) this.#fail("a body of another request, or not whole");
    else this.#events.onAnswered(this);
  }

  #readHead(piece: Buffer): number {
    const before = this.#head.length;
    const bytes = before === 0 ? piece : Buffer.concat([this.#head, piece]);
    const end = bytes.indexOf(HEAD_END);
    if (end < 0) {
      // A copy: the read buffer is used again.
      this.#head = Buffer.from(bytes);
      if (bytes.length > HEAD_BYTES_MAX) this.#fail("a response head without an end");
      return piece.length;
    }
    this.#head = this.#head.subarray(0, 0);
    this.#onHead(bytes.toString("latin1", 0, end + 2));
    return this.#readBody(piece, end + HEAD_END.length - before);
  }

  #onHead(head: string): void {
    const { responseBytes } = this.#template;
    this.#isChunked = /\r\ntransfer-encoding: *chunked\r\n/i.test(head);
    const length = /\r\ncontent-length: *(\d+)\r\n/i.exec(head)?.[1];
    if (!head.startsWith("HTTP/1.1 200 ") || (!this.#isChunked && Number(length) !== responseBytes))
      this.#fail(`not the response of the upstream: ${head.slice(0, 300)}`);
    if (Number(this.#id) % SAMPLE === 0 && !new RegExp(`\\r\\nx-bench-id: *${this.#id}\\r\\n`, "i").test(head))
      this.#fail(`the response of another request than ${this.#id}: ${head.slice(0, 300)}`);
    this.#state = "body";
    this.#chunks.begin();
    this.#check.begin(this.#id, responseBytes);
  }

  #readBody(piece: Buffer, from: number): number {
    if (this.#isChunked) {
      const at = this.#chunks.read(piece, from, this.#check.take);
      if (this.#chunks.isDone) this.#state = "idle";
      return at;
    }
    const to = Math.min(piece.length, from + this.#template.responseBytes - this.#check.received);
    this.#check.take(piece, from, to);
    if (this.#check.received === this.#template.responseBytes) this.#state = "idle";
    return to;
  }

  #fail(reason: string): void {
    if (this.#isClosed) return;
    this.close();
    this.#events.onFailed(reason);
  }
}
