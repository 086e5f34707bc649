import { LEASE_GRACE_MS, LEASE_MS, LEASE_STALL_MS } from "../../shared/defaults.ts";

/**
 * How long a node whose stream ended keeps its place.
 *
 *     connected ──(its last stream ends)──▶ lost ──(LEASE_MS pass)──▶ expired, told once
 *         ▲                                   │
 *         └──────(a new stream of the node)───┘
 *
 * A lost stream says little about the node when the fault may be on this side, and an endpoint taken out by mistake is
 * an outage that the control plane made (semantics.md 19.1). So a lease is longer, LEASE_GRACE_MS:
 * - for nodes not seen since the start of this process: they come back within RECONNECT_MAX_MS;
 * - for all that were lost when this process stood still: then they left us, not we them;
 * and none expires while more nodes are lost than connected: most likely the control plane is what was cut off. When
 * that ends, the grace starts over.
 *
 * Pure: time comes in as `nowMs`; the sweeper calls `onTick`.
 */
export class LeaseTable {
  /** When each lost node's lease ends. */
  readonly #endsMs = new Map<string, number>();
  readonly #startedMs: number;
  #tickMs: number;
  #isHeld = false;

  constructor(nowMs: number) {
    this.#startedMs = nowMs;
    this.#tickMs = nowMs;
  }

  onConnected(nodeId: string): void {
    this.#endsMs.delete(nodeId);
  }

  onLost(nodeId: string, nowMs: number): void {
    this.#endsMs.set(nodeId, Math.max(nowMs + LEASE_MS, this.#startedMs + LEASE_GRACE_MS));
  }

  /** The nodes whose lease has ended now. `connected` counts the nodes that hold one. */
  onTick(nowMs: number, connected: number): readonly string[] {
    const stoodStill = nowMs - this.#tickMs >= LEASE_STALL_MS;
    this.#tickMs = nowMs;
    const wasHeld = this.#isHeld;
    this.#isHeld = this.#endsMs.size > 1 && this.#endsMs.size > connected;
    if (this.#isHeld) return [];
    if (stoodStill || wasHeld) this.#extendAll(nowMs + LEASE_GRACE_MS);
    const expired = [...this.#endsMs].filter(([, endMs]) => endMs <= nowMs).map(([nodeId]) => nodeId);
    for (const nodeId of expired) this.#endsMs.delete(nodeId);
    return expired;
  }

  #extendAll(endMs: number): void {
    for (const nodeId of this.#endsMs.keys()) this.#endsMs.set(nodeId, endMs);
  }

  /** No lease ends now, because most nodes are lost. */
  get isHeld(): boolean {
    return this.#isHeld;
  }

  /** Nodes that are lost and not expired. */
  get lostCount(): number {
    return this.#endsMs.size;
  }
}
