import { getHeapSpaceStatistics, setFlagsFromString } from "node:v8";

import { YOUNG_HEAP_BYTES } from "../shared/defaults.ts";

/**
 * Bounds V8's space for new objects, which a push to a thousand streams lets grow to 64 MB. What is read from sockets lies
 * outside the heap until that space is collected. When it is large that comes so late that V8 marks the whole heap to get
 * rid of what lies outside: with every edit, when each of a thousand answers repeats a thousand names (bench/NOTES.md).
 *
 * V8 reads `--semi-space-growth-factor` each time it considers growing, and shrinks the space of an idle program; so the
 * bound is looked after now and then.
 */
export class YoungHeap {
  #mayGrow = true;

  constructor() {
    this.#allow(false);
  }

  /** Lets the space grow until the next publication if it is below its bound. Costs microseconds. */
  onPublished(): void {
    const space = getHeapSpaceStatistics().find(({ space_name: name }) => name === "new_space");
    this.#allow((space?.space_size ?? Infinity) < YOUNG_HEAP_BYTES);
  }

  #allow(mayGrow: boolean): void {
    if (mayGrow === this.#mayGrow) return;
    this.#mayGrow = mayGrow;
    setFlagsFromString(`--semi-space-growth-factor=${mayGrow ? 2 : 1}`);
  }
}
