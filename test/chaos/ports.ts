import { randomInt } from "node:crypto";
import { connect, createServer } from "node:net";

import type { Address } from "../../shared/address.ts";

/** Below those that Linux gives to whoever asks for any (`ip_local_port_range`), or one of them might get it meanwhile. */
const PORT_MIN = 20_000;
const PORT_MAX = 32_000;

/** A port that was free a moment ago: for a process that must be found before it can tell its own. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(PORT_MIN, PORT_MAX);
    if (await isFree(port)) return port;
  }
}

function isFree(port: number): Promise<boolean> {
  const server = createServer();
  return new Promise((done) => {
    server.on("error", () => done(false));
    server.listen(port, "127.0.0.1", () => server.close(() => done(true)));
  });
}

/** Settles when something listens there. */
export async function acceptsConnections(address: Address): Promise<void> {
  for (;;) {
    const accepted = await new Promise<boolean>((done) => {
      const socket = connect(address);
      socket.on("connect", () => {
        socket.destroy();
        done(true);
      });
      socket.on("error", () => done(false));
    });
    if (accepted) return;
    await new Promise((done) => setTimeout(done, 10));
  }
}
