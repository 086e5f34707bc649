import type { Command } from "commander";

import type { ProxySettings } from "../../data-plane/config.ts";
import { keepYoungHeapSmall } from "../../data-plane/young-heap.ts";
import { usageError } from "../cli-error.ts";
import type { Cli } from "../terminal.ts";
import { addProxyOptions, proxyConfig } from "./proxy-options.ts";
import { examples } from "./shared-options.ts";

export function addRun(program: Command, cli: Cli): void {
  const command = program
    .command("run")
    .helpGroup("Life:")
    .summary("start a program and a proxy beside it")
    .description(
      "Starts a proxy, then the program, with http_proxy set to the proxy. --app says where the program listens; peers are " +
        "sent there once it does. SIGTERM drains before the program is stopped. The program's exit code is passed on, 128+n " +
        "when a signal ended it; a program that ends takes the proxy along.\n\n" +
        "The program gets: http_proxy, HTTP_PROXY, no_proxy, NO_PROXY, NODE_USE_ENV_PROXY, HEDDLE_OUTBOUND, and " +
        "HEDDLE_UPSTREAM_<SERVICE> for each --upstream.",
    )
    .argument("<command>", "the program")
    .argument("[args...]", "its arguments")
    .passThroughOptions();
  addProxyOptions(command);
  examples(command, [
    "heddle run --service reviews --version v1 --app 127.0.0.1:9101 --state .heddle/reviews-1 -- node reviews.js",
    "heddle run --service web --outbound 127.0.0.1:0 -- sh -c 'curl http://reviews/'",
    "heddle run --service web --upstream reviews=0 -- sh -c 'curl $HEDDLE_UPSTREAM_REVIEWS'",
  ]);
  command.action((program: string, args: readonly string[], settings: ProxySettings) =>
    run(cli, [program, ...args], settings),
  );
}

async function run(cli: Cli, words: readonly string[], settings: ProxySettings): Promise<void> {
  keepYoungHeapSmall();
  if (words.length === 0) throw usageError("which program?", "heddle run --help");
  const config = await proxyConfig(settings);
  const { runBesideProxy } = await import("../run/run-beside-proxy.ts");
  cli.exitWith(await runBesideProxy(cli.terminal, config, words));
}
