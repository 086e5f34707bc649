import { createServer } from "node:net";

import { systemRandom, type Random } from "../../shared/random.ts";

/**
 * Below the ports that systems give to whoever asks for any (Linux from 32,768, others from 49,152): one of those may go
 * to another process of the demo before the program that was told it has opened it.
 */
export const PORT_MIN = 20_000;
export const PORT_MAX = 32_000;
const TRIES = 100;

/** A port of 127.0.0.1 that is free now: for a program that must be told its port before it starts. */
export async function freePort(random: Random = systemRandom): Promise<number> {
  for (let attempt = 1; attempt <= TRIES; attempt += 1) {
    const port = PORT_MIN + random.below(PORT_MAX - PORT_MIN);
    if (await isFree(port)) return port;
  }
  throw new Error(`${TRIES} ports between ${PORT_MIN} and ${PORT_MAX} are all in use`);
}

function isFree(port: number): Promise<boolean> {
  const server = createServer();
  return new Promise((settle) => {
    server.once("error", () => settle(false));
    server.listen(port, "127.0.0.1", () => server.close(() => settle(true)));
  });
}
