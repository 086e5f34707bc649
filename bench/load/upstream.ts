import { createServer, type AddressInfo, type Socket } from "node:net";

import { chunked, ChunkedBody } from "./chunked-body.ts";
import { ID_CHARS, payloadAfterId, PayloadCheck } from "./payload.ts";
import { CHUNK_BYTES, CHUNKED_BYTES, DOWNLOAD_BYTES, POST_BYTES, SMALL_BYTES, SMALL_CHUNK_BYTES } from "./shapes.ts";

// The app behind every proxy: raw sockets, as little work as an honest answer allows, on two ports as the two versions of
// a service. It echoes the request's id in a field and in the body, and refuses a request body that is not as it was sent.

const HEAD_END = "\r\n\r\n";
const OK = "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\nx-bench-id: ";
const SMALL_REST = payloadAfterId(SMALL_BYTES).toString("latin1");
const CHUNKED_REST = chunked([payloadAfterId(CHUNKED_BYTES)], CHUNK_BYTES);
const SMALL_CHUNKS_REST = chunked([payloadAfterId(CHUNKED_BYTES)], SMALL_CHUNK_BYTES);
const DOWNLOAD_REST = payloadAfterId(DOWNLOAD_BYTES);
const BAD = "HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

class Conversation {
  readonly #socket: Socket;
  readonly #check = new PayloadCheck();
  readonly #chunks = new ChunkedBody();
  #head: Buffer = Buffer.alloc(0);
  #body: "none" | "length" | "chunked" = "none";
  #kind = "s";
  #id = "";

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("data", (bytes: Buffer) => this.#read(bytes));
    socket.on("error", () => socket.destroy());
  }

  #read(piece: Buffer): void {
    let bytes = this.#head.length === 0 ? piece : Buffer.concat([this.#head, piece]);
    this.#head = bytes.subarray(0, 0);
    while (bytes.length > 0) {
      if (this.#body === "none") {
        const end = bytes.indexOf(HEAD_END);
        if (end < 0) {
          this.#head = bytes;
          return;
        }
        this.#onHead(bytes, end);
        bytes = bytes.subarray(end + HEAD_END.length);
      } else bytes = bytes.subarray(this.#readBody(bytes));
    }
  }

  #onHead(bytes: Buffer, end: number): void {
    const path = bytes.indexOf(" /") + 2;
    this.#kind = String.fromCharCode(bytes[path] ?? 0);
    this.#id = bytes.toString("latin1", path + 2, path + 2 + ID_CHARS);
    if (bytes[0] === 71 /* a GET has no body here */) return this.#answer();
    const isChunked = /\r\ntransfer-encoding: *chunked/i.test(bytes.toString("latin1", 0, end));
    this.#body = isChunked ? "chunked" : "length";
    this.#chunks.begin();
    this.#check.begin(this.#id, isChunked ? CHUNKED_BYTES : POST_BYTES);
  }

  #readBody(bytes: Buffer): number {
    if (this.#body === "chunked") {
      const end = this.#chunks.read(bytes, 0, this.#check.take);
      if (this.#chunks.isDone) this.#onBodyEnd();
      return end;
    }
    const end = Math.min(bytes.length, POST_BYTES - this.#check.received);
    this.#check.take(bytes, 0, end);
    if (this.#check.received === POST_BYTES) this.#onBodyEnd();
    return end;
  }

  #onBodyEnd(): void {
    this.#body = "none";
    if (this.#check.isWhole) this.#answer();
    else this.#socket.end(BAD);
  }

  #answer(): void {
    const id = this.#id;
    switch (this.#kind) {
      case "s":
        this.#socket.write(`${OK}${id}\r\ncontent-length: ${SMALL_BYTES}\r\n\r\n${id}${SMALL_REST}`, "latin1");
        return;
      case "c":
      case "k":
        this.#socket.cork();
        this.#socket.write(`${OK}${id}\r\ntransfer-encoding: chunked\r\n\r\n${ID_CHARS}\r\n${id}\r\n`, "latin1");
        this.#socket.write(this.#kind === "c" ? CHUNKED_REST : SMALL_CHUNKS_REST);
        this.#socket.uncork();
        return;
      case "d":
        this.#socket.cork();
        this.#socket.write(`${OK}${id}\r\ncontent-length: ${DOWNLOAD_BYTES}\r\n\r\n${id}`, "latin1");
        this.#socket.write(DOWNLOAD_REST);
        this.#socket.uncork();
        return;
      default:
        this.#socket.end(BAD);
    }
  }
}

function listen(): Promise<number> {
  const server = createServer({ noDelay: true }, (socket) => void new Conversation(socket));
  return new Promise((resolve) => {
    server.listen({ port: 0, host: "127.0.0.1", backlog: 1024 }, () => resolve((server.address() as AddressInfo).port));
  });
}

process.on("disconnect", () => process.exit(0));
process.send?.({ ports: [await listen(), await listen()] });
