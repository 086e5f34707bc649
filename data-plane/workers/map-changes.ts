/** How a map became another one: small when little changed, and it can be sent to another thread. */
export interface MapChanges<T> {
  readonly gone: readonly string[];
  readonly set: readonly (readonly [string, T])[];
}

/** Values are compared by identity. */
export function changesOf<T>(before: ReadonlyMap<string, T>, after: ReadonlyMap<string, T>): MapChanges<T> {
  if (before === after) return { gone: [], set: [] };
  const gone = [...before.keys()].filter((key) => !after.has(key));
  const set = [...after].filter(([key, value]) => before.get(key) !== value);
  return { gone, set };
}

/** The map after the changes; what did not change is the same object, as the compiler's cache needs it. */
export function withChanges<T>(before: ReadonlyMap<string, T>, { gone, set }: MapChanges<T>): ReadonlyMap<string, T> {
  if (gone.length === 0 && set.length === 0) return before;
  const after = new Map(before);
  for (const key of gone) after.delete(key);
  for (const [key, value] of set) after.set(key, value);
  return after;
}
