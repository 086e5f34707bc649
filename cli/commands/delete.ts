import { Option, type Command } from "commander";

import type { RowKey } from "../../control-plane/catalog/row-key.ts";
import { usageError } from "../cli-error.ts";
import { KIND_ARGUMENT, parseKind } from "../documents/kind-names.ts";
import { parseKey } from "../documents/parse-key.ts";
import { outputOption, type Format } from "../output/formats.ts";
import type { Cli } from "../terminal.ts";
import { addMutationOptions, mutationOptions, type MutationFlags } from "./mutation-options.ts";
import { collect, examples, serverOption, withClient } from "./shared-options.ts";

export interface DeleteFlags extends MutationFlags {
  readonly file?: readonly string[];
  readonly server: string;
  readonly output: Format;
}

export function addDelete(program: Command, cli: Cli): void {
  const command = program
    .command("delete")
    .helpGroup("Resources:")
    .summary("delete resources")
    .description("Deletes the named resources, or those that files name, as one revision.")
    .argument("[kind]", KIND_ARGUMENT)
    .argument("[keys...]", "as `heddle list` prints them")
    .addOption(
      new Option("-f, --file <path>", "delete what this file, folder or - names; repeatable").argParser(collect),
    )
    .addOption(serverOption())
    .addOption(outputOption());
  addMutationOptions(command);
  examples(command, [
    "heddle delete split web:reviews",
    "heddle delete endpoint reviews/127.0.0.1:9101 --force",
    "heddle delete -f mesh.yaml --dry-run",
  ]);
  command.action((kind: string | undefined, keys: readonly string[], flags: DeleteFlags) =>
    deleteRows(cli, [...(kind === undefined ? [] : [kind]), ...keys], flags),
  );
}

/** `words` are a kind and its keys, or nothing when files name the rows. */
export async function deleteRows(cli: Cli, words: readonly string[], flags: DeleteFlags): Promise<void> {
  const [kindName, ...keyTexts] = words;
  const keys = kindName === undefined ? [] : namedKeys(kindName, keyTexts);
  if (keys.length === 0 && flags.file === undefined) {
    throw usageError("nothing to delete: name a kind and keys, or a file", "heddle delete policy reviews");
  }
  const { resourceKey } = await import("../documents/resource-document.ts");
  const { reportMutation } = await import("../api/report-mutation.ts");
  const all = [...keys, ...(await keysInFiles(cli, flags.file ?? []))];
  await withClient(flags.server, async (client) => {
    const deletions = all.map(resourceKey);
    const result = await client.applyBundle({ resources: [], deletions, options: mutationOptions(flags) });
    await reportMutation(cli, client, result, { flags, output: flags.output });
  });
}

function namedKeys(kindName: string, keyTexts: readonly string[]): readonly RowKey[] {
  const kind = parseKind(kindName);
  if (keyTexts.length === 0) throw usageError(`which ${kind}? name a key`, `heddle list ${kindName}`);
  return keyTexts.map((text) => parseKey(kind, text));
}

async function keysInFiles(cli: Cli, files: readonly string[]): Promise<readonly RowKey[]> {
  if (files.length === 0) return [];
  const { readSources } = await import("../documents/read-sources.ts");
  const { checkedKeys } = await import("../documents/checked-resources.ts");
  return checkedKeys(await readSources(files, cli.terminal));
}
