import { InvalidArgumentError, type Command } from "commander";

import type { Revision } from "../../shared/wire/admin-api.ts";
import { formatAgo } from "../output/age.ts";
import { outputOption, print, type Format } from "../output/formats.ts";
import type { Cli } from "../terminal.ts";
import { examples, serverOption, withClient } from "./shared-options.ts";
import { flag } from "../flag.ts";

interface Flags {
  readonly server: string;
  readonly output: Format;
  readonly limit: number;
}

export function addHistory(program: Command, cli: Cli): void {
  const command = program
    .command("history")
    .helpGroup("Changes:")
    .summary("list revisions: who changed what, when and why")
    .description("Lists the revisions of the mesh, newest first.")
    .addOption(flag("-n, --limit <count>", "at most this many").argParser(parseCount).default(20))
    .addOption(serverOption())
    .addOption(outputOption());
  examples(command, ["heddle history", "heddle history -n 100 -o json", "heddle diff r41 r42"]);
  command.action((flags: Flags) => history(cli, flags));
}

async function history(cli: Cli, flags: Flags): Promise<void> {
  const nowMs = Date.now();
  const revisions = await withClient(flags.server, (client) => client.revisions(flags.limit));
  await print<Revision>(cli.terminal, flags.output, {
    columns: [
      { header: "REV", text: ({ revision }) => `r${revision}` },
      { header: "AGE", text: ({ committedAt }) => formatAgo(committedAt?.getTime(), nowMs) },
      { header: "AUTHOR", text: ({ author }) => author },
      { header: "CHANGES", align: "right", text: ({ changeCount }) => String(changeCount) },
      { header: "REASON", text: ({ reason }) => reason },
    ],
    rows: revisions,
    data: revisions.map((entry) => ({
      revision: entry.revision,
      committed_at: entry.committedAt?.toISOString(),
      author: entry.author,
      reason: entry.reason,
      change_count: entry.changeCount,
    })),
    empty: "no revisions yet; the first change makes one: heddle apply -f FILE",
  });
}

export function parseCount(text: string): number {
  const count = Number(text);
  if (!Number.isInteger(count) || count < 1 || count > 100_000) {
    throw new InvalidArgumentError("it is a whole number from 1 to 100000.");
  }
  return count;
}
