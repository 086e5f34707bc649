import type { CountBook } from "../workers/count-book.ts";
import { CLUSTER_COUNTS, ClusterState, countName, SERVICE_COUNTS, ServiceState } from "./cluster-state.ts";
import type { Runtime } from "./runtime.ts";

/**
 * What is known of clusters and services, across changes of configuration. Bounded like EndpointStates: by what compiling
 * accepts, for the runtime in use and for the one being prepared.
 */
export class ClusterStates {
  readonly #clusters = new Map<string, ClusterState>();
  readonly #services = new Map<string, ServiceState>();
  /** Undefined: no other worker sends requests. */
  readonly #counts: CountBook | undefined;
  #reconciliation = 0;

  constructor(counts?: CountBook) {
    this.#counts = counts;
  }

  values(): IterableIterator<ClusterState> {
    return this.#clusters.values();
  }

  service(name: string): ServiceState | undefined {
    return this.#services.get(name);
  }

  services(): IterableIterator<ServiceState> {
    return this.#services.values();
  }

  /** The state of that cluster, new if it was not known or belonged to another service. */
  obtain(name: string, service: string): ClusterState {
    const known = this.#clusters.get(name);
    if (known !== undefined && known.service.service === service) return known;
    const state = new ClusterState(name, this.#obtainService(service), this.#counts);
    this.#clusters.set(name, state);
    return state;
  }

  /** Forgets what `runtime` does not name. Requests that began before the swap still hold their state and finish on it. */
  reconcile(runtime: Runtime): void {
    this.#reconciliation += 1;
    for (const { state } of runtime.clusters.values()) {
      state.reconciliation = this.#reconciliation;
      state.service.reconciliation = this.#reconciliation;
    }
    for (const state of this.#clusters.values()) {
      if (state.reconciliation === this.#reconciliation) continue;
      this.#clusters.delete(state.name);
      for (const kind of CLUSTER_COUNTS) this.#counts?.release(countName(kind, state.name));
    }
    for (const state of this.#services.values()) {
      if (state.reconciliation === this.#reconciliation) continue;
      this.#services.delete(state.service);
      for (const kind of SERVICE_COUNTS) this.#counts?.release(countName(kind, state.service));
    }
  }

  #obtainService(service: string): ServiceState {
    const known = this.#services.get(service);
    if (known !== undefined) return known;
    const state = new ServiceState(service, this.#counts);
    this.#services.set(service, state);
    return state;
  }
}
