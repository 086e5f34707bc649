import type { Clock } from "../../shared/clock.ts";
import { FAULT_END_LOOK_MS, PUBLISH_DEBOUNCE_MAX_MS, PUBLISH_DEBOUNCE_MS } from "../../shared/defaults.ts";
import type { Logger } from "../../shared/log.ts";
import type { ProxyNode } from "../../shared/model/node.ts";
import type { Timer, Timers } from "../../shared/timers.ts";
import { describeViolations } from "../../shared/violation.ts";
import type { Store } from "../store/store.ts";
import type { NodeSnapshot } from "../xds/resource-set.ts";
import { buildSnapshot } from "./build.ts";
import { checkSnapshot } from "./check.ts";
import { SnapshotEncoder } from "./encode.ts";
import { emptyMesh, readMesh, type Mesh } from "./mesh.ts";
import { nodeClassKey, nodeClassOf, type NodeClass } from "./node-class.ts";

export interface PublisherOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly log: Logger;
  /** The classes of the nodes connected now: only theirs are built ahead. */
  readonly classesInUse: (mesh: Mesh) => ReadonlyMap<string, NodeClass>;
  /** Called when newer snapshots stand ready. */
  readonly offer: (publication: Publication) => void;
}

export interface Publication {
  readonly revision: number;
  /** When the oldest change in it was committed; undefined when there is none, for a fault has ended. */
  readonly committedMs: number | undefined;
  /** What deciding and encoding took. */
  readonly buildMs: number;
}

/** A class whose newest snapshot contradicts itself. Its nodes keep the last good one. */
export interface Withheld {
  readonly nodeClass: NodeClass;
  readonly revision: number;
  readonly reason: string;
}

/**
 * The life of a config change, after its commit:
 *
 *     commit ──▶ debounce ──▶ regroup by service ──▶ per class of nodes: build ──▶ check ──▶ encode and version
 *                                                                                   │ inconsistent: the last good one stays
 *                                                                                   ▼
 *                                                       offer: each session takes the newest, and asks what differs
 *
 * A fault ends without a commit: then the same revision is built again, without it.
 */
export class Publisher {
  readonly #options: PublisherOptions;
  readonly #encoder = new SnapshotEncoder();
  readonly #withheld = new Map<string, Withheld>();
  #mesh: Mesh;
  #snapshots = new Map<string, NodeSnapshot>();
  #debounce: Timer | undefined = undefined;
  #firstCommitMs: number | undefined = undefined;
  #faultEnd: Timer | undefined = undefined;

  constructor(options: PublisherOptions) {
    this.#options = options;
    this.#mesh = readMesh(options.store.catalog(), emptyMesh, options.clock.wallMs());
  }

  /** Follows the store from now on. Returns how to stop. */
  start(): () => void {
    const stop = this.#options.store.onCommit(() => this.#onCommit());
    this.#awaitFaultEnd();
    return () => {
      stop();
      this.#debounce?.cancel();
      this.#faultEnd?.cancel();
    };
  }

  #onCommit(): void {
    const nowMs = this.#options.clock.nowMs();
    this.#firstCommitMs ??= nowMs;
    this.#debounce?.cancel();
    const latestMs = this.#firstCommitMs + PUBLISH_DEBOUNCE_MAX_MS;
    const delayMs = Math.max(0, Math.min(PUBLISH_DEBOUNCE_MS, latestMs - nowMs));
    this.#debounce = this.#options.timers.after(delayMs, () => this.#publish());
  }

  /** Looks again now and then: the wall clock may be set. */
  #awaitFaultEnd(): void {
    const { faultsEndWallMs } = this.#mesh;
    this.#faultEnd?.cancel();
    if (faultsEndWallMs === undefined) return;
    const leftMs = faultsEndWallMs - this.#options.clock.wallMs();
    this.#faultEnd = this.#options.timers.after(Math.min(Math.max(0, leftMs), FAULT_END_LOOK_MS), () => {
      if (this.#options.clock.wallMs() < faultsEndWallMs) this.#awaitFaultEnd();
      else this.#publish();
    });
  }

  #publish(): void {
    const startMs = this.#options.clock.nowMs();
    const committedMs = this.#firstCommitMs;
    this.#firstCommitMs = undefined;
    this.#mesh = readMesh(this.#options.store.catalog(), this.#mesh, this.#options.clock.wallMs());
    const inUse = this.#options.classesInUse(this.#mesh);
    const before = this.#snapshots;
    this.#snapshots = new Map();
    // With the classes that no node is of any more.
    this.#withheld.clear();
    for (const [key, nodeClass] of inUse) this.#build(key, nodeClass, before.get(key));
    this.#encoder.forgetUnused();
    this.#awaitFaultEnd();
    const buildMs = this.#options.clock.nowMs() - startMs;
    this.#options.offer({ revision: this.#mesh.revision, committedMs, buildMs });
  }

  /**
   * The newest snapshot for a node; a class seen for the first time is built now. Undefined when it contradicts itself
   * and there is no good one before it: then the node is sent nothing, which is not the same as an empty set.
   */
  snapshotFor(node: ProxyNode): NodeSnapshot | undefined {
    const nodeClass = nodeClassOf(node, this.#mesh);
    const key = nodeClassKey(nodeClass);
    // One without a good snapshot is not built again for each of its nodes: at this revision it would be the same.
    if (!this.#snapshots.has(key) && !this.#withheld.has(key)) this.#build(key, nodeClass, undefined);
    return this.#snapshots.get(key);
  }

  #build(key: string, nodeClass: NodeClass, lastGood: NodeSnapshot | undefined): void {
    const { revision } = this.#mesh;
    const snapshot = buildSnapshot(this.#mesh, nodeClass);
    const violations = checkSnapshot(snapshot);
    if (violations.length > 0) {
      const withheld = { nodeClass, revision, reason: describeViolations(violations) };
      this.#withheld.set(key, withheld);
      this.#options.log.error(withheld, "a snapshot contradicts itself; the last good one stays");
      if (lastGood !== undefined) this.#snapshots.set(key, lastGood);
      return;
    }
    this.#withheld.delete(key);
    this.#snapshots.set(key, this.#encoder.encode(snapshot, nodeClass, revision));
  }

  get revision(): number {
    return this.#mesh.revision;
  }

  get withheld(): readonly Withheld[] {
    return [...this.#withheld.values()];
  }
}
