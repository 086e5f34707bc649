import { spawn, type ChildProcess } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { connect } from "node:net";

import { pidsOf } from "../figures/process-tree.ts";

const POLL_MS = 20;
const START_MS_MAX = 20_000;
const STOP_MS_MAX = 2_000;
const WORDS_CHARS_MAX = 2_000;

/** A program under test: started, waited for, ended with all its children by their ids. */
export class Program {
  readonly #child: ChildProcess;
  #words = "";
  #hasEnded = false;

  constructor(command: string, args: readonly string[], env: NodeJS.ProcessEnv = process.env) {
    this.#child = spawn(command, args, { stdio: ["ignore", "ignore", "pipe"], env });
    this.#child.stderr?.on("data", (bytes: Buffer) => {
      this.#words = (this.#words + bytes.toString()).slice(-WORDS_CHARS_MAX);
    });
    this.#child.on("error", (error) => this.#onEnd(error.message));
    this.#child.on("exit", (code, signal) => this.#onEnd(`it ended with ${signal ?? code}`));
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Settles once somebody accepts connections at the port. */
  async listening(port: number): Promise<void> {
    await this.#until(() => accepts(port), `nothing listens at port ${port}`);
  }

  /** The JSON of the file that the program writes when it serves; half a file is waited for. */
  async ready(file: string): Promise<Readonly<Record<string, string>>> {
    let content = "";
    const isWhole = async (): Promise<boolean> => {
      content = existsSync(file) ? readFileSync(file, "utf8") : "";
      return content.endsWith("\n") || content.endsWith("}");
    };
    await this.#until(isWhole, `${file} was not written`);
    // `--ready-file` has one flat object of addresses.
    return JSON.parse(content) as Readonly<Record<string, string>>;
  }

  /** SIGTERM, and SIGKILL for what is left of it and its children after that time. */
  async stop(graceMs = STOP_MS_MAX): Promise<void> {
    const family = pidsOf([this.pid]);
    this.#child.kill();
    const lateMs = performance.now() + graceMs;
    while (!this.#hasEnded && performance.now() < lateMs) await pause(POLL_MS);
    for (const pid of family) endNow(pid);
  }

  async #until(isTrue: () => Promise<boolean>, complaint: string): Promise<void> {
    const lateMs = performance.now() + START_MS_MAX;
    while (!(await isTrue())) {
      if (this.#hasEnded || performance.now() > lateMs)
        throw new Error(`${this.#child.spawnargs.join(" ")}: ${complaint}\n${this.#words}`);
      await pause(POLL_MS);
    }
  }

  #onEnd(words: string): void {
    this.#hasEnded = true;
    this.#words += `\n${words}`;
  }
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: "127.0.0.1" });
    const settle = (isOpen: boolean): void => {
      socket.destroy();
      resolve(isOpen);
    };
    socket.on("connect", () => settle(true)).on("error", () => settle(false));
  });
}

function endNow(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It ended by itself.
  }
}
