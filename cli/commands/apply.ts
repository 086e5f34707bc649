import { Option, type Command } from "commander";

import { addMutationOptions, mutationOptions, type MutationFlags } from "./mutation-options.ts";
import { outputOption, type Format } from "../output/formats.ts";
import type { Cli } from "../terminal.ts";
import { collect, examples, serverOption, withClient } from "./shared-options.ts";

interface Flags extends MutationFlags {
  readonly file: readonly string[];
  readonly server: string;
  readonly output: Format;
}

/** `heddle apply -f FILE`: makes the mesh match the documents, in one transaction and one revision. */
export function addApply(program: Command, cli: Cli): void {
  const command = program
    .command("apply")
    .helpGroup("Resources:")
    .summary("create or replace resources from files")
    .description(
      "Creates or replaces the resources in the files, all of them or none, as one revision. " +
        "A column that a document leaves out gets its default.",
    )
    .addOption(
      new Option("-f, --file <path>", "YAML or JSON file, folder, or - for stdin; repeatable")
        .argParser(collect)
        .makeOptionMandatory(),
    )
    .addOption(serverOption())
    .addOption(outputOption());
  addMutationOptions(command);
  examples(command, [
    "heddle apply -f mesh.yaml --dry-run",
    "heddle apply -f mesh/ --wait --reason 'first version'",
    `echo '{kind: TrafficSplit, destination_service: reviews, v1_weight: 90, v2_weight: 10}' | heddle apply -f -`,
  ]);
  command.action((flags: Flags) => apply(cli, flags));
}

async function apply(cli: Cli, flags: Flags): Promise<void> {
  const { readSources } = await import("../documents/read-sources.ts");
  const { reportMutation } = await import("../api/report-mutation.ts");
  const { checkedResources } = await import("../documents/checked-resources.ts");
  const documents = await readSources(flags.file, cli.terminal);
  const resources = checkedResources(documents);
  await withClient(flags.server, async (client) => {
    const result = await client.applyBundle({
      resources: [...resources],
      deletions: [],
      options: mutationOptions(flags),
    });
    await reportMutation(cli, client, result, { flags, output: flags.output });
  });
}
