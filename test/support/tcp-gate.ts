import { connect, createServer, type Server, type Socket } from "node:net";

import { formatAddress, type Address } from "../../shared/address.ts";

/**
 * A wire that can be broken: forwards TCP to `target` until told otherwise.
 *
 * - `open`: bytes flow.
 * - `hold`: connections stay up and no byte passes, as behind a firewall that drops packets. What was held flows again
 *   after `open`, as TCP would retransmit it.
 * - `cut`: connections are reset and new ones refused.
 */
export class TcpGate {
  readonly #target: () => Address;
  readonly #server: Server;
  readonly #pairs = new Set<readonly [Socket, Socket]>();
  #mode: "open" | "hold" | "cut" = "open";

  constructor(target: () => Address) {
    this.#target = target;
    this.#server = createServer({ pauseOnConnect: true }, (socket) => this.#join(socket));
  }

  async listen(): Promise<Address> {
    await new Promise<void>((done) => this.#server.listen(0, "127.0.0.1", done));
    const bound = this.#server.address();
    if (bound === null || typeof bound === "string") throw new Error("the gate has no TCP address");
    return { host: "127.0.0.1", port: bound.port };
  }

  set(mode: "open" | "hold" | "cut"): void {
    this.#mode = mode;
    for (const pair of this.#pairs) this.#obey(pair);
  }

  async close(): Promise<void> {
    this.set("cut");
    await new Promise<void>((done) => this.#server.close(() => done()));
  }

  describe(): string {
    return `${formatAddress(this.#target())} (${this.#mode}, ${this.#pairs.size} connections)`;
  }

  #join(near: Socket): void {
    if (this.#mode === "cut") return void near.resetAndDestroy();
    const far = connect({ ...this.#target(), noDelay: true });
    const pair = [near, far] as const;
    this.#pairs.add(pair);
    for (const [from, to] of [pair, [far, near] as const]) {
      from.on("data", (bytes) => {
        if (!to.write(bytes)) from.pause();
      });
      to.on("drain", () => this.#mode === "open" && from.resume());
      from.on("end", () => to.end());
      from.on("error", () => to.destroy());
      from.on("close", () => {
        to.destroy();
        this.#pairs.delete(pair);
      });
    }
    this.#obey(pair);
  }

  #obey(pair: readonly [Socket, Socket]): void {
    for (const socket of pair) {
      if (this.#mode === "open") socket.resume();
      else if (this.#mode === "hold") socket.pause();
      else if (socket.writableEnded) socket.destroy(); // libuv refuses to reset a socket that is shutting down
      else socket.resetAndDestroy();
    }
  }
}
