import type { Proxy } from "../../data-plane/app.ts";
import type { ProxyConfig } from "../../data-plane/config.ts";
import { ListenFailed } from "../../data-plane/listener/listener-set.ts";
import { formatAddress } from "../../shared/address.ts";
import { CliError } from "../cli-error.ts";
import { EXIT } from "../exit-code.ts";

/** What `start` returns; a port that cannot be opened becomes words about the flag that is in the way. */
export async function orListenError<T>(start: Promise<T>): Promise<T> {
  try {
    return await start;
  } catch (error) {
    if (!(error instanceof ListenFailed)) throw error;
    throw new CliError(error.message, EXIT.failed, remediesFor(error.message));
  }
}

/** `message` begins with the flag: `--outbound: ...` or `--upstream reviews: ...`. */
function remediesFor(message: string): readonly string[] {
  const [, flag, service] = /^(--[a-z]+)(?: ([^:]+))?:.* is in use /.exec(message) ?? [];
  if (flag === undefined) return [];
  return [`port 0 picks a free one: ${flag} ${service === undefined ? "127.0.0.1:0" : `${service}=0`}`];
}

/** The real addresses, once, for the person who started it. */
export function describeAddresses(config: ProxyConfig, { name, addresses }: Proxy): readonly string[] {
  const { outbound, inbound, admin, upstreams } = addresses;
  const version = config.version === "" ? "" : ` ${config.version}`;
  return [
    `proxy ${name} of ${config.service}${version} listens`,
    `  outbound  ${formatAddress(outbound)}   curl -H 'Host: SERVICE' http://${formatAddress(outbound)}/`,
    ...(inbound === undefined ? [] : [`  inbound   ${formatAddress(inbound)}   calls of peers`]),
    `  admin     ${formatAddress(admin)}   heddle pc all ${formatAddress(admin)}`,
    ...[...upstreams].map(([service, address]) => `  upstream  ${formatAddress(address)}   ${service}`),
  ];
}
