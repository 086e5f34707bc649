import type { NameSet } from "./name-set.ts";
import { difference, versionOf, type EncodedResource, type PushedType, type ResourceSet } from "./resource-set.ts";

/**
 * What one response says, without the nonce. One object per content: every stream that goes the same way gets the same
 * payload, and its bytes are made once.
 */
export interface Payload {
  readonly type: PushedType;
  readonly version: string;
  readonly resources: readonly EncodedResource[];
}

/** The names a stream wants: a list, or undefined for all (a wildcard, which may carry names besides). */
export type Wanted = NameSet | undefined;

const EVERYTHING = {};
const whole = new WeakMap<ResourceSet, WeakMap<object, Payload>>();
const partial = new WeakMap<ResourceSet, WeakMap<ResourceSet, WeakMap<object, Payload>>>();
const extended = new WeakMap<Payload, WeakMap<object, Payload>>();

/** All of `set` that is wanted: the state of the world. */
export function wholePayload(type: PushedType, set: ResourceSet, wanted: Wanted): Payload {
  return remember(inner(whole, set), wanted ?? EVERYTHING, () => {
    return payload(type, set, wanted === undefined ? [...set.resources.keys()] : [...wanted.names]);
  });
}

/** What changed on the way from one set to another and is wanted: enough for endpoints and routes (xds.md 1.5). */
export function changePayload(type: PushedType, way: { from: ResourceSet; to: ResourceSet }, wanted: Wanted): Payload {
  return remember(inner(inner(partial, way.from), way.to), wanted ?? EVERYTHING, () => {
    const { changed } = difference(way.from, way.to);
    return payload(type, way.to, wanted === undefined ? changed : changed.filter((name) => wanted.names.has(name)));
  });
}

/** The same with names that are owed though unchanged. `owed` is known by identity: streams that owe alike share it. */
export function extendPayload(base: Payload, set: ResourceSet, owed: readonly string[]): Payload {
  return remember(inner(extended, base), owed, () => {
    const present = new Set(base.resources.map((resource) => resource.name));
    const more = payload(
      base.type,
      set,
      owed.filter((name) => !present.has(name)),
    );
    return more.resources.length === 0 ? base : { ...more, resources: [...base.resources, ...more.resources] };
  });
}

function payload(type: PushedType, set: ResourceSet, names: readonly string[]): Payload {
  return { type, version: versionOf(set), resources: names.flatMap((name) => set.resources.get(name) ?? []) };
}

function inner<K extends object, I extends object, V>(outer: WeakMap<K, WeakMap<I, V>>, key: K): WeakMap<I, V> {
  const known = outer.get(key);
  if (known !== undefined) return known;
  const made = new WeakMap<I, V>();
  outer.set(key, made);
  return made;
}

function remember<V>(cache: WeakMap<object, V>, key: object, make: () => V): V {
  const known = cache.get(key);
  if (known !== undefined) return known;
  const made = make();
  cache.set(key, made);
  return made;
}
