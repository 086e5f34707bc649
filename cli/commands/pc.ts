import { Argument, type Command } from "commander";

import { CliError, usageError } from "../cli-error.ts";
import { EXIT } from "../exit-code.ts";
import { outputOption, print, printData, type Format } from "../output/formats.ts";
import type { Cli } from "../terminal.ts";
import { examples, orAskProxy, readHostPort, serverOption, withClient } from "./shared-options.ts";
import { flag } from "../flag.ts";

interface Flags {
  readonly server: string;
  readonly output: Format;
  readonly proxy?: string;
}

const PARTS = ["listeners", "routes", "clusters", "endpoints", "policies", "limits", "decisions", "all"] as const;
type Part = (typeof PARTS)[number];

export function addPc(program: Command, cli: Cli): void {
  const command = program
    .command("pc")
    .alias("proxy-config")
    .helpGroup("Proxies:")
    .summary("show what a proxy runs: listeners, routes, clusters, endpoints, policies, limits, decisions")
    .description(
      "Shows the configuration that a proxy itself reports, with the row each rule came from.\n" +
        "decisions are its last requests that were refused, failed or retried, and why.\n" +
        "With --proxy it works while the control plane is dead.",
    )
    .addArgument(new Argument("<part>", "what to show").choices(PARTS))
    .argument("[proxy]", "name, or the service if it has one proxy, or HOST:PORT of the admin port")
    .addOption(flag("--proxy <host:port>", "admin port of the proxy").argParser(readHostPort))
    .addOption(serverOption())
    .addOption(outputOption());
  examples(command, [
    "heddle pc routes web-1",
    "heddle pc limits reviews-1 -o json",
    "heddle pc decisions web-1",
    "heddle pc all --proxy 127.0.0.1:15000",
  ]);
  command.action((part: Part, name: string | undefined, flags: Flags) => pc(cli, [part, name], flags));
}

async function pc(cli: Cli, [part, name]: readonly [Part, string | undefined], flags: Flags): Promise<void> {
  const address = await adminAddress(name, flags);
  const { askProxy, describeSource } = await import("../api/proxy-admin.ts");
  const { decisionTable, proxyTables } = await import("../output/config-tables.ts");
  const [dump, clusters, listeners, { decisions }] = await Promise.all([
    askProxy(address, "/config_dump"),
    askProxy(address, "/clusters"),
    askProxy(address, "/listeners"),
    askProxy(address, "/decisions"),
  ]);
  const parts = part === "all" ? PARTS.filter((each) => each !== "all") : [part];
  const tables = { ...proxyTables(dump, clusters, listeners), decisions: decisionTable(decisions, Date.now()) };
  cli.terminal.note(describeSource(dump.config, address));
  if (flags.output === "json" || flags.output === "yaml") {
    const data =
      part === "all" ? Object.fromEntries(parts.map((each) => [each, tables[each].data])) : tables[part].data;
    return printData(cli.terminal, flags.output, data);
  }
  for (const [at, each] of parts.entries()) {
    if (at > 0) cli.terminal.out("\n");
    await print(cli.terminal, flags.output, tables[each]);
  }
}

async function adminAddress(name: string | undefined, flags: Flags): Promise<string> {
  if (flags.proxy !== undefined) return flags.proxy;
  if (name === undefined) throw usageError("which proxy?", "heddle ps", "heddle pc routes --proxy HOST:PORT");
  if (/:\d+$/.test(name)) return readHostPort(name);
  const { proxies } = await withClient(flags.server, (client) => client.proxies()).catch(
    orAskProxy("heddle pc all --proxy 127.0.0.1:15000"),
  );
  const { chooseProxy } = await import("../api/choose-proxy.ts");
  const proxy = chooseProxy(proxies, name);
  if (proxy.adminAddress !== "") return proxy.adminAddress;
  if (proxy.kind !== "heddle") {
    throw new CliError(`proxy ${name} is no proxy of Heddle's (${proxy.kind})`, EXIT.failed, [
      "what it has acknowledged: heddle ps",
      "an Envoy shows the rest at its own admin port: curl HOST:PORT/config_dump",
    ]);
  }
  throw new CliError(`proxy ${name} told no admin address`, EXIT.failed, [
    "name it: heddle pc routes --proxy HOST:PORT",
  ]);
}
