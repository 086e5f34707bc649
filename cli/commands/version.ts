import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Command } from "commander";

import { packageRoot } from "../../shared/package-root.ts";
import type { Cli } from "../terminal.ts";
import { examples } from "./shared-options.ts";

export function addVersion(program: Command, cli: Cli): void {
  const command = program
    .command("version")
    .helpGroup("Help:")
    .summary("print the versions of Heddle and Node")
    .description("Prints the versions of Heddle, Node.js and the platform.");
  examples(command, ["heddle version", "heddle --version"]);
  command.action(() => {
    cli.terminal.out(`heddle ${packageVersion()}\nnode ${process.version} ${process.platform} ${process.arch}\n`);
  });
}

/** The version in package.json. */
export function packageVersion(): string {
  const manifest: { readonly version?: string } = JSON.parse(readFileSync(join(packageRoot, "package.json"), "utf8"));
  return manifest.version ?? "unknown";
}
