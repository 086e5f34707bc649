import { isIP } from "node:net";

import { err, ok, type Result } from "./result.ts";

/** An IP address (or, for dialling, a host name) and a TCP port. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

/** `host:port`, with brackets around IPv6. The identity of an endpoint in maps, logs and metrics. */
export function formatAddress(address: Address): string {
  return isIP(address.host) === 6 ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`;
}

/**
 * Reads `HOST:PORT`, `[V6]:PORT`, `:PORT` or `PORT`; a missing host becomes `defaultHost`. Port 0 is allowed: it asks
 * the system for a free one. The error is a sentence without the name of the flag.
 */
export function parseAddress(text: string, defaultHost = "127.0.0.1"): Result<Address, string> {
  const match = /^(?:(?:\[([0-9a-fA-F:.]+)\]|([^:[\]]*)):)?(\d{1,5})$/.exec(text);
  if (match === null) return err(`"${text}" is not HOST:PORT (for example 127.0.0.1:15001)`);
  const port = Number(match[3]);
  if (port > 65_535) return err(`port ${port} of "${text}" is not in 0-65535`);
  const host = match[1] ?? match[2] ?? "";
  return ok({ host: host === "" ? defaultHost : host, port });
}
