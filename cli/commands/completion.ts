import { Argument, type Command } from "commander";

import { completionScript, SHELLS, type Completions, type Shell } from "../output/completion-script.ts";
import type { Cli } from "../terminal.ts";
import { examples } from "./shared-options.ts";

export function addCompletion(program: Command, cli: Cli): void {
  const command = program
    .command("completion")
    .helpGroup("Help:")
    .summary("print a completion script for a shell")
    .description("Prints a script that completes commands, kinds and flags.")
    .addArgument(new Argument("<shell>", "which shell").choices(SHELLS));
  examples(command, [
    "source <(heddle completion bash)",
    "heddle completion zsh > ~/.zfunc/_heddle",
    "heddle completion fish > ~/.config/fish/completions/heddle.fish",
  ]);
  command.action((shell: Shell) => cli.terminal.out(completionScript(shell, completionsOf(program, ""))));
}

const KIND_WORDS = ["policy", "endpoint", "split", "route"];

/** What may follow each chain of commands: their names, the values of arguments, the flags. */
function completionsOf(command: Command, path: string): readonly Completions[] {
  const children = command.commands.map((child) => ({
    word: child.name(),
    help: child.summary() || child.description(),
  }));
  const values = command.registeredArguments.flatMap((argument) =>
    argument.name() === "kind" ? KIND_WORDS : (argument.argChoices ?? []),
  );
  const flags = command.options
    .filter((option) => !option.hidden && typeof option.long === "string")
    .map((option) => ({ word: option.long ?? "", help: option.description }));
  const words = [
    ...children,
    ...values.map((word) => ({ word, help: "" })),
    ...flags,
    { word: "--help", help: "show help" },
  ];
  return [
    { path, words },
    ...command.commands.flatMap((child) => completionsOf(child, `${path} ${child.name()}`.trim())),
  ];
}
