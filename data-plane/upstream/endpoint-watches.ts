import { CHECKS_ALONE_AFTER_MS } from "../../shared/defaults.ts";
import { Deadline, type DeadlineOwner } from "../../shared/timer-wheel.ts";
import type { ClusterState } from "../runtime/cluster-state.ts";
import type { Runtime } from "../runtime/runtime.ts";
import { EndpointWatch, type WatchServices } from "./endpoint-watch.ts";

/** One watch for each cluster of the runtime in use. */
export class EndpointWatches implements DeadlineOwner {
  readonly #services: WatchServices;
  readonly #watches = new Map<ClusterState, EndpointWatch>();
  readonly #aloneAfter = new Deadline(this);
  #isAlone = false;

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

  /** The stream to the control plane has brought an answer, or has ended. */
  onControlPlane(isConnected: boolean): void {
    const { wheel } = this.#services;
    if (isConnected) {
      wheel.cancel(this.#aloneAfter);
      this.#standAlone(false);
    } else if (!this.#isAlone && !this.#aloneAfter.isArmed) {
      wheel.arm(this.#aloneAfter, CHECKS_ALONE_AFTER_MS);
    }
  }

  onDeadline(): void {
    this.#standAlone(true);
  }

  #standAlone(isAlone: boolean): void {
    if (isAlone === this.#isAlone) return;
    this.#isAlone = isAlone;
    for (const watch of this.#watches.values()) watch.standAlone(isAlone);
  }

  #begin(state: ClusterState, watch: EndpointWatch): void {
    this.#watches.set(state, watch);
    state.results = watch;
    if (this.#isAlone) watch.standAlone(true);
  }

  #end(state: ClusterState, watch: EndpointWatch): void {
    this.#watches.delete(state);
    state.results = undefined;
    watch.stop();
  }
}
