import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";

import { WRITE_STALL_MS } from "../../shared/defaults.ts";
import { RELAY_BUFFER_BYTES_MAX } from "../../shared/limits.ts";
import { LoneProxy } from "./lone-proxy.ts";
import { until } from "./until.ts";

export interface StalledReaders {
  readonly readers: number;
  readonly bodyBytes: number;
  /** Also wait until the proxy has cut them all (WRITE_STALL_MS). */
  readonly untilCut: boolean;
  readonly onPhase: (name: string) => void;
}

export interface StallVerdict {
  readonly readers: number;
  /** What the upstream had written when everything stood still: kernel buffers, and what the proxy holds. */
  readonly writtenMb: number;
  readonly offeredMb: number;
  readonly residentBeforeMb: number;
  readonly growthMb: number;
  readonly boundMb: number;
  /** What is left in the proxy after the readers have gone. */
  readonly leftovers: Readonly<Record<string, number>>;
  readonly failures: readonly string[];
}

const PIECE = Buffer.alloc(64 * 1024, "x");
const WARM_UP_REQUESTS = 200;
/**
 * A stall is WRITE_STALL_MS without progress. What the kernel gives back of those that were cut lets others go on for a
 * while: with a thousand it is short of memory for sockets.
 */
const CUT_MS_MAX = 5 * WRITE_STALL_MS;
/** The heap may grow once by this much under any load: V8's young space has 3 x 16 MiB, the rest is code and lists. */
const BASE_BYTES = 64 * 1024 * 1024;

/**
 * What the proxy may grow by: for each reader one relay buffer with what it does not take, and as much again for all that
 * belongs to two sockets and a request.
 */
export function boundBytes(readers: number): number {
  return BASE_BYTES + readers * 2 * RELAY_BUFFER_BYTES_MAX;
}

/**
 * Many clients ask for large bodies and stop reading after the head. The upstream makes its bytes as they are taken, so
 * whatever the proxy does not hold back would be in its memory.
 */
export async function runStalledReaders(options: StalledReaders): Promise<StallVerdict> {
  const upstream = new EndlessUpstream(options.bodyBytes);
  const proxy = new LoneProxy();
  const readers: Reader[] = [];
  try {
    await proxy.start(await upstream.listen());
    const { port } = proxy.inbound;
    for (let index = 0; index < WARM_UP_REQUESTS; index += 1) await smallRequest(port);
    const before = proxy.residentBytes();
    options.onPhase(`${options.readers} readers connect and stop`);
    for (let index = 0; index < options.readers; index += 1) readers.push(new Reader(port));
    const active = async (): Promise<number> => (await proxy.metrics())("heddle_downstream_requests_active");
    await until(async () => readers.every(({ hasHead }) => hasHead), "every reader has its head");
    await until(async () => upstream.isAtRest(), "nothing moves any more");
    const stalled = await active();
    const growth = proxy.residentBytes() - before;
    const writtenMb = mb(upstream.written);
    if (options.untilCut) {
      options.onPhase("waiting until the proxy gives them up");
      await until(async () => (await active()) === 0, "all are cut", CUT_MS_MAX);
    }
    for (const reader of readers) reader.close();
    const leftovers = await leftoversOf(proxy);
    const bound = boundBytes(options.readers);
    const failures = [
      ...(stalled === options.readers ? [] : [`${stalled} of ${options.readers} requests were under way`]),
      ...(growth <= bound ? [] : [`grew by ${mb(growth)} MB, beyond ${mb(bound)}`]),
      ...(Object.values(leftovers).every((count) => count === 0) ? [] : [`left over: ${JSON.stringify(leftovers)}`]),
      ...(proxy.alive ? [] : ["the proxy has ended"]),
    ];
    return {
      readers: options.readers,
      writtenMb,
      offeredMb: mb(options.readers * options.bodyBytes),
      residentBeforeMb: mb(before),
      growthMb: mb(growth),
      boundMb: mb(bound),
      leftovers,
      failures,
    };
  } finally {
    for (const reader of readers) reader.close();
    upstream.close();
    await proxy.stop();
  }
}

async function leftoversOf(proxy: LoneProxy): Promise<Record<string, number>> {
  const names = [
    "heddle_downstream_connections",
    "heddle_downstream_requests_active",
    "heddle_upstream_requests_active",
  ];
  const look = async (): Promise<Record<string, number>> => {
    const metrics = await proxy.metrics();
    return Object.fromEntries(names.map((name) => [name, metrics(name)]));
  };
  await until(async () => Object.values(await look()).every((count) => count === 0), "nothing is left").catch(() => {});
  return look();
}

/** Answers `/` at once, anything else with a body that is made while it is taken. */
class EndlessUpstream {
  readonly #bodyBytes: number;
  readonly #sockets = new Set<Socket>();
  readonly #server: Server;
  written = 0;
  #writtenBefore = -1;

  constructor(bodyBytes: number) {
    this.#bodyBytes = bodyBytes;
    this.#server = createServer((socket) => this.#serve(socket));
  }

  async listen(): Promise<number> {
    this.#server.listen({ port: 0, host: "127.0.0.1", backlog: 1024 });
    await once(this.#server, "listening");
    // A server on TCP has an address of this kind.
    return (this.#server.address() as AddressInfo).port;
  }

  /** No byte was taken since the last time it was asked. */
  isAtRest(): boolean {
    const isAtRest = this.written === this.#writtenBefore;
    this.#writtenBefore = this.written;
    return isAtRest;
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #serve(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on("error", () => socket.destroy());
    socket.on("close", () => this.#sockets.delete(socket));
    socket.on("data", (bytes: Buffer) => {
      const isSmall = bytes.toString("latin1", 0, 6) === "GET / ";
      if (isSmall) socket.write("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
      else this.#pour(socket);
    });
  }

  #pour(socket: Socket): void {
    socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${this.#bodyBytes}\r\n\r\n`);
    let left = this.#bodyBytes;
    const more = (): void => {
      while (left > 0 && !socket.destroyed) {
        const piece = PIECE.subarray(0, Math.min(left, PIECE.length));
        left -= piece.length;
        this.written += piece.length;
        if (!socket.write(piece)) return;
      }
    };
    socket.on("drain", more);
    more();
  }
}

/** Asks for a large body, and reads nothing after the first bytes of the answer. */
class Reader {
  readonly #socket: Socket;
  hasHead = false;

  constructor(port: number) {
    this.#socket = connect({ port, host: "127.0.0.1" });
    this.#socket.on("error", () => this.#socket.destroy());
    this.#socket.on("connect", () => this.#socket.write("GET /large HTTP/1.1\r\nHost: reviews\r\n\r\n"));
    this.#socket.once("data", (bytes: Buffer) => {
      this.#socket.pause();
      this.hasHead = bytes.toString("latin1", 0, 12) === "HTTP/1.1 200";
    });
  }

  close(): void {
    this.#socket.destroy();
  }
}

async function smallRequest(port: number): Promise<void> {
  const socket = connect({ port, host: "127.0.0.1" });
  socket.write("GET / HTTP/1.1\r\nHost: reviews\r\nConnection: close\r\n\r\n");
  await once(socket.resume(), "close");
}

function mb(bytes: number): number {
  return Math.round(bytes / 2 ** 20);
}
