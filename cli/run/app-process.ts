import { spawn, type ChildProcess } from "node:child_process";
import { constants } from "node:os";

import { CliError } from "../cli-error.ts";
import { childEnvironment } from "../config.ts";

/** The application beside a proxy: one child process with our own stdin, stdout and stderr. */
export class AppProcess {
  readonly #child: ChildProcess;
  /** Settles with the exit code as a shell would tell it: 128 + n for an app that signal n ended. */
  readonly exited: Promise<number>;

  constructor(command: readonly string[], environment: Readonly<Record<string, string>>) {
    const [program = "", ...args] = command;
    this.#child = spawn(program, args, { stdio: "inherit", env: childEnvironment(environment) });
    this.exited = new Promise((done, failed) => {
      this.#child.once("error", (error: NodeJS.ErrnoException) => failed(cannotStart(program, error)));
      this.#child.once("exit", (code, signal) => done(exitCodeOf(code, signal)));
    });
  }

  /** Does nothing once the app has ended. */
  signal(signal: NodeJS.Signals): void {
    if (this.#child.exitCode === null && this.#child.signalCode === null) this.#child.kill(signal);
  }
}

function exitCodeOf(code: number | null, signal: NodeJS.Signals | null): number {
  return signal === null ? (code ?? 1) : 128 + constants.signals[signal];
}

/** The exit codes of a POSIX shell: 127 when there is no such command, 126 when it cannot be run. */
function cannotStart(program: string, error: NodeJS.ErrnoException): CliError {
  if (error.code === "ENOENT") return new CliError(`cannot start ${program}: no such command`, 127);
  return new CliError(`cannot start ${program}: ${error.message}`, 126);
}
