import { once } from "node:events";
import { connect, type Socket } from "node:net";

import type { Address } from "../../shared/address.ts";

const REQUEST = "GET /crowd HTTP/1.1\r\nhost: reviews\r\n\r\n";
const PACE_MS = 5;

/** One answer, or a request that had none: status 0. */
export interface CrowdAnswer {
  readonly dueMs: number;
  /** From when it was due. */
  readonly latencyMs: number;
  /** From when it was sent: it may have had to wait for a free connection. */
  readonly waitedMs: number;
  readonly status: number;
}

/**
 * Many clients with a kept-alive connection each, who call at a rate that does not ask how the proxy is (open loop). A
 * request is due when it is due: one that finds no free connection waits for one, and that counts.
 */
export class Crowd {
  readonly #sockets: Socket[] = [];
  readonly #free: Member[] = [];

  static async of(connections: number, proxy: Address): Promise<Crowd> {
    const crowd = new Crowd();
    for (let count = 0; count < connections; count += 1) {
      const socket = connect({ host: proxy.host, port: proxy.port, noDelay: true });
      await once(socket, "connect");
      crowd.#sockets.push(socket);
      crowd.#free.push(new Member(socket));
    }
    return crowd;
  }

  /**
   * Calls for so long, and settles when each request has been answered, or its connection has died; throws when all have.
   * What is due and has found no free connection by the end is given up, unsent.
   */
  async call(rate: number, seconds: number): Promise<readonly CrowdAnswer[]> {
    const answers: CrowdAnswer[] = [];
    const startMs = performance.now();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    let begun = 0;
    const pace = setInterval(() => {
      const passedMs = performance.now() - startMs;
      if (this.#free.length === 0 && begun === answers.length) reject(new Error("no connection of the crowd lives"));
      if (passedMs >= 1_000 * seconds && begun === answers.length) resolve();
      const due = passedMs < 1_000 * seconds ? Math.floor((passedMs / 1_000) * rate) : 0;
      for (; begun < due; begun += 1) {
        const member = this.#free.shift();
        if (member === undefined) break;
        member.call(startMs + (1_000 * begun) / rate, (answer) => {
          answers.push(answer);
          if (answer.status !== 0) this.#free.push(member);
        });
      }
    }, PACE_MS);
    await promise.finally(() => clearInterval(pace));
    return answers;
  }

  /**
   * Answers with 200 per second when so many requests are always under way: after each answer the client calls next that
   * has not called for the longest time. All connections have their turn, as in {@link Crowd.call}: those that were used
   * just now cost a proxy half as much, and nobody's thousands are.
   */
  async capacity(underWay: number, seconds: number): Promise<number> {
    const endMs = performance.now() + 1_000 * seconds;
    let good = 0;
    const callers = Array.from({ length: underWay }, async () => {
      while (performance.now() < endMs) {
        const member = this.#free.shift();
        if (member === undefined) return;
        const { promise, resolve } = Promise.withResolvers<CrowdAnswer>();
        member.call(performance.now(), resolve);
        const { status } = await promise;
        if (status !== 0) this.#free.push(member);
        if (status === 200) good += 1;
      }
    });
    await Promise.all(callers);
    return good / seconds;
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy();
  }
}

class Member {
  readonly #socket: Socket;
  #dueMs = 0;
  #sentMs = 0;
  #onAnswer: ((answer: CrowdAnswer) => void) | undefined = undefined;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("data", (bytes) => this.#answered(Number(bytes.toString("latin1", 9, 12))));
    socket.on("error", () => undefined);
    socket.on("close", () => this.#answered(0));
  }

  call(dueMs: number, onAnswer: (answer: CrowdAnswer) => void): void {
    this.#dueMs = dueMs;
    this.#sentMs = performance.now();
    this.#onAnswer = onAnswer;
    if (this.#socket.destroyed) this.#answered(0);
    else this.#socket.write(REQUEST);
  }

  #answered(status: number): void {
    const onAnswer = this.#onAnswer;
    this.#onAnswer = undefined;
    const nowMs = performance.now();
    onAnswer?.({ dueMs: this.#dueMs, latencyMs: nowMs - this.#dueMs, waitedMs: nowMs - this.#sentMs, status });
  }
}
