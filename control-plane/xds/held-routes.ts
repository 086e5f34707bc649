import type { EncodedResource, ResourceSet } from "./resource-set.ts";
import type { Payload } from "./payload.ts";

/**
 * The route tables that a node may be using: what it acknowledged, and what is on its way. A cluster that any of them
 * names must not be withdrawn.
 */
export class HeldRoutes {
  readonly #tables = new Map<string, { acked: EncodedResource | undefined; sent: EncodedResource | undefined }>();

  onSent(payload: Payload): void {
    for (const table of payload.resources) {
      this.#tables.set(table.name, { acked: this.#tables.get(table.name)?.acked, sent: table });
    }
  }

  onAnswer(isAccepted: boolean): void {
    for (const table of this.#tables.values()) {
      if (isAccepted && table.sent !== undefined) table.acked = table.sent;
      table.sent = undefined;
    }
  }

  /** Forgets the tables that the node no longer asks for. */
  retain(names: ReadonlySet<string>): void {
    for (const name of this.#tables.keys()) if (!names.has(name)) this.#tables.delete(name);
  }

  names(cluster: string): boolean {
    for (const { acked, sent } of this.#tables.values()) {
      if (acked !== undefined && clustersOf(acked).has(cluster)) return true;
      if (sent !== undefined && clustersOf(sent).has(cluster)) return true;
    }
    return false;
  }
}

/** Whether every cluster that `table` forwards to stands in `clusters`. Remembered, for many streams ask the same. */
export function isCovered(table: EncodedResource, clusters: ResourceSet): boolean {
  const answers = covered.get(table) ?? new WeakMap<ResourceSet, boolean>();
  covered.set(table, answers);
  const known = answers.get(clusters);
  if (known !== undefined) return known;
  const answer = table.clusters.every((name) => clusters.resources.has(name));
  answers.set(clusters, answer);
  return answer;
}

const covered = new WeakMap<EncodedResource, WeakMap<ResourceSet, boolean>>();
const clusterSets = new WeakMap<EncodedResource, ReadonlySet<string>>();

function clustersOf(table: EncodedResource): ReadonlySet<string> {
  const known = clusterSets.get(table);
  if (known !== undefined) return known;
  const made = new Set(table.clusters);
  clusterSets.set(table, made);
  return made;
}
