import { hash32 } from "../../shared/string-hash.ts";
import type { Member } from "./eligible.ts";
import type { HashTable } from "./hashing.ts";

const EMPTY = -1;

/**
 * The lookup table of Maglev (Eisenbud et al., NSDI 2016, section 3.4): each endpoint walks the slots in an order of its own
 * and takes the next free one when its turn comes, lighter endpoints less often. A lookup is one remainder; shares are
 * more even than a ring's, and a change of the set moves somewhat more keys.
 *
 * `size` is prime, so that every step reaches every slot.
 */
export function buildMaglev(members: readonly Member[], size: number): HashTable {
  const slots = new Int32Array(size).fill(EMPTY);
  const walkers = members.map(({ state, weight }) => ({
    at: hash32(state.key) % size,
    step: (hash32(state.key, 0x9e3779b9) % (size - 1)) + 1,
    weight,
    credit: 0,
  }));
  const heaviest = members.reduce((most, { weight }) => Math.max(most, weight), 1);
  for (let taken = 0; taken < size;) {
    for (let owner = 0; owner < walkers.length && taken < size; owner += 1) {
      const walker = walkers[owner];
      if (walker === undefined) break;
      walker.credit += walker.weight;
      if (walker.credit < heaviest) continue;
      walker.credit -= heaviest;
      walker.at = nextFree(slots, walker.at, walker.step);
      slots[walker.at] = owner;
      taken += 1;
    }
  }
  const table = members.length <= 0xffff ? Uint16Array.from(slots) : slots;
  return { find: (hash) => table[hash % size] ?? 0 };
}

/** Subtracting instead of taking remainders halves the time to build a table. */
function nextFree(slots: Int32Array, from: number, step: number): number {
  const size = slots.length;
  let at = from;
  while (slots[at] !== EMPTY) {
    at += step;
    if (at >= size) at -= size;
  }
  return at;
}
