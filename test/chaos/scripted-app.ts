import { once } from "node:events";
import { createServer, type AddressInfo, type Server, type Socket } from "node:net";

import { messageEnd } from "../support/proxy-fixture.ts";

/**
 * An app on raw sockets that does with a request what its path says, and gives its id back:
 *
 * - `/ok/ID`, `/chunked/ID`: the id, with a length or in chunks;
 * - `/die/ID`: half of an answer, then a reset;
 * - `/never/ID`: nothing.
 */
export class ScriptedApp {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #awaited = new Map<string, () => void>();

  constructor() {
    this.#server = createServer((socket) => this.#serve(socket));
  }

  async listen(): Promise<number> {
    this.#server.listen({ port: 0, host: "127.0.0.1", backlog: 1024 });
    await once(this.#server, "listening");
    // A server on TCP has an address of this kind.
    return (this.#server.address() as AddressInfo).port;
  }

  /** Settles when the head of the request has come. */
  seen(id: string): Promise<void> {
    return new Promise((done) => this.#awaited.set(id, done));
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #serve(socket: Socket): void {
    this.#sockets.add(socket);
    let pending = "";
    socket.on("error", () => socket.destroy());
    socket.on("close", () => this.#sockets.delete(socket));
    socket.on("data", (bytes: Buffer) => {
      pending += bytes.toString("latin1");
      for (let end = messageEnd(pending); end >= 0; end = messageEnd(pending)) {
        this.#answer(socket, pending);
        pending = pending.slice(end);
      }
    });
  }

  #answer(socket: Socket, request: string): void {
    const [, kind = "", id = ""] = /^\w+ \/(\w+)\/(\w+) /.exec(request) ?? [];
    this.#awaited.get(id)?.();
    this.#awaited.delete(id);
    if (kind === "ok") socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${id.length}\r\n\r\n${id}`);
    else if (kind === "chunked") {
      socket.write(
        `HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n${id.length.toString(16)}\r\n${id}\r\n0\r\n\r\n`,
      );
    } else if (kind === "die") {
      socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${id.length + 1}\r\n\r\n${id}`, () => socket.resetAndDestroy());
    }
  }
}
