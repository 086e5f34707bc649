import { spawn, type ChildProcess } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, watch } from "node:fs";
import { basename, dirname, join } from "node:path";
import { createInterface } from "node:readline";

import { packageRoot } from "../../shared/package-root.ts";

const STDERR_LINES_KEPT = 60;

/** A process of the test: started, watched, ended by its own pid. `args` are those of Node. */
export class Child {
  readonly name: string;
  readonly #process: ChildProcess;
  readonly #stderr: string[] = [];
  readonly exited: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>;

  constructor(name: string, args: readonly string[], onLine: (line: string) => void = () => {}) {
    this.name = name;
    // Through pipe 3 a heddle process notices when this one is gone, and ends too.
    this.#process = spawn(process.execPath, args, {
      cwd: packageRoot,
      stdio: ["ignore", "pipe", "pipe", "pipe"],
      env: { ...process.env, HEDDLE_PARENT_PIPE: `3:${process.pid}` },
    });
    createInterface({ input: this.#process.stdout! }).on("line", onLine);
    createInterface({ input: this.#process.stderr! }).on("line", (line) => {
      this.#stderr.push(line);
      if (this.#stderr.length > STDERR_LINES_KEPT) this.#stderr.shift();
    });
    this.exited = new Promise((done) => this.#process.on("exit", (code, signal) => done({ code, signal })));
  }

  get pid(): number {
    return this.#process.pid ?? -1;
  }

  get alive(): boolean {
    return this.#process.exitCode === null && this.#process.signalCode === null;
  }

  signal(signal: NodeJS.Signals): void {
    if (this.alive) this.#process.kill(signal);
  }

  /** Ends it at once and waits until it is gone. */
  async kill(): Promise<void> {
    this.signal("SIGKILL");
    await this.exited;
  }

  /** Asks it to stop and waits until it did. */
  async terminate(): Promise<void> {
    this.signal("SIGTERM");
    await this.exited;
  }

  /** The newest lines of stderr, for the report of a failure. */
  lastWords(): string {
    return `${this.name} (pid ${this.pid}):\n${this.#stderr.join("\n")}`;
  }
}

export interface StartOptions {
  /** Flags of the process's Node. */
  readonly nodeFlags?: readonly string[];
  /** Told each line of its stdout, and of a program's that it runs. */
  readonly onLine?: (line: string) => void;
}

/** Starts `heddle ARGS --ready-file F` and settles with F's content once the process serves. F's folder is `folder`. */
export async function startHeddle(
  name: string,
  args: readonly string[],
  folder: string,
  { nodeFlags = [], onLine }: StartOptions = {},
): Promise<HeddleProcess> {
  const readyFile = join(folder, `${name}.ready.json`);
  mkdirSync(folder, { recursive: true });
  rmSync(readyFile, { force: true });
  const appeared = fileAppeared(readyFile);
  // Before a program that `heddle run` is given: what follows is the program's.
  const [command = "", ...rest] = args;
  const child = new Child(name, [...nodeFlags, "cli/heddle.mjs", command, "--ready-file", readyFile, ...rest], onLine);
  const died = child.exited.then(({ code, signal }) => {
    throw new Error(`${name} ended (${code ?? signal}) before it served\n${child.lastWords()}`);
  });
  died.catch(() => {});
  await Promise.race([appeared, died]);
  return { child, ready: JSON.parse(readFileSync(readyFile, "utf8")) as Ready };
}

/** Starts `heddle ARGS` and waits for nothing. */
export function startUnready(name: string, args: readonly string[]): Child {
  return new Child(name, ["cli/heddle.mjs", ...args]);
}

export interface HeddleProcess {
  readonly child: Child;
  readonly ready: Ready;
}

/** What the ready file says: addresses as `host:port`. */
export type Ready = Readonly<Record<string, string>>;

function fileAppeared(path: string): Promise<void> {
  return new Promise((done) => {
    const watcher = watch(dirname(path), (_event, file) => {
      if (file === basename(path) && existsSync(path)) finish();
    });
    const finish = (): void => {
      watcher.close();
      done();
    };
    if (existsSync(path)) finish();
  });
}
