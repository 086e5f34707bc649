import { connect, type Socket } from "node:net";

/** A client that writes bytes and looks at bytes: it knows no more of HTTP than where a response ends. */
export class RawClient {
  readonly socket: Socket;
  received = "";
  isEnded = false;
  isClosed = false;
  wasReset = false;
  readonly #watchers = new Set<() => void>();

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on("data", (bytes: Buffer) => {
      this.received += bytes.toString("latin1");
      this.#notify();
    });
    socket.on("end", () => {
      this.isEnded = true;
      this.#notify();
    });
    socket.on("error", () => {
      this.wasReset = true;
    });
    socket.on("close", () => {
      this.isClosed = true;
      this.#notify();
    });
  }

  static connect(port: number, localAddress?: string): Promise<RawClient> {
    return new Promise((resolve, reject) => {
      const from = localAddress === undefined ? {} : { localAddress };
      const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true, noDelay: true, ...from });
      socket.once("error", reject);
      socket.once("connect", () => {
        socket.off("error", reject);
        resolve(new RawClient(socket));
      });
    });
  }

  write(text: string): void {
    this.socket.write(text, "latin1");
  }

  /** Resolves once `condition` holds; it is asked again after each event of the socket. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      if (this.isClosed) throw new Error(`the connection closed after: ${JSON.stringify(this.received.slice(-500))}`);
      await new Promise<void>((resolve) => {
        this.#watchers.add(resolve);
      });
    }
  }

  /** The next whole response (by its length, its chunks, or the end of the connection); it is taken out of `received`. */
  async response(requestMethod = "GET"): Promise<string> {
    await this.until(() => responseEnd(this.received, requestMethod, this.isEnded) >= 0);
    const end = responseEnd(this.received, requestMethod, this.isEnded);
    const response = this.received.slice(0, end);
    this.received = this.received.slice(end);
    return response;
  }

  async ended(): Promise<void> {
    while (!this.isEnded && !this.isClosed) {
      await new Promise<void>((resolve) => {
        this.#watchers.add(resolve);
      });
    }
  }

  async closed(): Promise<void> {
    while (!this.isClosed) {
      await new Promise<void>((resolve) => {
        this.#watchers.add(resolve);
      });
    }
  }

  destroy(): void {
    this.socket.destroy();
  }

  #notify(): void {
    const watchers = [...this.#watchers];
    this.#watchers.clear();
    for (const watcher of watchers) watcher();
  }
}

/** Where the first response in `text` ends, or -1 while it is incomplete. */
export function responseEnd(text: string, requestMethod: string, isEnded: boolean): number {
  const headEnd = text.indexOf("\r\n\r\n");
  if (headEnd < 0) return -1;
  const body = headEnd + 4;
  const head = text.slice(0, headEnd).toLowerCase();
  const status = Number(head.slice(9, 12));
  if (requestMethod === "HEAD" || status < 200 || status === 204 || status === 304) return body;
  if (head.includes("\r\ntransfer-encoding: chunked")) return chunkedEnd(text, body);
  const length = /\r\ncontent-length: (\d+)/.exec(head)?.[1];
  if (length === undefined) return isEnded ? text.length : -1;
  return text.length >= body + Number(length) ? body + Number(length) : -1;
}

function chunkedEnd(text: string, from: number): number {
  let at = from;
  for (;;) {
    const lineEnd = text.indexOf("\r\n", at);
    if (lineEnd < 0) return -1;
    const size = Number.parseInt(text.slice(at, lineEnd), 16);
    if (size === 0) break;
    at = lineEnd + 2 + size + 2;
    if (at > text.length) return -1;
  }
  const end = text.indexOf("\r\n\r\n", at);
  return end < 0 ? -1 : end + 4;
}

/** The body of a whole response, chunks joined. */
export function bodyOf(response: string): string {
  const body = response.indexOf("\r\n\r\n") + 4;
  if (!response.slice(0, body).toLowerCase().includes("transfer-encoding: chunked")) return response.slice(body);
  let joined = "";
  let at = body;
  for (;;) {
    const lineEnd = response.indexOf("\r\n", at);
    const size = Number.parseInt(response.slice(at, lineEnd), 16);
    if (size === 0 || Number.isNaN(size)) return joined;
    joined += response.slice(lineEnd + 2, lineEnd + 2 + size);
    at = lineEnd + 2 + size + 2;
  }
}
