import type { ClusterState } from "../runtime/cluster-state.ts";
import type { Runtime } from "../runtime/runtime.ts";
import { EndpointWatch, type WatchServices } from "./endpoint-watch.ts";

/** One watch for each cluster of the runtime in use. */
export class EndpointWatches {
  readonly #services: WatchServices;
  readonly #watches = new Map<ClusterState, EndpointWatch>();

  constructor(services: WatchServices) {
    this.#services = services;
  }

  values(): IterableIterator<EndpointWatch> {
    return this.#watches.values();
  }

  of(state: ClusterState): EndpointWatch | undefined {
    return this.#watches.get(state);
  }

  /** After each swap, before the next request. Clusters that did not change cost one look-up. */
  follow(runtime: Runtime): void {
    for (const cluster of runtime.clusters.values()) {
      const known = this.#watches.get(cluster.state);
      if (known === undefined) this.#begin(cluster.state, new EndpointWatch(cluster, this.#services));
      else known.follow(cluster);
    }
    for (const [state, watch] of this.#watches) {
      if (runtime.clusters.get(state.name)?.state !== state) this.#end(state, watch);
    }
  }

  #begin(state: ClusterState, watch: EndpointWatch): void {
    this.#watches.set(state, watch);
    state.results = watch;
  }

  #end(state: ClusterState, watch: EndpointWatch): void {
    this.#watches.delete(state);
    state.results = undefined;
    watch.stop();
  }
}
