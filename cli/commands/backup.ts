import type { Command } from "commander";

import type { Cli } from "../terminal.ts";
import { examples, serverOption, withClient } from "./shared-options.ts";

interface Flags {
  readonly server: string;
}

export function addBackup(program: Command, cli: Cli): void {
  const command = program
    .command("backup")
    .helpGroup("Changes:")
    .summary("save a consistent copy of the store")
    .description(
      "Saves a consistent copy of the running store, history included, into a new file. The file is a SQLite database.\n" +
        "To restore: stop the control plane, put the file in the place of its --db, start it again.",
    )
    .argument("<file>", "written whole or not at all; must not exist")
    .addOption(serverOption());
  examples(command, ["heddle backup mesh-2026-11-21.db", "heddle control-plane --db mesh-2026-11-21.db"]);
  command.action(async (file: string, flags: Flags) => {
    const { saveBackup } = await import("../api/save-backup.ts");
    const bytes = await withClient(flags.server, (client) => saveBackup(client, file));
    cli.terminal.out(`${file}: ${bytes} bytes\n`);
  });
}
