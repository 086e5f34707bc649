import { connect, createServer } from "node:net";

import type { Address } from "../../shared/address.ts";

/** A port that was free a moment ago: for a process that must be found before it can tell its own. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const bound = server.address();
  await new Promise<void>((done) => server.close(() => done()));
  if (bound === null || typeof bound === "string") throw new Error("no TCP address");
  return bound.port;
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
