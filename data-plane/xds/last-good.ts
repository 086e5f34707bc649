import { mkdirSync, readFileSync } from "node:fs";
import { open, rename, rm } from "node:fs/promises";
import { join } from "node:path";

import { LAST_GOOD_PERIOD_MS } from "../../shared/defaults.ts";
import { err, type Result } from "../../shared/result.ts";
import type { Timer, Timers } from "../../shared/timers.ts";
import type { StoredSnapshot } from "./discovery-message.ts";
import { decodeLastGood, encodeLastGood, type LastGood } from "./last-good-format.ts";

/** Readable by the owner alone: a snapshot tells who talks to whom. */
const FILE_MODE = 0o600;
const FOLDER_MODE = 0o700;

/** The outcome of writing, for metrics and the log. */
export interface LastGoodEvents {
  onSaved(bytes: number): void;
  onFailed(error: string): void;
}

/**
 * The last good snapshot on disk, so that a proxy can start while the control plane is dead.
 *
 * A write goes to a file of its own, is synced, takes the old one's place by rename, and the folder is synced: a crash at
 * any point leaves the old file or the new one, whole. Writes run off the request path, one at a time and at most one
 * per LAST_GOOD_PERIOD_MS; meanwhile only the newest snapshot waits. A failed write is reported and the proxy goes on:
 * the next change tries again.
 */
export class LastGoodStore {
  readonly #folder: string;
  readonly #path: string;
  readonly #temporary: string;
  readonly #events: LastGoodEvents;
  #next: LastGood | undefined = undefined;
  #writing: Promise<void> | undefined = undefined;
  readonly #timers: Timers;
  /** Runs for a period after each write. */
  #pause: Timer | undefined = undefined;

  /** Makes the folder when it is missing; throws when that fails. */
  constructor(folder: string, timers: Timers, events: LastGoodEvents) {
    mkdirSync(folder, { recursive: true, mode: FOLDER_MODE });
    this.#folder = folder;
    this.#timers = timers;
    this.#path = join(folder, "snapshot");
    // A second process on the same folder must not write into this one's half-written file.
    this.#temporary = `${this.#path}.${process.pid}.new`;
    this.#events = events;
  }

  get path(): string {
    return this.#path;
  }

  /** The stored snapshot; undefined when there is none yet; in words why the one there is useless. */
  load(): Result<LastGood, string> | undefined {
    try {
      return decodeLastGood(readFileSync(this.#path));
    } catch (error) {
      if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
      return err(`it cannot be read: ${describe(error)}`);
    }
  }

  save(snapshot: StoredSnapshot, savedWallMs: number): void {
    this.#next = { snapshot, savedWallMs };
    this.#writeNext();
  }

  /** Settles when everything saved so far is on disk, or has failed. */
  async flush(): Promise<void> {
    while (this.#next !== undefined || this.#writing !== undefined) {
      this.#pause?.cancel();
      this.#pause = undefined;
      this.#writeNext();
      await this.#writing;
    }
  }

  #writeNext(): void {
    const next = this.#next;
    if (next === undefined || this.#writing !== undefined || this.#pause !== undefined) return;
    this.#next = undefined;
    this.#pause = this.#timers.after(LAST_GOOD_PERIOD_MS, () => {
      this.#pause = undefined;
      this.#writeNext();
    });
    this.#writing = this.#write(encodeLastGood(next)).then(() => {
      this.#writing = undefined;
      this.#writeNext();
    });
  }

  async #write(bytes: Buffer): Promise<void> {
    try {
      const file = await open(this.#temporary, "w", FILE_MODE);
      try {
        await file.writeFile(bytes);
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(this.#temporary, this.#path);
      await syncFolder(this.#folder);
      this.#events.onSaved(bytes.length);
    } catch (error) {
      // A full disk must not keep the half-written file as well.
      await rm(this.#temporary, { force: true }).catch(() => undefined);
      this.#events.onFailed(describe(error));
    }
  }
}

/** The rename itself must survive a power cut (fsync(2): syncing a file does not sync its folder's entry). */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function describe(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
