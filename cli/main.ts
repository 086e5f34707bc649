import { CommanderError } from "commander";

import { CliError } from "./cli-error.ts";
import { processTerminal } from "./config.ts";
import { EXIT } from "./exit-code.ts";
import { buildProgram } from "./program.ts";
import type { Terminal } from "./terminal.ts";

/**
 * Runs one command of the command line and settles with its exit code. `argv` are the words after `heddle`. Every
 * foreseen failure is printed as what is wrong, and below it what mends it.
 */
export async function main(argv: readonly string[], terminal: Terminal = processTerminal()): Promise<number> {
  let exitCode: number = EXIT.ok;
  const exitWith = (code: number): void => {
    exitCode = code;
  };
  try {
    await buildProgram({ terminal, exitWith }).parseAsync([...argv], { from: "user" });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    if (!(error instanceof CliError)) throw error;
    terminal.note(`error: ${error.message}`);
    for (const remedy of error.remedies) terminal.note(`  -> ${remedy}`);
    return error.exitCode;
  }
}
