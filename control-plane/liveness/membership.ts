import type { Clock } from "../../shared/clock.ts";
import { LEASE_TICK_MS, REGISTRATION_BATCH_MS, REGISTRATION_RETRY_MS } from "../../shared/defaults.ts";
import type { Logger } from "../../shared/log.ts";
import type { ProxyNode } from "../../shared/model/node.ts";
import { err, ok, type Result } from "../../shared/result.ts";
import type { Timer, Timers } from "../../shared/timers.ts";
import { describeViolations } from "../../shared/violation.ts";
import type { Store } from "../store/store.ts";
import type { Fleet, RevisionWait } from "../xds/fleet.ts";
import { LeaseTable } from "./lease.ts";
import { withReports, type ReportedHealth } from "./health-reports.ts";
import { madeByLiveness, unhealthyByUs } from "./ownership.ts";
import { registeredRows, registrationChange, rowOfNode, type Wish } from "./registration.ts";

export interface MembershipOptions {
  readonly store: Store;
  readonly fleet: Pick<Fleet, "waitForRevision">;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly log: Logger;
}

/**
 * Keeps the rows of proxies: a node that tells an inbound address is listed while it is connected, taken out when its
 * lease ends, and removed when it said goodbye. Rows that nobody registered are never touched.
 *
 * Wishes gather for a moment and become one transaction.
 */
export class Membership {
  readonly #options: MembershipOptions;
  readonly #leases: LeaseTable;
  readonly #wishes = new Map<string, Wish>();
  /** What nodes said of their apps, while it is not stored. */
  readonly #reports = new Map<string, ReportedHealth>();
  /** Streams per node: an id is lost when its last stream ends. */
  readonly #streams = new Map<string, number>();
  /** Nodes that drain: when their stream ends they have left, and nothing is waited for. */
  readonly #draining = new Set<string>();
  /** Nodes whose row was made unhealthy here and not by an operator. */
  readonly #takenOut: Set<string>;
  /** Nodes that asked to be listed: only these have a lease. */
  readonly #listed = new Set<string>();
  #flush: Timer | undefined = undefined;
  #isStopped = false;

  constructor(options: MembershipOptions) {
    this.#options = options;
    const nowMs = options.clock.nowMs();
    this.#leases = new LeaseTable(nowMs);
    this.#takenOut = unhealthyByUs(options.store);
    for (const [nodeId, rows] of registeredRows(options.store.catalog())) {
      if (rows.some((row) => row.healthy)) this.#leases.onLost(nodeId, nowMs);
    }
  }

  /** Watches the leases. Returns how to stop. */
  start(): () => void {
    const sweep = this.#options.timers.every(LEASE_TICK_MS, () => this.#sweep());
    return () => {
      this.#isStopped = true;
      sweep.cancel();
      this.#flush?.cancel();
    };
  }

  onConnected(node: ProxyNode): void {
    this.#streams.set(node.id, (this.#streams.get(node.id) ?? 0) + 1);
  }

  /** The node answers calls now: it is listed, and its lease holds. */
  onServing(node: ProxyNode): void {
    this.#leases.onConnected(node.id);
    const row = rowOfNode(node);
    if (row === undefined) return;
    if (!row.ok) {
      const reason = describeViolations(row.error);
      this.#options.log.warn({ node: node.id, inbound: node.inbound, reason }, "a node cannot be listed");
      return;
    }
    this.#draining.delete(node.id);
    this.#listed.add(node.id);
    this.#wish(node.id, { kind: "present", row: row.value });
  }

  onDisconnected(nodeId: string): void {
    const left = (this.#streams.get(nodeId) ?? 1) - 1;
    if (left > 0) {
      this.#streams.set(nodeId, left);
      return;
    }
    this.#streams.delete(nodeId);
    if (!this.#listed.delete(nodeId)) return;
    if (this.#draining.delete(nodeId)) this.#wish(nodeId, { kind: "gone" });
    else this.#leases.onLost(nodeId, this.#options.clock.nowMs());
  }

  /**
   * Takes the node's endpoint out, then waits until no connected proxy can send to it any more. Undefined: this node
   * registered none. The error, in words: the store did not take it, and is asked again later. The node is still sent to.
   */
  async drain(nodeId: string, waitMs: number, signal: AbortSignal): Promise<Result<RevisionWait, string> | undefined> {
    const isListed = registeredRows(this.#options.store.catalog()).has(nodeId) || this.#wishes.has(nodeId);
    if (!isListed) return undefined;
    this.#draining.add(nodeId);
    this.#wishes.set(nodeId, { kind: "unhealthy" });
    const refusal = this.#commit();
    if (refusal !== undefined) return err(refusal);
    const { revision } = this.#options.store.catalog();
    return ok(await this.#options.fleet.waitForRevision(revision, waitMs, signal));
  }

  /** What the node's own checks of its app came to. False: this node registered no endpoint. */
  report(nodeId: string, health: ReportedHealth, detail: string): boolean {
    const rows = registeredRows(this.#options.store.catalog()).get(nodeId);
    if (rows === undefined && this.#wishes.get(nodeId)?.kind !== "present") return false;
    if (rows?.every((row) => row.health === health) === true && !this.#reports.has(nodeId)) return true;
    this.#options.log.info({ node: nodeId, health, detail }, "a proxy has checked its app");
    this.#reports.set(nodeId, health);
    this.#flushSoon();
    return true;
  }

  #sweep(): void {
    const nowMs = this.#options.clock.nowMs();
    const wasHeld = this.#leases.isHeld;
    const expired = this.#leases.onTick(nowMs, this.#streams.size);
    if (this.#leases.isHeld && !wasHeld) {
      const counts = { lost: this.#leases.lostCount, connected: this.#streams.size };
      this.#options.log.warn(counts, "most nodes are lost: no lease ends until more are connected than lost");
    }
    for (const nodeId of expired) {
      this.#options.log.warn({ node: nodeId }, "lease ended: the node's endpoint is taken out");
      this.#wish(nodeId, { kind: "unhealthy" });
    }
  }

  #wish(nodeId: string, wish: Wish): void {
    if (this.#isStopped) return;
    this.#wishes.set(nodeId, wish);
    this.#flushSoon();
  }

  #flushSoon(): void {
    if (this.#isStopped) return;
    this.#flush ??= this.#options.timers.after(REGISTRATION_BATCH_MS, () => this.#commit());
  }

  /** Why nothing was stored; undefined when it was. */
  #commit(): string | undefined {
    this.#flush?.cancel();
    this.#flush = undefined;
    const wishes = new Map(this.#wishes);
    const reports = new Map(this.#reports);
    const catalog = this.#options.store.catalog();
    const registered = registrationChange(catalog, wishes, (id) => this.#takenOut.has(id));
    const change = withReports(catalog, registered, reports);
    const made = madeByLiveness(wishes, reports);
    const outcome = this.#options.store.commit(change, { ...made, expectedRevision: undefined });
    if (outcome.kind === "unavailable") {
      this.#options.log.error(
        { reason: outcome.reason, nodes: wishes.size },
        "endpoints of proxies could not be stored",
      );
      this.#flush = this.#options.timers.after(REGISTRATION_RETRY_MS, () => this.#commit());
      return outcome.reason;
    }
    this.#wishes.clear();
    this.#reports.clear();
    this.#noteTakenOut(wishes, registeredRows(catalog));
    this.#forgetTakenOut();
    return undefined;
  }

  /** What an operator took out before is not ours to bring back. */
  #noteTakenOut(wishes: ReadonlyMap<string, Wish>, before: ReturnType<typeof registeredRows>): void {
    for (const [nodeId, wish] of wishes) {
      if (wish.kind !== "unhealthy") this.#takenOut.delete(nodeId);
      else if (before.get(nodeId)?.some((row) => row.healthy) === true) this.#takenOut.add(nodeId);
    }
  }

  /** A node whose address another one took has no row any more. */
  #forgetTakenOut(): void {
    if (this.#takenOut.size === 0) return;
    const rows = registeredRows(this.#options.store.catalog());
    for (const nodeId of this.#takenOut) if (!rows.has(nodeId)) this.#takenOut.delete(nodeId);
  }
}
