import type { Command } from "commander";

import type { ProxySettings } from "../../data-plane/config.ts";
import { keepYoungHeapSmall } from "../../data-plane/young-heap.ts";
import type { Cli } from "../terminal.ts";
import { addProxyOptions, proxyConfig } from "./proxy-options.ts";
import { examples } from "./shared-options.ts";

export function addProxy(program: Command, cli: Cli): void {
  const command = program
    .command("proxy")
    .helpGroup("Life:")
    .summary("start a proxy beside a service instance")
    .description(
      "Carries the calls of one service instance, in and out. SIGTERM drains: peers are told first, the last requests are " +
        "answered, then it ends. A second signal ends it at once.",
    );
  addProxyOptions(command);
  examples(command, [
    "heddle proxy --service web --state .heddle/web",
    "heddle proxy --service reviews --version v1 --app 127.0.0.1:9101 --state .heddle/reviews-1",
    "heddle proxy --service web --upstream reviews=9091   # then: curl http://127.0.0.1:9091/",
  ]);
  command.action((settings: ProxySettings) => serve(cli, settings));
}

async function serve(cli: Cli, settings: ProxySettings): Promise<void> {
  keepYoungHeapSmall();
  const config = await proxyConfig(settings);
  const { describeAddresses, orListenError } = await import("../run/started-proxy.ts");
  const { runProxy } = await import("../../data-plane/run-proxy.ts");
  const { proxy, ended } = await orListenError(runProxy(config));
  for (const line of describeAddresses(config, proxy)) cli.terminal.note(line);
  await ended;
}
