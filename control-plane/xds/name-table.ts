import { hash } from "node:crypto";

import { decodeNames } from "../../shared/wire/discovery-request.ts";
import { NameSet, noNames } from "./name-set.ts";

/**
 * Finds the one NameSet of some encoded names. A client repeats its whole list with every answer; comparing bytes is all
 * that an unchanged list costs. Sets that no stream uses any more leave the table by themselves.
 */
export class NameTable {
  readonly #byHash = new Map<string, WeakRef<NameSet>>();
  readonly #unused = new FinalizationRegistry<string>((key) => {
    if (this.#byHash.get(key)?.deref() === undefined) this.#byHash.delete(key);
  });

  /** `current` is what the same stream asked for before. */
  read(namesBytes: Buffer, current: NameSet): NameSet {
    if (namesBytes.length === 0) return noNames;
    if (current.encoded.equals(namesBytes)) return current;
    const key = hash("sha256", namesBytes);
    const known = this.#byHash.get(key)?.deref();
    if (known !== undefined) return known;
    // A copy, for the bytes given are a view into a whole message.
    const made = new NameSet(decodeNames(namesBytes), Buffer.from(namesBytes));
    this.#byHash.set(key, new WeakRef(made));
    this.#unused.register(made, key);
    return made;
  }
}
