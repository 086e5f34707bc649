import { contentHash } from "../../shared/content-hash.ts";
import type { NodeKind } from "../../shared/model/node.ts";
import type { RouteConfig } from "../../shared/model/route.ts";
import type { Snapshot } from "../../shared/model/snapshot.ts";
import { encodeCluster } from "../../shared/wire/cluster-wire.ts";
import { encodeResourceEntry } from "../../shared/wire/discovery-response.ts";
import { encodeLoadAssignment } from "../../shared/wire/endpoint-wire.ts";
import { encodeListener } from "../../shared/wire/listener-wire.ts";
import { encodeRouteConfig } from "../../shared/wire/route-wire.ts";
import {
  resourceSet,
  type EncodedResource,
  type NodeSnapshot,
  type PushedType,
  type ResourceSet,
} from "../xds/resource-set.ts";
import type { NodeClass } from "./node-class.ts";

/** One resource of a snapshot and how to turn it into bytes. */
interface Models<T extends object> {
  readonly type: PushedType;
  readonly models: ReadonlyMap<string, T>;
  readonly encode: (model: T, kind: NodeKind) => Uint8Array;
  readonly clusters: (model: T) => readonly string[];
  /** What tells the lines of this type apart, within a kind of node. */
  readonly line: string;
}

/** The bytes of model objects and of whole maps, by identity: they never change. */
class Encoded {
  readonly resources = new WeakMap<object, EncodedResource>();
  readonly sets = new WeakMap<object, ResourceSet>();
}

/**
 * Turns snapshots into sets of bytes, each content once: a model object that was encoded before is not encoded again,
 * equal bytes are one object, and a set equal to the one before it in its line is that set, with its version. So a
 * version changes exactly when the content does.
 */
export class SnapshotEncoder {
  // One per kind of node, for the same model can have other bytes for another kind.
  readonly #encoded = { heddle: new Encoded(), envoy: new Encoded(), grpc: new Encoded() };
  /** The newest set of each line: the same type for the same nodes, revision after revision. */
  #lines = new Map<string, ResourceSet>();
  #usedLines = new Set<string>();

  encode(snapshot: Snapshot, { kind, source, limited, outbound }: NodeClass, revision: number): NodeSnapshot {
    const set = <T extends object>(models: Models<T>): ResourceSet => this.#encodeSet(models, kind, revision);
    return {
      revision,
      clusters: set({ type: "clusters", models: snapshot.clusters, encode: encodeCluster, clusters: none, line: "" }),
      endpoints: set({
        type: "endpoints",
        models: snapshot.assignments,
        encode: encodeLoadAssignment,
        clusters: none,
        line: "",
      }),
      listeners: set({
        type: "listeners",
        models: snapshot.listeners,
        encode: encodeListener,
        clusters: none,
        line: `${limited}\n${outbound ?? ""}`,
      }),
      routes: set({
        type: "routes",
        models: snapshot.routes,
        encode: encodeRouteConfig,
        clusters: forwardedClusters,
        line: source,
      }),
    };
  }

  /** Forgets the lines that no snapshot used since the last call: those of nodes that are gone. */
  forgetUnused(): void {
    this.#lines = new Map([...this.#lines].filter(([line]) => this.#usedLines.has(line)));
    this.#usedLines = new Set();
  }

  #encodeSet<T extends object>(wanted: Models<T>, kind: NodeKind, revision: number): ResourceSet {
    const line = `${wanted.type}\n${kind}\n${wanted.line}`;
    this.#usedLines.add(line);
    const encoded = this.#encoded[kind];
    const known = encoded.sets.get(wanted.models);
    if (known !== undefined) {
      this.#lines.set(line, known);
      return known;
    }
    const before = this.#lines.get(line);
    const resources = new Map<string, EncodedResource>();
    for (const [name, model] of wanted.models) {
      const resource =
        encoded.resources.get(model) ?? encodeResource(wanted, { name, model, kind }, before?.resources.get(name));
      encoded.resources.set(model, resource);
      resources.set(name, resource);
    }
    const made = resourceSet(revision, resources);
    const set = before?.hash === made.hash ? before : made;
    encoded.sets.set(wanted.models, set);
    this.#lines.set(line, set);
    return set;
  }
}

function encodeResource<T extends object>(
  { type, encode, clusters }: Models<T>,
  { name, model, kind }: { name: string; model: T; kind: NodeKind },
  before: EncodedResource | undefined,
): EncodedResource {
  const bytes = encode(model, kind);
  const version = contentHash(bytes);
  if (before?.version === version) return before;
  return { name, version, entry: encodeResourceEntry(type, bytes), clusters: clusters(model) };
}

function none(): readonly string[] {
  return [];
}

function forwardedClusters(config: RouteConfig): readonly string[] {
  const names = new Set<string>();
  for (const host of config.virtualHosts) {
    for (const { action } of host.routes) {
      if (action.kind !== "forward") continue;
      for (const { cluster } of [...action.clusters, ...action.mirrors]) names.add(cluster);
    }
  }
  return [...names];
}
