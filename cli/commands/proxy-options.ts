import type { Command } from "commander";

import type { ProxyConfig, ProxySettings } from "../../data-plane/config.ts";
import { describeRange, limitFlag, PROXY_LIMIT_NAMES, PROXY_LIMITS } from "../../data-plane/proxy-limits.ts";
import { INBOUND_PORT, OUTBOUND_PORT, PROXY_ADMIN_PORT, XDS_PORT } from "../../shared/defaults.ts";
import { CliError } from "../cli-error.ts";
import { EXIT } from "../exit-code.ts";
import { flag } from "../flag.ts";
import { collect } from "./shared-options.ts";

/** As of http1/path-mode.ts, which the command line does not load for its help. */
const PATH_MODES = ["reject", "none", "base", "merge-slashes", "decode-and-merge-slashes"];

/** The flags of a proxy: the same for `heddle proxy` and `heddle run`. The defaults are the proxy's own. */
export function addProxyOptions(command: Command): Command {
  const local = (port: number): string => `(default: 127.0.0.1:${port}; port 0 picks one)`;
  command
    .addOption(flag("--service <name>", "the service whose instance this is"))
    .addOption(flag("--version <name>", "version of the instance, for traffic splits"))
    .addOption(flag("--name <name>", "name of the proxy in the mesh (default: made up once, kept in --state)"))
    .addOption(flag("--app <host:port>", "where the instance listens; without it there is no inbound traffic"))
    .addOption(flag("--control-plane <host:port>", `xDS address, several with commas (default: 127.0.0.1:${XDS_PORT})`))
    .addOption(flag("--outbound <host:port>", `where the app sends its calls ${local(OUTBOUND_PORT)}`))
    .addOption(flag("--inbound <host:port>", `where peers call the instance ${local(INBOUND_PORT)}`))
    .addOption(flag("--admin <host:port>", `metrics, config dump, readiness ${local(PROXY_ADMIN_PORT)}`))
    .addOption(flag("--upstream <service=port>", "local port for one service; repeatable").argParser(collectList))
    .addOption(flag("--state <folder>", "keeps the last good snapshot: the proxy can start without the control plane"))
    .addOption(flag("--ready-file <file>", "gets one JSON object with the real addresses once requests are served"))
    .addOption(flag("--egress <mode>", "calls to hosts outside the mesh").choices(["allow-any", "registry-only"]))
    .addOption(flag("--workers <n>", "threads that carry requests, on Linux (default: 1)"))
    .addOption(flag("--path-mode <mode>", "how paths are made canonical (default: reject)").choices(PATH_MODES))
    .addOption(
      flag("--underscores <policy>", "header names with a _ (default: keep)").choices(["keep", "drop", "reject"]),
    )
    .addOption(flag("--access-log <where>", "off, stdout or a file (default: stdout)"))
    .addOption(flag("--log-level <level>", "trace, debug, info, warn, error, fatal or silent (default: info)"))
    .addOption(flag("--accept-older", "take a snapshot of an older revision, or of another mesh"));
  for (const name of PROXY_LIMIT_NAMES) {
    const { unit, words, default: byDefault } = PROXY_LIMITS[name];
    const range = `(${describeRange(name)}; default ${byDefault})`;
    command.addOption(flag(`--${limitFlag(name)} <${unit}>`, `${words} ${range}`).helpGroup("Limits:"));
  }
  return command;
}

/** Every violation at once, as the proxy's own reader of settings finds them. */
export async function proxyConfig(settings: ProxySettings): Promise<ProxyConfig> {
  const { readProxyConfig } = await import("../../data-plane/config.ts");
  const { unusableFiles } = await import("../../data-plane/unusable-files.ts");
  const config = readProxyConfig(settings);
  const found = config.ok ? unusableFiles(config.value) : config.error;
  if (config.ok && found.length === 0) return config.value;
  throw new CliError(found.map(({ path, message }) => `${path} ${message}`).join("\n"), EXIT.usage, [
    "heddle proxy --help",
  ]);
}

/** A variable brings several with commas: HEDDLE_UPSTREAM=reviews=9091,ratings=9092. */
function collectList(value: string, previous: readonly string[] | undefined): readonly string[] {
  return value.split(",").reduce((list, part) => collect(part, list), previous ?? []);
}
