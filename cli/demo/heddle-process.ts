import { spawn, type ChildProcess } from "node:child_process";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";

import { packageRoot } from "../../shared/package-root.ts";
import { CliError } from "../cli-error.ts";
import { childEnvironment } from "../config.ts";

/** Lines of stderr that are kept for the report of a failure. */
const WORDS_KEPT = 20;
const READY_POLL_MS = 20;
const READY_MAX_MS = 60_000;

/** A `heddle` command of the demo, as a process of its own. It dies with the demo, however the demo dies. */
export class HeddleProcess {
  readonly name: string;
  readonly #readyFile: string;
  readonly #child: ChildProcess;
  readonly #words: string[] = [];
  #hasExited = false;
  readonly exited: Promise<void>;

  constructor(name: string, folder: string, args: readonly string[], onLine: (line: string) => void) {
    this.name = name;
    this.#readyFile = join(folder, `${name}.ready.json`);
    rmSync(this.#readyFile, { force: true });
    const [command = "", ...flags] = args;
    this.#child = spawn(
      process.execPath,
      [join(packageRoot, "cli", "heddle.mjs"), command, "--ready-file", this.#readyFile, ...flags],
      // The pipes close with this process: stdin tells the app of `heddle run`, number 3 tells heddle itself.
      { stdio: ["pipe", "pipe", "pipe", "pipe"], env: cleanEnvironment() },
    );
    this.exited = new Promise((done) => {
      this.#child.once("exit", () => {
        this.#hasExited = true;
        done();
      });
    });
    // What is told to a program that is ending is lost; that it has ended is told by `exited`.
    this.#child.stdin?.on("error", () => {});
    if (this.#child.stdout !== null) createInterface({ input: this.#child.stdout }).on("line", onLine);
    if (this.#child.stderr !== null)
      createInterface({ input: this.#child.stderr }).on("line", (line) => this.#keep(line));
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Settles with the real addresses once the process serves. */
  async ready(): Promise<Readonly<Record<string, string>>> {
    const giveUpMs = performance.now() + READY_MAX_MS;
    while (!existsSync(this.#readyFile)) {
      if (this.#hasExited) throw new CliError(`${this.name} did not start:\n${this.lastWords()}`);
      if (performance.now() > giveUpMs)
        throw new CliError(`${this.name} is not ready after ${READY_MAX_MS / 1_000} s:\n${this.lastWords()}`);
      await new Promise((done) => setTimeout(done, READY_POLL_MS));
    }
    const content: Readonly<Record<string, string>> = JSON.parse(readFileSync(this.#readyFile, "utf8"));
    return content;
  }

  /** Does nothing to a process that has ended. */
  signal(signal: NodeJS.Signals): void {
    if (!this.#hasExited) this.#child.kill(signal);
  }

  /** One line to its stdin, which `heddle run` leaves to its app. */
  tell(line: string): void {
    if (!this.#hasExited) this.#child.stdin?.write(`${line}\n`);
  }

  /** Asks it to stop; after `patienceMs` it is killed. Settles when it is gone. */
  async stop(patienceMs: number): Promise<void> {
    this.signal("SIGTERM");
    const kill = setTimeout(() => this.kill(), patienceMs);
    await this.exited;
    clearTimeout(kill);
  }

  /** Ends it at once; its app sees its stdin close. */
  kill(): void {
    this.signal("SIGKILL");
    this.#child.stdin?.destroy();
  }

  lastWords(): string {
    return this.#words.map((line) => `    ${line}`).join("\n");
  }

  #keep(line: string): void {
    this.#words.push(line);
    if (this.#words.length > WORDS_KEPT) this.#words.shift();
  }
}

/** The demo says everything in flags: variables of the person who runs it must not leak into its mesh. */
function cleanEnvironment(): Record<string, string | undefined> {
  const kept = Object.entries(childEnvironment({})).filter(
    ([name]) => !/^(HEDDLE_|https?_proxy$|no_proxy$)/i.test(name),
  );
  return { ...Object.fromEntries(kept), HEDDLE_PARENT_PIPE: "3" };
}
