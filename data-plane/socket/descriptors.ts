import { readFileSync } from "node:fs";

import { DESCRIPTORS_RESERVED } from "../../shared/limits.ts";
import type { SharedCount } from "../workers/shared-count.ts";

/**
 * The sockets of requests that this process has open, and how many it may. At the system's limit a new connection could
 * only be dropped, and none to an upstream could be made: short of it new ones are refused in words.
 */
class Descriptors {
  /** Sockets of clients and to upstreams that this thread opened; whoever opens or closes one counts it. */
  #sockets = 0;
  /** Those of all the process's workers; undefined with one. */
  #ofAll: SharedCount | undefined = undefined;
  #socketsMax: number | undefined = undefined;

  get areScarce(): boolean {
    this.#socketsMax ??= socketsMax();
    return (this.#ofAll?.total ?? this.#sockets) >= this.#socketsMax;
  }

  /** One was opened (1) or closed (-1). */
  count(change: 1 | -1): void {
    this.#sockets += change;
    this.#ofAll?.add(change);
  }

  /** The limit is the process's: from here on other threads count beside this one. */
  shareWith(ofAll: SharedCount): void {
    this.#ofAll?.add(-this.#sockets);
    ofAll.add(this.#sockets);
    this.#ofAll = ofAll;
  }
}

export const descriptors = new Descriptors();

/** A limit too small for the whole reserve is halved. */
function socketsMax(): number {
  const limit = openFilesMax();
  return Math.max(limit - DESCRIPTORS_RESERVED, Math.floor(limit / 2));
}

/** Linux tells; elsewhere the system drops what is too much by itself. */
function openFilesMax(): number {
  try {
    const soft = /^Max open files\s+(\d+)/m.exec(readFileSync("/proc/self/limits", "latin1"))?.[1];
    return soft === undefined ? Infinity : Number(soft);
  } catch {
    return Infinity;
  }
}
