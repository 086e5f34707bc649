import { startProxy } from "../../data-plane/app.ts";
import type { ProxyConfig } from "../../data-plane/config.ts";
import { formatAddress } from "../../shared/address.ts";
import { APP_STOP_MS } from "../../shared/defaults.ts";
import { systemTimers } from "../../shared/timers.ts";
import { inheritedNoProxy } from "../config.ts";
import type { Terminal } from "../terminal.ts";
import { appEnvironment } from "./app-environment.ts";
import { runApp } from "./run-app.ts";
import { describeAddresses, orListenError } from "./started-proxy.ts";

/** `heddle run`: a proxy in this process, the program in a child. Settles with the program's exit code. */
export async function runBesideProxy(
  terminal: Terminal,
  config: ProxyConfig,
  command: readonly string[],
): Promise<number> {
  const proxy = await orListenError(startProxy(config, { holdInbound: true }));
  for (const line of describeAddresses(config, proxy)) terminal.note(line);
  process.on("SIGUSR2", () => void proxy.reopenAccessLog());
  const { outbound, upstreams } = proxy.addresses;
  const texts = new Map([...upstreams].map(([service, address]) => [service, formatAddress(address)]));
  return runApp({
    proxy: {
      serving: proxy.serving,
      openInbound: () => orListenError(proxy.openInbound()),
      drain: () => proxy.drain({ keepOutbound: true }),
      stop: () => proxy.stop(),
    },
    command,
    app: config.app,
    environment: appEnvironment({ outbound: formatAddress(outbound), upstreams: texts }, inheritedNoProxy()),
    stopMs: APP_STOP_MS,
    timers: systemTimers,
    note: (line) => terminal.note(`heddle run: ${line}`),
  });
}
