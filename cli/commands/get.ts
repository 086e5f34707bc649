import type { Command } from "commander";

import { parseKey, KEY_FORMS } from "../documents/parse-key.ts";
import { KIND_ARGUMENT, parseKind } from "../documents/kind-names.ts";
import { outputOption, print, printData, type Format } from "../output/formats.ts";
import type { Cli } from "../terminal.ts";
import { examples, serverOption, withClient } from "./shared-options.ts";

export interface ReadFlags {
  readonly server: string;
  readonly output: Format;
}

export function addGet(program: Command, cli: Cli): void {
  const command = program
    .command("get")
    .helpGroup("Resources:")
    .summary("show one resource")
    .description(`Shows one resource. Keys: ${Object.values(KEY_FORMS).join(", ")}.`)
    .argument("<kind>", KIND_ARGUMENT)
    .argument("<key>", "as `heddle list` prints it; a split also as SOURCE:DESTINATION")
    .addOption(serverOption())
    .addOption(outputOption());
  examples(command, [
    "heddle get policy reviews",
    "heddle get split web:reviews -o yaml > split.yaml",
    "heddle get endpoint reviews/127.0.0.1:9101 -o json",
  ]);
  command.action((kind: string, key: string, flags: ReadFlags) => get(cli, [kind, key], flags));
}

export function addList(program: Command, cli: Cli): void {
  const command = program
    .command("list")
    .helpGroup("Resources:")
    .summary("list the resources of a kind")
    .description("Lists the resources of one kind, sorted by key. What -o yaml prints can be applied again.")
    .argument("<kind>", KIND_ARGUMENT)
    .addOption(serverOption())
    .addOption(outputOption());
  examples(command, ["heddle list policies", "heddle list endpoints -o wide", "heddle list splits -o json"]);
  command.action((kind: string, flags: ReadFlags) => list(cli, kind, flags));
}

/** Prints the resource `[kind, key]` names. */
export async function get(cli: Cli, [kindName, keyText]: readonly [string, string], flags: ReadFlags): Promise<void> {
  const kind = parseKind(kindName);
  const key = parseKey(kind, keyText);
  const { documentOf } = await import("../documents/resource-document.ts");
  const document = await withClient(flags.server, async (client) => documentOf(await client.get(key)));
  if (flags.output === "json" || flags.output === "yaml") return printData(cli.terminal, flags.output, document);
  const { renderFields } = await import("../documents/diff-documents.ts");
  const { toldColumns } = await import("../documents/column-groups.ts");
  const told = toldColumns(kind, document);
  cli.terminal.out(renderFields(told));
  const left = Object.keys(document).length - Object.keys(told).length;
  if (left > 0)
    cli.terminal.note(`${left} more settings are at their defaults: heddle get ${kindName} ${keyText} -o yaml`);
}

export async function list(cli: Cli, kindName: string, flags: ReadFlags): Promise<void> {
  const kind = parseKind(kindName);
  const { documentOf } = await import("../documents/resource-document.ts");
  const { resourceColumns } = await import("../documents/resource-columns.ts");
  const documents = await withClient(flags.server, async (client) => (await client.list(kind)).map(documentOf));
  await print(cli.terminal, flags.output, {
    columns: resourceColumns(kind, Date.now()),
    rows: documents,
    data: documents,
    empty: `no ${kind} rows; add some with: heddle apply -f FILE`,
  });
}
