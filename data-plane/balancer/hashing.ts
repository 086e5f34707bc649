import type { Random } from "../../shared/random.ts";
import type { EndpointState } from "../runtime/endpoint-state.ts";
import type { Member } from "./eligible.ts";
import type { Picker } from "./picker.ts";

/** Maps every unsigned 32-bit hash to an index into the members it was built from. */
export interface HashTable {
  find(hash: number): number;
}

/**
 * Sends equal hashes to equal endpoints; a request without a hash goes where `fallback` says (semantics.md 7).
 *
 * A table costs milliseconds and up to megabytes, and a proxy calls few of the clusters it knows. So it is built by the
 * first hash, or with the configuration when the picker it replaces had been hashing.
 */
export class HashingPicker implements Picker {
  readonly #endpoints: readonly EndpointState[];
  readonly #build: () => HashTable;
  readonly #fallback: Picker;
  #table: HashTable | undefined;

  /** `members` must be in an order that all proxies agree on; `build` makes a table over just these. */
  constructor(members: readonly Member[], build: () => HashTable, fallback: Picker) {
    this.#endpoints = members.map(({ state }) => state);
    this.#build = build;
    this.#fallback = fallback;
  }

  get hasHashed(): boolean {
    return this.#table !== undefined;
  }

  prepare(): void {
    this.#table ??= this.#build();
  }

  // Hot.
  pick(hash: number, random: Random, nowMs: number): EndpointState | undefined {
    if (hash < 0) return this.#fallback.pick(hash, random, nowMs);
    this.#table ??= this.#build();
    return this.#endpoints[this.#table.find(hash)];
  }
}

/** By address: the order of an assignment may differ between proxies, and the tables must not. */
export function inAddressOrder(members: readonly Member[]): readonly Member[] {
  return [...members].sort((a, b) => (a.state.key < b.state.key ? -1 : 1));
}
