import type { Command } from "commander";

import type { Restored } from "../../control-plane/store/restore.ts";
import { systemClock } from "../../shared/clock.ts";
import { CliError } from "../cli-error.ts";
import { defaultAuthor } from "../config.ts";
import { EXIT } from "../exit-code.ts";
import { flag } from "../flag.ts";
import type { Cli } from "../terminal.ts";
import { parseRevision } from "./mutation-options.ts";
import { examples } from "./shared-options.ts";

interface Flags {
  readonly db: string;
  readonly force?: true;
  readonly revision?: bigint;
}

export function addRestore(program: Command, cli: Cli): void {
  const command = program
    .command("restore")
    .helpGroup("Changes:")
    .summary("put a backup in the place of the store")
    .description(
      "Checks a backup and puts it in the place of a stopped control plane's store, whole or not at all. " +
        "Its content becomes a new revision, above every one that proxies hold, so that they take it.",
    )
    .argument("<backup>", "what heddle backup has saved")
    .addOption(flag("--db <file>", "the store that the control plane is started with").makeOptionMandatory())
    .addOption(flag("--force", "replace the store when it exists; it is kept as FILE.before-restore"))
    .addOption(
      flag(
        "--revision <rN>",
        "the newest that any proxy holds; needed only without a readable store (else: above the time in Unix seconds)",
      ).argParser(parseRevision),
    );
  examples(command, [
    "heddle restore mesh-2026-11-21.db --db mesh.db --force",
    "heddle restore mesh-2026-11-21.db --db mesh.db --revision r5120",
  ]);
  command.action((backup: string, flags: Flags) => restore(cli, backup, flags));
}

async function restore(cli: Cli, backup: string, flags: Flags): Promise<void> {
  const { restoreStore } = await import("../../control-plane/store/restore.ts");
  const revision = flags.revision === undefined ? undefined : Number(flags.revision);
  const options = { backup, file: flags.db, force: flags.force === true, revision };
  const restored = restoreStore({ ...options, author: defaultAuthor(), clock: systemClock });
  if (!restored.ok) throw new CliError(`nothing is restored into ${flags.db}: ${restored.error}`, EXIT.failed);
  const { from, kept } = restored.value;
  cli.terminal.out(`${flags.db}: restored from backup of r${from} as r${restored.value.revision}\n`);
  if (kept !== undefined) cli.terminal.note(`  the store before is kept as ${kept}`);
  cli.terminal.note(`  ${whyThatRevision(restored.value)}`);
  cli.terminal.note(`  -> heddle control-plane --db ${flags.db}`);
}

function whyThatRevision({ above, revision }: Restored): string {
  switch (above) {
    case "replaced":
      return "that is above the store before, so every proxy takes it";
    case "named":
      return "that is above the revision you named; a proxy that holds a newer one would refuse it";
    case "jump":
      return `no store was there to tell what proxies hold: if any has more than r${revision}, restore with --revision`;
  }
}
