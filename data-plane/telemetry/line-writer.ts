import { closeSync, constants, mkdirSync, openSync, write } from "node:fs";
import { dirname } from "node:path";

import type { Timer, Timers } from "../../shared/timers.ts";
import { LineBuffer } from "./line-buffer.ts";

/** Lines wait until this much is to be written, or for the flush period: a write wakes another thread, whatever its size. */
const WRITE_BYTES_MIN = 256 * 1024;
const FLUSH_PERIOD_MS = 200;
/** A reader that does not read is asked again after this. */
const STALL_RETRY_MS = 50;

/** Standard output, opened anew: non-blocking for us alone, because other processes may share the original. */
const STDOUT_PATH = "/proc/self/fd/1";
const OPEN_FLAGS = constants.O_WRONLY | constants.O_CREAT | constants.O_APPEND | constants.O_NONBLOCK;
const FILE_MODE = 0o640;

/** Takes lines without making anybody wait. */
export interface LineSink {
  /** Where the next line is appended, whole and with its newline, before {@link LineSink.commit}; then perhaps another one. */
  readonly buffer: LineBuffer;
  /** So many lines have been appended; 1 unless said. They may be dropped. */
  commit(lines?: number): void;
  /** Settles when all lines so far are out of here. */
  flush(): Promise<void>;
  /** Since the start. */
  readonly droppedLines: number;
}

/**
 * Writes lines to a file or to standard output ("-") without ever waiting for them: one write runs at a time, lines that
 * come meanwhile are kept up to `bytesMax`, further ones are dropped and counted. Not through pino's destination, which
 * writes what is left when the process ends, and hangs there when nobody reads.
 */
export class LineWriter implements LineSink {
  buffer = new LineBuffer();
  readonly #target: string;
  readonly #timers: Timers;
  readonly #bytesMax: number;
  #file: number;
  /** Of `buffer`: whole lines. */
  #committed = 0;
  /** What the write that runs is written from, else empty. */
  #written = new LineBuffer();
  #isWriting = false;
  #timer: Timer | undefined = undefined;
  #waiting: (() => void)[] = [];
  #droppedLines = 0;
  #lastError = "";

  /** Throws when the file cannot be opened. */
  constructor(target: string, timers: Timers, bytesMax: number) {
    this.#target = target;
    this.#timers = timers;
    this.#bytesMax = bytesMax;
    this.#file = openTarget(target);
  }

  commit(lines = 1): void {
    const { length } = this.buffer;
    if (length + this.#written.length > this.#bytesMax) {
      this.buffer.cutTo(this.#committed);
      this.#droppedLines += lines;
      return;
    }
    this.#committed = length;
    if (length >= WRITE_BYTES_MIN) this.#start();
    else this.#startLater();
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
    if (this.#committed === 0 && !this.#isWriting) return;
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

  #startLater(): void {
    this.#timer ??= this.#timers.after(FLUSH_PERIOD_MS, () => {
      this.#timer = undefined;
      this.#start();
    });
  }

  #start(): void {
    if (this.#isWriting || this.#committed === 0) return;
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#isWriting = true;
    const full = this.buffer;
    this.buffer = this.#written;
    this.#written = full;
    this.#committed = 0;
    this.#write(full.view());
  }

  #write(bytes: Buffer): void {
    write(this.#file, bytes, 0, bytes.length, null, (error, written) => {
      if (error?.code === "EAGAIN") {
        this.#timers.after(STALL_RETRY_MS, () => this.#write(bytes));
        return;
      }
      if (error !== null) {
        this.#lastError = error.message;
        this.#droppedLines += bytes.toString("latin1").split("\n").length - 1;
      } else if (written < bytes.length) {
        this.#write(bytes.subarray(written));
        return;
      }
      this.#finish();
    });
  }

  #finish(): void {
    this.#isWriting = false;
    this.#written.clear();
    if (this.#committed >= WRITE_BYTES_MIN || (this.#committed > 0 && this.#waiting.length > 0)) return this.#start();
    // The timer may have come and gone during the write.
    if (this.#committed > 0) return this.#startLater();
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
