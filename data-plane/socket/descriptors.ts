import { readFileSync } from "node:fs";

import { DESCRIPTORS_RESERVED } from "../../shared/limits.ts";

/**
 * The sockets of requests that this process has open, and how many it may. At the system's limit a new connection could
 * only be dropped, and none to an upstream could be made: short of it new ones are refused in words.
 */
class Descriptors {
  /** Sockets of clients and to upstreams; whoever opens or closes one counts it. */
  sockets = 0;
  #limit: number | undefined = undefined;

  get areScarce(): boolean {
    this.#limit ??= openFilesMax();
    return this.sockets + DESCRIPTORS_RESERVED >= this.#limit;
  }
}

export const descriptors = new Descriptors();

/** Linux tells; elsewhere the system drops what is too much by itself. */
function openFilesMax(): number {
  try {
    const soft = /^Max open files\s+(\d+)/m.exec(readFileSync("/proc/self/limits", "latin1"))?.[1];
    return soft === undefined ? Infinity : Number(soft);
  } catch {
    return Infinity;
  }
}
