import { Command } from "commander";

import { addApply } from "./commands/apply.ts";
import { addBackup } from "./commands/backup.ts";
import { addCall } from "./commands/call.ts";
import { addCheck } from "./commands/check.ts";
import { addCompletion } from "./commands/completion.ts";
import { addControlPlane } from "./commands/control-plane.ts";
import { addDemo } from "./commands/demo.ts";
import { addDelete } from "./commands/delete.ts";
import { addDiff } from "./commands/diff.ts";
import { addGet, addList } from "./commands/get.ts";
import { addHistory } from "./commands/history.ts";
import { addNode } from "./commands/node.ts";
import { addPc } from "./commands/pc.ts";
import { addProxy } from "./commands/proxy.ts";
import { addPs } from "./commands/ps.ts";
import { addRestore } from "./commands/restore.ts";
import { addRollback } from "./commands/rollback.ts";
import { addRun } from "./commands/run.ts";
import { addNouns } from "./commands/set.ts";
import { addSimulate } from "./commands/simulate.ts";
import { addVersion, packageVersion } from "./commands/version.ts";
import { addWatch } from "./commands/watch.ts";
import type { Cli } from "./terminal.ts";

/** All commands, in the order of the help. Each file imports what is heavy only when its command runs. */
export function buildProgram(cli: Cli): Command {
  const program = new Command("heddle");
  program
    .description("A service mesh: a control plane on SQLite, xDS on the wire, a proxy beside every service.")
    .version(packageVersion(), "-V, --version", "print the version")
    .helpOption("-h, --help", "show help")
    .commandsGroup("Help:")
    .helpCommand("help [command]", "show help of a command")
    .enablePositionalOptions()
    .showHelpAfterError("  -> heddle --help")
    .addHelpText("after", FIRST_STEPS);
  addControlPlane(program, cli);
  addProxy(program, cli);
  addRun(program, cli);
  addDemo(program, cli);
  addNode(program, cli);
  addSimulate(program, cli);
  addApply(program, cli);
  addGet(program, cli);
  addList(program, cli);
  addDelete(program, cli);
  addWatch(program, cli);
  addNouns(program, cli);
  addPs(program, cli);
  addPc(program, cli);
  addCheck(program, cli);
  addHistory(program, cli);
  addDiff(program, cli);
  addRollback(program, cli);
  addBackup(program, cli);
  addRestore(program, cli);
  addCall(program, cli);
  addCompletion(program, cli);
  addVersion(program, cli);
  finish(program, cli, "heddle");
  return program;
}

const FIRST_STEPS = `
Examples:
  $ heddle demo
  $ heddle control-plane --db mesh.db
  $ heddle run --service reviews --version v1 --app 127.0.0.1:9101 -- node reviews.js
  $ heddle split set reviews --v2-weight 10 --wait
`;

/** What holds for every command below `command`: output through the terminal, no exit, help after errors. */
function finish(command: Command, cli: Cli, path: string): void {
  const { terminal } = cli;
  command.exitOverride();
  command.configureOutput({
    writeOut: (text) => terminal.out(text),
    writeErr: (text) => terminal.note(text.replace(/\n$/, "")),
    getOutHelpWidth: () => terminal.width,
    getErrHelpWidth: () => terminal.width,
    getOutHasColors: () => terminal.hasColor,
    getErrHasColors: () => false,
  });
  if (path !== "heddle") command.showHelpAfterError(`  -> ${path} --help`);
  for (const child of command.commands) finish(child, cli, `${path} ${child.name()}`);
}
