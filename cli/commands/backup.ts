import type { Command } from "commander";

import type { Cli } from "../terminal.ts";
import { flag } from "../flag.ts";
import { examples, serverOption, withClient } from "./shared-options.ts";

interface Flags {
  readonly server: string;
  readonly force?: true;
}

export function addBackup(program: Command, cli: Cli): void {
  const command = program
    .command("backup")
    .helpGroup("Changes:")
    .summary("save a consistent copy of the store")
    .description(
      "Saves a consistent copy of the running store, history included. The file is a SQLite database for its owner alone. " +
        "To go back to it, stop the control plane and use heddle restore: a plain copy would be older than what proxies hold.",
    )
    .argument("<file>", "written whole or not at all")
    .addOption(flag("--force", "replace the file when it exists"))
    .addOption(serverOption());
  examples(command, ["heddle backup mesh-2026-11-21.db", "heddle restore mesh-2026-11-21.db --db mesh.db --force"]);
  command.action(async (file: string, flags: Flags) => {
    const { saveBackup } = await import("../api/save-backup.ts");
    const bytes = await withClient(flags.server, (client) => saveBackup(client, file, flags.force === true));
    cli.terminal.out(`${file}: ${bytes} bytes\n`);
  });
}
