import type { MessagePort } from "node:worker_threads";

import type { Timer, Timers } from "../../shared/timers.ts";
import { LineBuffer } from "./line-buffer.ts";
import type { LineSink, LineWriter } from "./line-writer.ts";

/** Lines wait until there are this many bytes of them, or for the period: a message costs more than a line. */
const POST_BYTES_MIN = 32 * 1024;
const POST_PERIOD_MS = 100;

/** Some lines at once. */
interface Post {
  readonly bytes: Uint8Array;
  readonly lines: number;
}

/**
 * Takes a thread's lines to the one writer of the process: of several writers to one pipe each would cut into the
 * others' lines. What the writer has not taken yet is bounded by `bytesMax`; further lines are dropped and counted.
 */
export class LinePost implements LineSink {
  readonly buffer = new LineBuffer();
  readonly #port: MessagePort;
  readonly #timers: Timers;
  readonly #bytesMax: number;
  /** Of `buffer`: whole lines. */
  #committed = 0;
  #lines = 0;
  /** Posted, and not taken by the writer. */
  #bytesOnTheirWay = 0;
  #timer: Timer | undefined = undefined;
  #droppedLines = 0;

  constructor(port: MessagePort, timers: Timers, bytesMax: number) {
    this.#port = port;
    this.#timers = timers;
    this.#bytesMax = bytesMax;
    port.on("message", (bytes: number) => (this.#bytesOnTheirWay -= bytes));
    port.unref();
  }

  get droppedLines(): number {
    return this.#droppedLines;
  }

  commit(lines = 1): void {
    const { length } = this.buffer;
    if (length + this.#bytesOnTheirWay > this.#bytesMax) {
      this.buffer.cutTo(this.#committed);
      this.#droppedLines += lines;
      return;
    }
    this.#committed = length;
    this.#lines += lines;
    if (length >= POST_BYTES_MIN) this.#post();
    else this.#timer ??= this.#timers.after(POST_PERIOD_MS, () => this.#post());
  }

  /** On their way is as far as this thread can see. */
  async flush(): Promise<void> {
    this.#post();
  }

  #post(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    if (this.#committed === 0) return;
    const bytes = new Uint8Array(this.buffer.view());
    const post: Post = { bytes, lines: this.#lines };
    this.#bytesOnTheirWay += bytes.length;
    this.buffer.clear();
    this.#committed = 0;
    this.#lines = 0;
    this.#port.postMessage(post, [bytes.buffer]);
  }
}

/** The other end: hands on what comes to `port`. The port does not keep the process alive. */
export function takePosts(port: MessagePort, writer: LineWriter): void {
  port.on("message", ({ bytes, lines }: Post) => {
    writer.buffer.raw(bytes);
    writer.commit(lines);
    port.postMessage(bytes.length);
  });
  port.unref();
}
