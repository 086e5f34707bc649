import type { Clock } from "../../shared/clock.ts";
import { GONE_NODES_MAX } from "../../shared/limits.ts";
import type { NodeKind, ProxyNode } from "../../shared/model/node.ts";
import type { Timers } from "../../shared/timers.ts";
import type { Fleet, ProxyStatus, RevisionWait } from "./fleet.ts";
import { proxyStatus, waitingReason } from "./proxy-status.ts";
import { RevisionWaits } from "./revision-waits.ts";
import type { NodeStream } from "./stream.ts";

/** How long a node that went away is still told of. */
const GONE_MS = 3_600_000;

/**
 * Who is connected, and what each acknowledged or refused. A stream is known by itself and not by its node's id, for
 * during a restart two streams may carry one id (xds.md 5.3).
 */
export class NodeRegistry implements Fleet {
  readonly #clock: Clock;
  readonly #timers: Timers;
  readonly #streams = new Set<NodeStream>();
  /** Streams by node id. */
  readonly #countById = new Map<string, number>();
  readonly #settled = new WeakMap<NodeStream, number>();
  readonly #gone = new Map<string, { readonly status: ProxyStatus; readonly untilMs: number }>();
  readonly #waits = new RevisionWaits<NodeStream>();

  constructor(clock: Clock, timers: Timers) {
    this.#clock = clock;
    this.#timers = timers;
  }

  add(stream: NodeStream): void {
    this.#streams.add(stream);
    const id = stream.introduced?.node.id;
    if (id !== undefined) {
      this.#gone.delete(id);
      this.#countById.set(id, (this.#countById.get(id) ?? 0) + 1);
    }
    this.#waits.onJoined(stream);
  }

  remove(stream: NodeStream): void {
    if (!this.#streams.delete(stream)) return;
    this.#waits.onLeft(stream);
    const status = proxyStatus(stream, this.#clock, false);
    if (status === undefined) return;
    const left = (this.#countById.get(status.nodeId) ?? 1) - 1;
    if (left > 0) {
      this.#countById.set(status.nodeId, left);
      return;
    }
    this.#countById.delete(status.nodeId);
    this.#gone.delete(status.nodeId);
    this.#gone.set(status.nodeId, { status, untilMs: this.#clock.nowMs() + GONE_MS });
    this.#forgetGone();
  }

  #forgetGone(): void {
    const nowMs = this.#clock.nowMs();
    for (const [id, { untilMs }] of this.#gone) {
      if (untilMs > nowMs && this.#gone.size <= GONE_NODES_MAX) return;
      this.#gone.delete(id);
    }
  }

  /** A stream got further; waits that end with it are settled. */
  onProgress(stream: NodeStream): void {
    const revision = stream.introduced?.session.settledRevision ?? 0;
    if (this.#settled.get(stream) === revision) return;
    this.#settled.set(stream, revision);
    this.#waits.onReached(stream, revision);
  }

  streams(): ReadonlySet<NodeStream> {
    return this.#streams;
  }

  nodes(): readonly ProxyNode[] {
    return [...this.#streams].flatMap((stream) => stream.introduced?.node ?? []);
  }

  countByKind(): ReadonlyMap<NodeKind, number> {
    const counts = new Map<NodeKind, number>([
      ["heddle", 0],
      ["envoy", 0],
      ["grpc", 0],
    ]);
    for (const { kind } of this.nodes()) counts.set(kind, (counts.get(kind) ?? 0) + 1);
    return counts;
  }

  connectedCount(): number {
    return this.#streams.size;
  }

  proxies(): readonly ProxyStatus[] {
    this.#forgetGone();
    const connected = [...this.#streams].flatMap((stream) => proxyStatus(stream, this.#clock, true) ?? []);
    return [...connected, ...[...this.#gone.values()].map(({ status }) => status)];
  }

  async waitForRevision(revision: number, timeoutMs: number, signal: AbortSignal): Promise<RevisionWait> {
    const behind = [...this.#streams].filter((stream) => settledRevision(stream) < revision);
    if (behind.length > 0 && timeoutMs > 0) {
      await this.#waits.until(revision, behind, (end) => this.#limit(timeoutMs, signal, end));
    }
    const waiting = [...this.#streams].filter((stream) => settledRevision(stream) < revision);
    return {
      revision,
      acknowledged: this.#streams.size - waiting.length,
      waiting: waiting.flatMap((stream) => {
        const node = stream.introduced?.node;
        if (node === undefined) return [];
        return [{ nodeId: node.id, service: node.service, reason: waitingReason(stream, this.#clock) }];
      }),
    };
  }

  /** Ends a wait when its time is over or its caller has gone. Returns how to disarm that. */
  #limit(timeoutMs: number, signal: AbortSignal, end: () => void): () => void {
    const timer = this.#timers.after(timeoutMs, end);
    if (signal.aborted) end();
    signal.addEventListener("abort", end, { once: true });
    return () => {
      timer.cancel();
      signal.removeEventListener("abort", end);
    };
  }
}

function settledRevision(stream: NodeStream): number {
  return stream.introduced?.session.settledRevision ?? 0;
}
