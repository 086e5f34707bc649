const NO_BYTES = Buffer.alloc(0);

/**
 * The names of one subscription. Immutable and compared by identity, so that thousands of streams that ask for the same
 * names share one object, and what was worked out for it (see payload.ts) is worked out once.
 */
export class NameSet {
  readonly names: ReadonlySet<string>;
  /** Whether the list holds `*`, the explicit wildcard of listeners and clusters. */
  readonly hasStar: boolean;
  /** The list as a client encodes it; empty when the set came about in another way. */
  readonly encoded: Buffer;

  constructor(names: Iterable<string>, encoded: Buffer = NO_BYTES) {
    const all = new Set(names);
    this.encoded = encoded;
    this.hasStar = all.delete("*");
    this.names = all;
  }

  get isEmpty(): boolean {
    return this.names.size === 0 && !this.hasStar;
  }
}

export const noNames = new NameSet([]);

const NONE: readonly string[] = [];
const additions = new WeakMap<NameSet, WeakMap<NameSet, readonly string[]>>();
const unions = new WeakMap<NameSet, WeakMap<readonly string[], NameSet>>();

/** Names of `now` that are not in `before`. Remembered per pair. */
export function addedNames(before: NameSet, now: NameSet): readonly string[] {
  if (before === now) return NONE;
  const fromHere = additions.get(before) ?? new WeakMap<NameSet, readonly string[]>();
  additions.set(before, fromHere);
  const known = fromHere.get(now);
  if (known !== undefined) return known;
  const made = [...now.names].filter((name) => !before.names.has(name));
  fromHere.set(now, made);
  return made;
}

/** `set` and `more`. Remembered per pair of objects. */
export function unionNames(set: NameSet, more: readonly string[]): NameSet {
  if (more.every((name) => set.names.has(name))) return set;
  const fromHere = unions.get(set) ?? new WeakMap<readonly string[], NameSet>();
  unions.set(set, fromHere);
  const known = fromHere.get(more);
  if (known !== undefined) return known;
  const made = new NameSet([...set.names, ...more, ...(set.hasStar ? ["*"] : [])]);
  fromHere.set(more, made);
  return made;
}
