import {
  resourceSet,
  type EncodedResource,
  type NodeSnapshot,
  type ResourceSet,
} from "../../control-plane/xds/resource-set.ts";

/** What a small world holds: cluster -> its settings, cluster -> its endpoints, the clusters that the routes name. */
export interface World {
  readonly clusters: Readonly<Record<string, string>>;
  readonly endpoints: Readonly<Record<string, string>>;
  readonly routes: readonly string[];
  /** What else the listener and the route table say. */
  readonly listener?: string;
}

const interned = new Map<string, EncodedResource>();

/** Equal content is one object, as the encoder makes it. */
export function resource(name: string, content: string, clusters: readonly string[] = []): EncodedResource {
  const key = JSON.stringify([name, content, clusters]);
  const known = interned.get(key);
  if (known !== undefined) return known;
  const made = { name, version: key, entry: Buffer.from(key), clusters };
  interned.set(key, made);
  return made;
}

/** A snapshot of `world`; sets that are as in `before` keep their identity and version, as the encoder does it. */
export function snapshotOf(world: World, revision: number, before?: NodeSnapshot): NodeSnapshot {
  const set = (resources: readonly EncodedResource[], old: ResourceSet | undefined): ResourceSet => {
    const made = resourceSet(revision, new Map(resources.map((one) => [one.name, one])));
    return old?.hash === made.hash ? old : made;
  };
  const entries = (record: Readonly<Record<string, string>>): readonly EncodedResource[] =>
    Object.entries(record).map(([name, content]) => resource(name, content));
  return {
    revision,
    clusters: set(entries(world.clusters), before?.clusters),
    endpoints: set(entries(world.endpoints), before?.endpoints),
    listeners: set([resource("outbound", `listener ${world.listener ?? ""}`)], before?.listeners),
    routes: set([resource("outbound", `routes ${world.listener ?? ""}`, world.routes)], before?.routes),
  };
}
