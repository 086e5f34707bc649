import { type Command } from "commander";

import type { Proxy } from "../../shared/wire/admin-api.ts";
import { outputOption, print, type Format } from "../output/formats.ts";
import type { Cli } from "../terminal.ts";
import { examples, orAskProxy, readHostPort, serverOption, withClient } from "./shared-options.ts";
import { flag } from "../flag.ts";

interface Flags {
  readonly server: string;
  readonly output: Format;
  readonly proxy?: string;
}

export function addPs(program: Command, cli: Cli): void {
  const command = program
    .command("ps")
    .helpGroup("Proxies:")
    .summary("list proxies and what each has acknowledged")
    .description(
      "Lists every proxy that is connected, or was within the last hour, and for each type of resource whether what was " +
        "sent is acknowledged: SYNCED, STALE (sent, no answer yet), NACKED (refused), NOT_SENT.",
    )
    .addOption(serverOption())
    .addOption(
      flag("--proxy <host:port>", "ask this proxy's admin port, not the control plane").argParser(readHostPort),
    )
    .addOption(outputOption());
  examples(command, ["heddle ps", "heddle ps -o wide", "heddle ps --proxy 127.0.0.1:15000"]);
  command.action((flags: Flags) => ps(cli, flags));
}

async function ps(cli: Cli, flags: Flags): Promise<void> {
  const { proxyColumns, proxyData } = await import("../output/proxy-columns.ts");
  const proxies = await listProxies(cli, flags);
  await print<Proxy>(cli.terminal, flags.output, {
    columns: proxyColumns(Date.now(), cli.terminal.hasUnicode, flags.proxy !== undefined),
    rows: proxies,
    data: proxies.map(proxyData),
    empty: "no proxies yet; start one with: heddle run --service NAME -- COMMAND",
  });
}

async function listProxies(cli: Cli, flags: Flags): Promise<readonly Proxy[]> {
  if (flags.proxy === undefined) {
    const { proxies } = await withClient(flags.server, (client) => client.proxies()).catch(
      orAskProxy("heddle ps --proxy 127.0.0.1:15000"),
    );
    return proxies;
  }
  const { askProxy, describeSource, proxyOfReady } = await import("../api/proxy-admin.ts");
  const ready = await askProxy(flags.proxy, "/ready");
  cli.terminal.note(describeSource(ready.config, flags.proxy));
  return [proxyOfReady(ready, flags.proxy)];
}
