import { CLUSTER_SETS_REMEMBERED_MAX } from "../../shared/limits.ts";
import { versionOf, type ResourceSet } from "./resource-set.ts";

/**
 * The cluster lists that were sent lately, by version. A node that comes back states the version it holds; only who
 * knows what was in it can tell which clusters its routes may still need.
 */
export class ClusterHistory {
  readonly #sets = new Map<string, ResourceSet>();

  note(set: ResourceSet): void {
    const version = versionOf(set);
    if (this.#sets.has(version)) return;
    this.#sets.set(version, set);
    if (this.#sets.size <= CLUSTER_SETS_REMEMBERED_MAX) return;
    const [oldest] = this.#sets.keys();
    if (oldest !== undefined) this.#sets.delete(oldest);
  }

  find(version: string): ResourceSet | undefined {
    return this.#sets.get(version);
  }
}
