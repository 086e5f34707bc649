import { contentHash } from "../../shared/content-hash.ts";

/** The types of a snapshot, in the order in which they are sent: what is pointed at goes first (xds.md 1.8). */
export const PUSHED_TYPES = ["clusters", "endpoints", "listeners", "routes"] as const;
export type PushedType = (typeof PUSHED_TYPES)[number];

/** One resource as it stands on the wire. Equal content is one object, so that `===` tells whether it changed. */
export interface EncodedResource {
  readonly name: string;
  /** Identity of the bytes. */
  readonly version: string;
  /** A whole `resources` entry of a DiscoveryResponse, tag and length included: responses are made by joining these. */
  readonly entry: Uint8Array;
  /** The clusters that a route table forwards to; empty for the other types. */
  readonly clusters: readonly string[];
}

/** All resources of one type for one class of nodes. Immutable and shared by every stream of the class. */
export interface ResourceSet {
  /** The revision that last changed the content. */
  readonly revision: number;
  /** Identity of the content, whatever the order. */
  readonly hash: string;
  readonly resources: ReadonlyMap<string, EncodedResource>;
}

/** What a class of nodes shall hold at one revision. A set that did not change is the same object as before. */
export type NodeSnapshot = Readonly<Record<PushedType, ResourceSet>> & { readonly revision: number };

/** The `version_info` of a set. */
export function versionOf(set: ResourceSet): string {
  return `r${set.revision}.${set.hash}`;
}

/** The revision in a `version_info`; 0 when it is empty or not ours. */
export function revisionIn(version: string): number {
  return Number(/^r(\d{1,15})\./.exec(version)?.[1] ?? 0);
}

/** A set of `resources` whose content came with `revision`. */
export function resourceSet(revision: number, resources: ReadonlyMap<string, EncodedResource>): ResourceSet {
  const lines = [...resources.values()].map(({ name, version }) => `${name}\n${version}\n`).sort();
  return { revision, hash: contentHash(lines.join("")), resources };
}

/** The same content under another revision. One object per set and revision. */
export function stamped(set: ResourceSet, revision: number): ResourceSet {
  if (set.revision === revision) return set;
  return remembered(stamps, set, String(revision), () => ({ ...set, revision }));
}

const stamps = new WeakMap<ResourceSet, Map<string, ResourceSet>>();

/** What differs between two sets. Computed once per pair, however many streams go from one to the other. */
export interface SetDifference {
  /** Names in `to` that are new or whose content is another. */
  readonly changed: readonly string[];
  /** Names only in `from`. */
  readonly removed: readonly string[];
}

const differences = new WeakMap<ResourceSet, WeakMap<ResourceSet, SetDifference>>();
const NO_DIFFERENCE: SetDifference = { changed: [], removed: [] };

export function difference(from: ResourceSet, to: ResourceSet): SetDifference {
  if (from === to) return NO_DIFFERENCE;
  const fromHere = differences.get(from) ?? new WeakMap<ResourceSet, SetDifference>();
  differences.set(from, fromHere);
  const known = fromHere.get(to);
  if (known !== undefined) return known;
  const made: SetDifference = {
    changed: [...to.resources.values()].filter((r) => from.resources.get(r.name) !== r).map((r) => r.name),
    removed: [...from.resources.keys()].filter((name) => !to.resources.has(name)),
  };
  fromHere.set(to, made);
  return made;
}

/**
 * `set` with some resources of an older one still in it: what is sent while routes may still point at them. One object
 * per set and choice, so that streams in the same passage share its bytes.
 */
export function withKept(set: ResourceSet, kept: readonly EncodedResource[]): ResourceSet {
  if (kept.length === 0) return set;
  const sorted = [...kept].sort((a, b) => (a.name < b.name ? -1 : 1));
  const key = sorted.map(({ name, version }) => `${name}\n${version}`).join("\n");
  return remembered(passages, set, key, () =>
    resourceSet(
      set.revision,
      new Map([...set.resources, ...sorted.map((resource) => [resource.name, resource] as const)]),
    ),
  );
}

const passages = new WeakMap<ResourceSet, Map<string, ResourceSet>>();

function remembered<V>(cache: WeakMap<ResourceSet, Map<string, V>>, set: ResourceSet, key: string, make: () => V): V {
  const made = cache.get(set) ?? new Map<string, V>();
  cache.set(set, made);
  const known = made.get(key);
  if (known !== undefined) return known;
  const value = make();
  made.set(key, value);
  return value;
}
