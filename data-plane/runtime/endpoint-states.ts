import { formatAddress, type Address } from "../../shared/address.ts";
import type { CountBook } from "../workers/count-book.ts";
import { EndpointState } from "./endpoint-state.ts";
import type { Runtime } from "./runtime.ts";

/**
 * What is known of every endpoint, across changes of configuration. The key is the address, as EndpointState says.
 *
 * Compiling asks for the states it needs; after the swap {@link reconcile} lets go of those no cluster names any more. So it is bounded
 * by what compiling accepts (PROXY_ENDPOINTS_MAX) for the runtime in use and for the one being prepared.
 */
export class EndpointStates {
  readonly #states = new Map<string, EndpointState>();
  /** Undefined: no other worker sends requests. */
  readonly #counts: CountBook | undefined;
  #reconciliation = 0;

  constructor(counts?: CountBook) {
    this.#counts = counts;
  }

  get size(): number {
    return this.#states.size;
  }

  values(): IterableIterator<EndpointState> {
    return this.#states.values();
  }

  get(key: string): EndpointState | undefined {
    return this.#states.get(key);
  }

  /** The state of the endpoint at that address, new if it was not known. */
  obtain(address: Address): EndpointState {
    const key = formatAddress(address);
    const known = this.#states.get(key);
    if (known !== undefined) return known;
    const state = new EndpointState(key, address, this.#counts?.of(countName(key)));
    this.#states.set(key, state);
    return state;
  }

  /**
   * Retires every endpoint that `runtime` does not name: its idle connections close now, its busy ones after their
   * response. Requests that began before the swap still hold the state and finish on it. Returns the retired.
   */
  reconcile(runtime: Runtime): readonly EndpointState[] {
    this.#reconciliation += 1;
    // A mark on the state instead of a set of states: 7.6 ms became less than 1 at 10,000 endpoints,
    // and every push pays it.
    for (const cluster of runtime.clusters.values()) {
      for (const state of cluster.endpoints) state.reconciliation = this.#reconciliation;
    }
    const retired: EndpointState[] = [];
    for (const state of this.#states.values()) {
      if (state.reconciliation === this.#reconciliation) continue;
      this.#states.delete(state.key);
      this.#counts?.release(countName(state.key));
      state.isRetired = true;
      state.pool?.drain();
      retired.push(state);
    }
    return retired;
  }
}

function countName(key: string): string {
  return `requests ${key}`;
}
