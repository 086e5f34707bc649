import { connect } from "node:net";

import type { Address } from "../../shared/address.ts";

/** How often a program that starts is knocked at. */
const KNOCK_MS = 25;

/** Settles when something accepts connections at `address`, or when `signal` aborts: true for the first. */
export async function acceptsConnections(address: Address, signal: AbortSignal): Promise<boolean> {
  while (!signal.aborted) {
    if (await knock(address)) return true;
    await new Promise((done) => setTimeout(done, KNOCK_MS));
  }
  return false;
}

function knock({ host, port }: Address): Promise<boolean> {
  return new Promise((done) => {
    const socket = connect({ host, port });
    const end = (isOpen: boolean): void => {
      socket.destroy();
      done(isOpen);
    };
    socket.setTimeout(1_000, () => end(false));
    socket.once("connect", () => end(true));
    socket.once("error", () => end(false));
  });
}
