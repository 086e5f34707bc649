import { Argument, type Command } from "commander";

import { outputOption, type Format } from "../output/formats.ts";
import type { Cli } from "../terminal.ts";
import { addMutationOptions, mutationOptions, parseRevision, type MutationFlags } from "./mutation-options.ts";
import { examples, serverOption, withClient } from "./shared-options.ts";

interface Flags extends MutationFlags {
  readonly server: string;
  readonly output: Format;
}

export function addRollback(program: Command, cli: Cli): void {
  const command = program
    .command("rollback")
    .helpGroup("Changes:")
    .summary("bring back the content of an older revision")
    .description("Makes a new revision whose content is that of an older one. Prints what changes.")
    .addArgument(new Argument("<revision>", "such as r41").argParser(parseRevision))
    .addOption(serverOption())
    .addOption(outputOption());
  addMutationOptions(command);
  examples(command, ["heddle rollback r41 --dry-run", "heddle rollback r41 --wait --reason 'v2 was slow'"]);
  command.action((revision: bigint, flags: Flags) => rollback(cli, revision, flags));
}

async function rollback(cli: Cli, toRevision: bigint, flags: Flags): Promise<void> {
  const { reportMutation } = await import("../api/report-mutation.ts");
  await withClient(flags.server, async (client) => {
    const result = await client.rollback({ toRevision, options: mutationOptions(flags) });
    await reportMutation(cli, client, result, { flags, output: flags.output });
  });
}
