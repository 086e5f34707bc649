import type { Command } from "commander";

import { ADMIN_API_PORT, LEASE_GRACE_MS, XDS_PORT } from "../../shared/defaults.ts";
import { formatAddress } from "../../shared/address.ts";
import { CliError } from "../cli-error.ts";
import { EXIT } from "../exit-code.ts";
import { flag } from "../flag.ts";
import { stopSignal } from "../run/stop-signal.ts";
import type { Cli } from "../terminal.ts";
import { examples } from "./shared-options.ts";

interface Flags {
  readonly db?: string;
  readonly xds?: string;
  readonly admin?: string;
  readonly metrics?: string;
  readonly readyFile?: string;
  readonly logLevel?: string;
}

export function addControlPlane(program: Command, cli: Cli): void {
  const command = program
    .command("control-plane")
    .helpGroup("Life:")
    .summary("start a control plane")
    .description(
      "Keeps the mesh in a SQLite file and streams it to the proxies. Ends with SIGTERM or Ctrl-C. " +
        `After a start, proxies have ${LEASE_GRACE_MS / 1000} s to come back before their endpoints are taken out.`,
    )
    .addOption(flag("--db <file>", "the store, made when missing (default: heddle.db)"))
    .addOption(flag("--xds <host:port>", `where proxies connect (default: 127.0.0.1:${XDS_PORT}; port 0 picks one)`))
    .addOption(flag("--admin <host:port>", `where operators connect (default: 127.0.0.1:${ADMIN_API_PORT})`))
    .addOption(flag("--metrics <host:port>", "where Prometheus may ask (default: nowhere)"))
    .addOption(flag("--ready-file <file>", "gets one JSON object with the real addresses once it serves"))
    .addOption(flag("--log-level <level>", "trace, debug, info, warn, error, fatal or silent (default: info)"));
  examples(command, [
    "heddle control-plane --db mesh.db",
    "heddle control-plane --db mesh.db --xds 0.0.0.0:15010 --metrics 127.0.0.1:15030",
    "HEDDLE_DB=mesh.db heddle control-plane --xds 127.0.0.1:0 --ready-file ready.json",
  ]);
  command.action((flags: Flags) => serve(cli, flags));
}

async function serve(cli: Cli, flags: Flags): Promise<void> {
  const { readControlPlaneConfig } = await import("../../control-plane/config.ts");
  const config = readControlPlaneConfig(argumentsOf(flags), {});
  if (!config.ok) {
    const words = config.error.map(({ path, message }) => `${path} ${message}`).join("\n");
    throw new CliError(words, EXIT.usage, ["heddle control-plane --help"]);
  }
  const { startControlPlane } = await import("../../control-plane/app.ts");
  const stopping = stopSignal();
  const started = await startControlPlane(config.value);
  if (!started.ok) throw new CliError(started.error, EXIT.failed, remediesFor(started.error));
  const { xds, admin, metrics, stop } = started.value;
  cli.terminal.note(`control plane of ${config.value.db} serves`);
  cli.terminal.note(`  xds      ${formatAddress(xds)}   heddle proxy --control-plane ${formatAddress(xds)} ...`);
  cli.terminal.note(`  admin    ${formatAddress(admin)}   heddle ps --server ${formatAddress(admin)}`);
  if (metrics !== undefined)
    cli.terminal.note(`  metrics  ${formatAddress(metrics)}   http://${formatAddress(metrics)}/metrics`);
  cli.terminal.note(`${await stopping}: stopping`);
  await stop();
}

/** The control plane reads its settings from words, so that it can also be started without this command line. */
function argumentsOf(flags: Flags): readonly string[] {
  const words = {
    ...flags,
    readyFile: undefined,
    logLevel: undefined,
    "ready-file": flags.readyFile,
    "log-level": flags.logLevel,
  };
  return Object.entries(words).flatMap(([name, value]) => (value === undefined ? [] : [`--${name}=${value}`]));
}

function remediesFor(error: string): readonly string[] {
  const flagName = /^--[a-z-]+/.exec(error)?.[0] ?? "";
  if (error.endsWith("is in use")) {
    return [
      "stop the process that has it; another control plane answers: heddle ps",
      `or choose another port; 0 picks a free one: ${flagName} 127.0.0.1:0`,
    ];
  }
  return flagName === "" ? [] : [`name another file: ${flagName} FILE`];
}
