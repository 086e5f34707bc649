import type { Command } from "commander";

import { KINDS, type Row } from "../../control-plane/catalog/catalog.ts";
import type { AdminClient } from "../api/admin-client.ts";
import type { Finding } from "../check/finding.ts";
import { CliError } from "../cli-error.ts";
import { EXIT } from "../exit-code.ts";
import { outputOption, printData } from "../output/formats.ts";
import { markOf, paintFor } from "../output/paint.ts";
import type { Cli, Terminal } from "../terminal.ts";
import type { ReadFlags } from "./get.ts";
import { examples, serverOption, withClient } from "./shared-options.ts";
import { packageVersion } from "./version.ts";

/** Of more proxies than this, only the first are asked for their version. */
const ASKED_PROXIES_MAX = 32;

export function addCheck(program: Command, cli: Cli): void {
  const command = program
    .command("check")
    .helpGroup("Proxies:")
    .summary("find what is wrong with the mesh")
    .description(
      "Looks at the control plane, the proxies and the rows, and says what is wrong and what mends it. " +
        "Exit code 0 when all is well, 2 when there are problems, 3 when the control plane does not answer.",
    )
    .addOption(serverOption())
    .addOption(outputOption());
  examples(command, ["heddle check", "heddle check -o json", "heddle check --server 10.0.0.5:15020"]);
  command.action((flags: ReadFlags) => check(cli, flags));
}

async function check(cli: Cli, flags: ReadFlags): Promise<void> {
  const findings = await withClient(flags.server, (client) => lookAt(client, flags.server)).catch(unreachableFinding);
  if (flags.output === "json" || flags.output === "yaml") await printData(cli.terminal, flags.output, findings);
  else printFindings(cli.terminal, findings);
  const isDown = findings.some(({ text }) => text.startsWith(DOWN));
  if (isDown) cli.exitWith(EXIT.unreachable);
  else if (findings.some(({ mark }) => mark === "bad")) cli.exitWith(EXIT.problems);
}

const DOWN = "control plane unreachable";

function unreachableFinding(error: unknown): readonly Finding[] {
  if (!(error instanceof CliError) || error.exitCode !== EXIT.unreachable) throw error;
  return [{ mark: "bad", text: error.message, remedy: error.remedies[0] ?? "" }];
}

async function lookAt(client: AdminClient, server: string): Promise<readonly Finding[]> {
  const { catalogFindings } = await import("../check/catalog-findings.ts");
  const { proxyFindings, versionFindings } = await import("../check/proxy-findings.ts");
  const { proxies, revision } = await client.proxies();
  const rows = await allRows(client);
  const versions = await versionsOf(proxies);
  return [
    { mark: "ok", text: `control plane answers at ${server}, revision r${revision}` },
    ...proxyFindings(proxies, Date.now()),
    ...versionFindings(versions, packageVersion()),
    ...catalogFindings(
      {
        policies: rows.filter((row) => row.kind === "ServicePolicy"),
        endpoints: rows.filter((row) => row.kind === "ServiceEndpoint"),
        splits: rows.filter((row) => row.kind === "TrafficSplit"),
        routes: rows.filter((row) => row.kind === "Route"),
      },
      (service) => proxies.some((proxy) => proxy.service === service),
    ),
  ];
}

async function allRows(client: AdminClient): Promise<readonly Row[]> {
  const { documentOf } = await import("../documents/resource-document.ts");
  const { rowFromStoredDocument } = await import("../../control-plane/catalog/document.ts");
  const lists = await Promise.all(
    KINDS.map(async (kind) => {
      const resources = await client.list(kind);
      return resources.map((resource) => rowFromStoredDocument(kind, documentOf(resource)));
    }),
  );
  return lists.flat();
}

async function versionsOf(
  proxies: Awaited<ReturnType<AdminClient["proxies"]>>["proxies"],
): Promise<ReadonlyMap<string, string | undefined>> {
  const { askProxy } = await import("../api/proxy-admin.ts");
  const asked = proxies.filter((proxy) => proxy.connected && proxy.adminAddress !== "").slice(0, ASKED_PROXIES_MAX);
  const answers = await Promise.all(
    asked.map(async ({ nodeId, adminAddress }) => {
      const ready = await askProxy(adminAddress, "/ready").catch(noAnswer);
      return [nodeId, ready?.proxy.heddle] as const;
    }),
  );
  return new Map(answers);
}

function noAnswer(error: unknown): undefined {
  if (!(error instanceof CliError)) throw error;
  return undefined;
}

export function printFindings(terminal: Terminal, findings: readonly Finding[]): void {
  const paint = paintFor(terminal.hasColor);
  const color = { ok: paint.good, warn: paint.warn, bad: paint.bad };
  for (const finding of findings) {
    terminal.out(`${color[finding.mark](markOf(finding.mark, terminal.hasUnicode))} ${finding.text}\n`);
    if (finding.mark !== "ok") terminal.out(`    -> ${finding.remedy}\n`);
  }
}
