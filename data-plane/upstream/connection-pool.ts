import type { Address } from "../../shared/address.ts";
import { UPSTREAM_IDLE_MS } from "../../shared/defaults.ts";
import { CONNECTIONS_PER_ENDPOINT_MAX, PENDING_PER_ENDPOINT_MAX } from "../../shared/limits.ts";
import type { TimerWheel } from "../../shared/timer-wheel.ts";
import type { EndpointState, PoolHandle } from "../runtime/endpoint-state.ts";
import type { ClusterRuntime } from "../runtime/runtime.ts";
import { UpstreamConnection, type ConnectionOwner, type UpstreamOwner } from "./upstream-connection.ts";

/** Waits for a connection when all that may exist are busy. */
export interface PoolWaiter extends UpstreamOwner {
  readonly connectTimeoutMs: number;
  /** For whose requests it waits: its limits hold across all endpoints. */
  readonly cluster: ClusterRuntime;
  /** It is now the owner of `connection`, which may still be connecting. */
  onConnection(connection: UpstreamConnection): void;
}

export interface PoolLimits {
  readonly connectionsMax: number;
  readonly pendingMax: number;
  readonly idleMs: number;
}

const POOL_LIMITS: PoolLimits = {
  connectionsMax: CONNECTIONS_PER_ENDPOINT_MAX,
  pendingMax: PENDING_PER_ENDPOINT_MAX,
  idleMs: UPSTREAM_IDLE_MS,
};

/** A hint leaves this much for the way of the next request, or half of it when it is shorter than twice that. */
const HINT_MARGIN_MS = 1_000;

/**
 * The connections to one endpoint. The one that was used last is used first: the others grow old and close, and the
 * warmest has the largest congestion window.
 *
 * Invariants: `open` is idle plus busy plus connecting, at most `connectionsMax`; someone waits only while at least one is
 * open and none is idle, so that whoever waits is served.
 */
export class ConnectionPool implements PoolHandle, ConnectionOwner {
  readonly wheel: TimerWheel;
  readonly #address: Address;
  readonly #limits: PoolLimits;
  readonly #connections = new Set<UpstreamConnection>();
  readonly #idle: UpstreamConnection[] = [];
  readonly #waiting = new Set<PoolWaiter>();
  #isDrained = false;

  constructor(address: Address, wheel: TimerWheel, limits: PoolLimits = POOL_LIMITS) {
    this.#address = address;
    this.wheel = wheel;
    this.#limits = limits;
  }

  get open(): number {
    return this.#connections.size;
  }

  get idle(): number {
    return this.#idle.length;
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  /**
   * A connection for `owner`: an idle one (unless it must be `fresh`), else a new one, still connecting. When there may
   * be no more of them the owner is put in line, or told "overflow".
   */
  acquire(owner: PoolWaiter, fresh: boolean): UpstreamConnection | "waiting" | "overflow" {
    const idle = fresh ? undefined : this.#idle.pop();
    if (idle !== undefined) {
      idle.take(owner);
      return idle;
    }
    if (this.#connections.size < this.#limits.connectionsMax && this.#takesOneMore(owner)) return this.#dial(owner);
    // Whoever needs a new one takes the place of one that nobody uses.
    const unused = this.#idle.pop();
    if (unused !== undefined) {
      unused.abandon();
      owner.cluster.state.connections.acquire(undefined);
      return this.#dial(owner);
    }
    const { state, policies } = owner.cluster;
    if (this.#waiting.size >= this.#limits.pendingMax) return "overflow";
    if (!state.pending.acquire(policies.limits.pending)) return "overflow";
    this.#waiting.add(owner);
    return "waiting";
  }

  /** `owner` no longer waits. */
  leave(owner: PoolWaiter): void {
    if (this.#waiting.delete(owner)) owner.cluster.state.pending.release();
  }

  /** No connection falls idle any more, nor does one that a request from before the drain still opens. */
  drain(): void {
    this.#isDrained = true;
    for (const connection of this.#connections) connection.isRetired = true;
    for (const connection of this.#idle.slice()) connection.abandon();
  }

  onIdle(connection: UpstreamConnection): void {
    const next = this.#nextWaiter();
    if (next !== undefined) {
      connection.take(next);
      next.onConnection(connection);
      return;
    }
    this.#idle.push(connection);
    connection.rest(this.#idleMs(connection.keepAliveHintMs));
  }

  onClosed(connection: UpstreamConnection): void {
    this.#connections.delete(connection);
    connection.countedBy?.release();
    const at = this.#idle.lastIndexOf(connection);
    if (at >= 0) this.#idle.splice(at, 1);
    const next = this.#nextWaiter();
    if (next === undefined) return;
    next.cluster.state.connections.acquire(undefined);
    next.onConnection(this.#dial(next));
  }

  /** The limit of the cluster; but an endpoint without any connection gets one, or its requests would wait for nothing (as Envoy). */
  #takesOneMore({ cluster: { state, policies } }: PoolWaiter): boolean {
    const max = this.#connections.size === 0 ? undefined : policies.limits.connections;
    return state.connections.acquire(max);
  }

  /** `owner`'s cluster has counted it. */
  #dial(owner: PoolWaiter): UpstreamConnection {
    const connection = new UpstreamConnection(this, this.#address, owner.connectTimeoutMs, owner);
    connection.isRetired = this.#isDrained;
    connection.countedBy = owner.cluster.state.connections;
    this.#connections.add(connection);
    return connection;
  }

  #nextWaiter(): PoolWaiter | undefined {
    for (const waiter of this.#waiting) {
      this.leave(waiter);
      return waiter;
    }
    return undefined;
  }

  #idleMs(hintMs: number): number {
    if (hintMs === 0) return this.#limits.idleMs;
    return Math.min(this.#limits.idleMs, Math.max(hintMs - HINT_MARGIN_MS, hintMs / 2));
  }
}

/** The pool of an endpoint, made at its first use. */
export function poolOf(endpoint: EndpointState, wheel: TimerWheel): ConnectionPool {
  // Nobody else makes pools: the field's type is the narrow view that the configuration has of them.
  if (endpoint.pool === undefined) {
    endpoint.pool = new ConnectionPool(endpoint.address, wheel);
    if (endpoint.isRetired) endpoint.pool.drain();
  }
  return endpoint.pool as ConnectionPool;
}
