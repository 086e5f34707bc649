import { closeSync, constants, mkdirSync, openSync, write } from "node:fs";
import { dirname } from "node:path";

import type { Timer, Timers } from "../../shared/timers.ts";

/** Lines wait until this much is to be written, or for the flush period: a write wakes another thread, whatever its size. */
const WRITE_CHARS_MIN = 32_768;
const FLUSH_PERIOD_MS = 200;
const UTF8_BYTES_PER_CHAR_MAX = 3;
/** For what a write gathers at WRITE_CHARS_MIN, and a line or two. */
const ENCODED_BYTES = UTF8_BYTES_PER_CHAR_MAX * (WRITE_CHARS_MIN + 4_096);
/** A reader that does not read is asked again after this. */
const STALL_RETRY_MS = 50;

/** Standard output, opened anew: non-blocking for us alone, because other processes may share the original. */
const STDOUT_PATH = "/proc/self/fd/1";
const OPEN_FLAGS = constants.O_WRONLY | constants.O_CREAT | constants.O_APPEND | constants.O_NONBLOCK;
const FILE_MODE = 0o640;

/** Takes lines without making anybody wait. */
export interface LineSink {
  /** `line` ends in a newline. */
  write(line: string): void;
  /** Settles when all lines so far are out of here. */
  flush(): Promise<void>;
  /** Since the start. */
  readonly droppedLines: number;
}

/**
 * Writes lines to a file or to standard output ("-") without ever waiting for them: one write runs at a time, lines that
 * come meanwhile are kept up to `charsMax`, further ones are dropped and counted. Not through pino's destination, which
 * writes what is left when the process ends, and hangs there when nobody reads.
 */
export class LineWriter implements LineSink {
  readonly #target: string;
  readonly #timers: Timers;
  readonly #charsMax: number;
  #file: number;
  #lines: string[] = [];
  /** Of `#lines` and of the write that runs. */
  #chars = 0;
  #isWriting = false;
  /** What the write that runs is written from. */
  #bytes: Buffer | undefined = undefined;
  #timer: Timer | undefined = undefined;
  #waiting: (() => void)[] = [];
  #droppedLines = 0;
  #lastError = "";

  /** Throws when the file cannot be opened. */
  constructor(target: string, timers: Timers, charsMax: number) {
    this.#target = target;
    this.#timers = timers;
    this.#charsMax = charsMax;
    this.#file = openTarget(target);
  }

  /** `text` ends in a newline; it may be several lines. */
  write(text: string, lines = 1): void {
    if (this.#chars + text.length > this.#charsMax) {
      this.#droppedLines += lines;
      return;
    }
    this.#lines.push(text);
    this.#chars += text.length;
    if (this.#chars >= WRITE_CHARS_MIN) this.#start();
    else this.#timer ??= this.#timers.after(FLUSH_PERIOD_MS, () => this.#start());
  }

  /** Since the start. */
  get droppedLines(): number {
    return this.#droppedLines;
  }

  /** Of the last write that failed, or "". */
  get lastError(): string {
    return this.#lastError;
  }

  /** Settles when all lines so far are with the system, or dropped; with a stalled reader that may be never. */
  async flush(): Promise<void> {
    if (this.#chars === 0) return;
    await new Promise<void>((settle) => {
      this.#waiting.push(settle);
      this.#start();
    });
  }

  /** Opens the file anew, for log rotation, once what was logged before is written. */
  async reopen(): Promise<void> {
    if (this.#target === "-") return;
    await this.flush();
    const before = this.#file;
    this.#file = openTarget(this.#target);
    closeSync(before);
  }

  #start(): void {
    if (this.#isWriting || this.#lines.length === 0) return;
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#isWriting = true;
    const text = this.#lines.join("");
    this.#lines = [];
    this.#write(this.#encoded(text), 0, text.length);
  }

  /** In the one buffer that is used again, if it fits: new memory for each write would be cleared by the system first. */
  #encoded(text: string): Buffer {
    if (text.length * UTF8_BYTES_PER_CHAR_MAX > ENCODED_BYTES) return Buffer.from(text);
    this.#bytes ??= Buffer.allocUnsafeSlow(ENCODED_BYTES);
    return this.#bytes.subarray(0, this.#bytes.write(text));
  }

  #write(bytes: Buffer, from: number, chars: number): void {
    write(this.#file, bytes, from, bytes.length - from, null, (error, written) => {
      if (error?.code === "EAGAIN") {
        this.#timers.after(STALL_RETRY_MS, () => this.#write(bytes, from, chars));
        return;
      }
      if (error !== null) {
        this.#lastError = error.message;
        this.#droppedLines += bytes.subarray(from).toString("latin1").split("\n").length - 1;
      } else if (from + written < bytes.length) {
        this.#write(bytes, from + written, chars);
        return;
      }
      this.#finish(chars);
    });
  }

  #finish(chars: number): void {
    this.#isWriting = false;
    this.#chars -= chars;
    if (this.#chars > 0 && (this.#chars >= WRITE_CHARS_MIN || this.#waiting.length > 0)) return this.#start();
    if (this.#chars > 0) return;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const settle of waiting) settle();
  }
}

function openTarget(target: string): number {
  if (target !== "-") {
    mkdirSync(dirname(target), { recursive: true });
    return openSync(target, OPEN_FLAGS, FILE_MODE);
  }
  try {
    return openSync(STDOUT_PATH, OPEN_FLAGS & ~constants.O_CREAT);
  } catch {
    return 1; // Not Linux, or a socket: the descriptor itself does, at worst one thread waits for the reader.
  }
}
