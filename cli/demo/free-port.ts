import { createServer, type AddressInfo } from "node:net";

/** A port of 127.0.0.1 that is free now: for a program that must be told its port before it starts. */
export function freePort(): Promise<number> {
  return new Promise((done, failed) => {
    const server = createServer();
    server.once("error", failed);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo; // a TCP server has no other kind of address
      server.close(() => done(port));
    });
  });
}
