import type { Address } from "../../shared/address.ts";
import type { SharedCount } from "../workers/shared-count.ts";

/** What an endpoint's connections look like from here; the real pool is upstream/connection-pool.ts. */
export interface PoolHandle {
  /** Connections, also those that are still being made. */
  readonly open: number;
  readonly idle: number;
  /** Requests in line for a connection. */
  readonly waiting: number;
  /** No new requests come: idle connections close now, busy ones after their response. */
  drain(): void;
}

/**
 * What is known of one endpoint and survives every change of configuration: its key is the address (`host:port`), because
 * the same instance stands in several clusters (a service and its version subsets) and must be counted once. Not the
 * service's name: a rename is no reason to forget open connections.
 */
export class EndpointState {
  readonly key: string;
  readonly address: Address;
  /** Requests that this worker has sent and not finished. Exact: one thread counts. */
  active = 0;
  /** The same of all workers together; undefined with one. */
  readonly #activeOfAll: SharedCount | undefined;
  /** Made at the first request; undefined until then. */
  pool: PoolHandle | undefined = undefined;
  /** Counters since the endpoint became known. */
  requests = 0;
  failures = 0;
  connectFailures = 0;
  /** Peak of its response times and when it was taken; below 0 before the first. Of balancer/peak-ewma.ts. */
  peakRttMs = -1;
  peakRttAtMs = 0;
  /** No cluster names it any more: it is out of the map, and a later endpoint at the same address is a new one. */
  isRetired = false;
  /** The last reconciliation that found it in use; only EndpointStates writes it. */
  reconciliation = 0;

  constructor(key: string, address: Address, activeOfAll?: SharedCount) {
    this.key = key;
    this.address = address;
    this.#activeOfAll = activeOfAll;
  }

  /** Requests of this machine that are under way: what a picker compares. */
  get load(): number {
    return this.#activeOfAll === undefined ? this.active : this.#activeOfAll.total;
  }

  /** A request begins (1) or is finished (-1). */
  countActive(change: 1 | -1): void {
    this.active += change;
    this.#activeOfAll?.add(change);
  }
}
