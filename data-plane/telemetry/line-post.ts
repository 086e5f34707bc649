import type { MessagePort } from "node:worker_threads";

import type { Timer, Timers } from "../../shared/timers.ts";
import type { LineSink, LineWriter } from "./line-writer.ts";

/** Lines wait until there are this many characters of them, or for the period: a message costs more than a line. */
const POST_CHARS_MIN = 32_768;
const POST_PERIOD_MS = 100;

/** Some lines at once. */
interface Post {
  readonly text: string;
  readonly lines: number;
}

/**
 * Takes a thread's lines to the one writer of the process: of several writers to one pipe each would cut into the
 * others' lines. What the writer has not taken yet is bounded by `charsMax`; further lines are dropped and counted.
 */
export class LinePost implements LineSink {
  readonly #port: MessagePort;
  readonly #timers: Timers;
  readonly #charsMax: number;
  #lines: string[] = [];
  /** Of `#lines`. */
  #chars = 0;
  /** Posted, and not taken by the writer. */
  #charsOnTheirWay = 0;
  #timer: Timer | undefined = undefined;
  #droppedLines = 0;

  constructor(port: MessagePort, timers: Timers, charsMax: number) {
    this.#port = port;
    this.#timers = timers;
    this.#charsMax = charsMax;
    port.on("message", (chars: number) => (this.#charsOnTheirWay -= chars));
    port.unref();
  }

  get droppedLines(): number {
    return this.#droppedLines;
  }

  write(line: string): void {
    if (this.#chars + this.#charsOnTheirWay + line.length > this.#charsMax) {
      this.#droppedLines += 1;
      return;
    }
    this.#lines.push(line);
    this.#chars += line.length;
    if (this.#chars >= POST_CHARS_MIN) this.#post();
    else this.#timer ??= this.#timers.after(POST_PERIOD_MS, () => this.#post());
  }

  /** On their way is as far as this thread can see. */
  async flush(): Promise<void> {
    this.#post();
  }

  #post(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    if (this.#lines.length === 0) return;
    const post: Post = { text: this.#lines.join(""), lines: this.#lines.length };
    this.#charsOnTheirWay += this.#chars;
    this.#lines = [];
    this.#chars = 0;
    this.#port.postMessage(post);
  }
}

/** The other end: hands on what comes to `port`. The port does not keep the process alive. */
export function takePosts(port: MessagePort, writer: LineWriter): void {
  port.on("message", ({ text, lines }: Post) => {
    writer.write(text, lines);
    port.postMessage(text.length);
  });
  port.unref();
}
