import { Argument, type Command } from "commander";

import { inputError } from "../cli-error.ts";
import { EXIT } from "../exit-code.ts";
import { outputOption, printData, type Format } from "../output/formats.ts";
import { paintFor } from "../output/paint.ts";
import type { AdminClient } from "../api/admin-client.ts";
import type { DocumentChange } from "../documents/diff-documents.ts";
import type { Cli } from "../terminal.ts";
import { parseRevision } from "./mutation-options.ts";
import { examples, serverOption, withClient } from "./shared-options.ts";

interface Flags {
  readonly server: string;
  readonly output: Format;
}

/** More revisions than this are not put together over the wire. */
const REVISIONS_MAX = 1_000n;

export function addDiff(program: Command, cli: Cli): void {
  const command = program
    .command("diff")
    .helpGroup("Changes:")
    .summary("show what one revision, or several, changed")
    .description(
      "Shows the rows that a revision changed; with two, what changed from the content of the first to that of the second. " +
        "Exit code 2 when anything differs, 0 when nothing does.",
    )
    .addArgument(new Argument("<revision>", "such as r42").argParser(parseRevision))
    .addArgument(new Argument("[second]", "a later one").argParser(parseRevision))
    .addOption(serverOption())
    .addOption(outputOption());
  examples(command, ["heddle diff r42", "heddle diff r40 r42", "heddle diff r42 -o json"]);
  command.action((revision: bigint, second: bigint | undefined, flags: Flags) => diff(cli, [revision, second], flags));
}

async function diff(cli: Cli, [one, two]: readonly [bigint, bigint | undefined], flags: Flags): Promise<void> {
  const [first, last] = two === undefined ? [one, one] : [one + 1n, two];
  if (two !== undefined && two < one) throw inputError(`r${two} is older than r${one}`, `heddle diff r${two} r${one}`);
  if (last - first >= REVISIONS_MAX) throw inputError(`at most ${REVISIONS_MAX} revisions at once`);
  const changes = await withClient(flags.server, (client) => changesBetween(client, first, last));
  if (changes.length > 0) cli.exitWith(EXIT.problems);
  if (flags.output === "json" || flags.output === "yaml") return printData(cli.terminal, flags.output, changes);
  const { renderChange } = await import("../documents/diff-documents.ts");
  const paint = paintFor(cli.terminal.hasColor);
  for (const change of changes) cli.terminal.out(renderChange(change, paint));
  if (changes.length === 0) cli.terminal.note("no difference");
}

/** The first `before` and the last `after` of every row that any of the revisions touched. */
async function changesBetween(client: AdminClient, first: bigint, last: bigint): Promise<readonly DocumentChange[]> {
  const { documentChange } = await import("../api/report-mutation.ts");
  const { isRealChange } = await import("../documents/diff-documents.ts");
  const rows = new Map<string, DocumentChange>();
  for (let revision = first; revision <= last; revision += 1n) {
    for (const change of (await client.revision(revision)).changes.map(documentChange)) {
      const name = `${change.kind} ${change.key}`;
      rows.set(name, { ...change, before: rows.has(name) ? rows.get(name)?.before : change.before });
    }
  }
  return [...rows.values()].filter(isRealChange);
}
