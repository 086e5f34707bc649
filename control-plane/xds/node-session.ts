import type { ClusterHistory } from "./cluster-history.ts";
import { HeldRoutes, isCovered } from "./held-routes.ts";
import { changePayload, extendPayload, wholePayload, type Payload } from "./payload.ts";
import {
  difference,
  PUSHED_TYPES,
  revisionIn,
  stamped,
  withKept,
  type NodeSnapshot,
  type PushedType,
  type ResourceSet,
} from "./resource-set.ts";
import { Subscription, type RequestKind, type SubscriptionRequest } from "./subscription.ts";
import { ROUTES_GRACE_MS } from "../../shared/defaults.ts";

/** One request as the session reads it. */
export interface SessionRequest extends SubscriptionRequest {
  /** The version that the node last accepted, on this stream or an earlier one; "" for none. */
  readonly version: string;
}

/** One response to write: `payload` is shared among streams, the nonce is this stream's own. */
export interface Outgoing {
  readonly payload: Payload;
  readonly nonce: string;
}

const NOTHING: readonly string[] = [];

/** What the session knows of one type beyond the protocol's own state. */
class Progress {
  /** The content last sent on this stream, whether it was answered or not; undefined before the first. */
  sent: ResourceSet | undefined = undefined;
  /** To be sent even if nothing changed: a first request, or new names of a type that is sent whole. */
  isForced = false;
  /** Names to be sent even if unchanged, of a type that is sent in part. */
  owed: readonly string[] = NOTHING;
  /** No version below this may be sent: a node refuses to go back. */
  revisionFloor = 0;
}

/**
 * One stream: snapshots and requests in, responses out (style.md 3.2, xds.md 5.2).
 *
 *     onSnapshot ──▶ the newest replaces the one before; nothing queues
 *     onRequest ───▶ names, ACK, NACK
 *     next ────────▶ the first response that is due: clusters, endpoints, listeners, routes
 *
 * Rules:
 * - At most one response of a type is unanswered.
 * - R1: a route table is sent only when every cluster it names is acknowledged and its endpoints are on the way.
 * - R2: a cluster is withdrawn only when no acknowledged or unanswered route table names it. Until then the cluster list
 *   is sent with it, so that a removal comes last.
 * - Endpoints of clusters that were added or changed follow their clusters at once: a node holds such a cluster back
 *   until its endpoints come, even when it knows them (xds.md 1.8).
 * - What a node refused is not sent again until it changes.
 * - Versions never go back.
 *
 * A node that comes back states what it holds (R2 needs to know): until it has acknowledged routes on this stream, all
 * clusters that it held are taken as routed to.
 *
 * R1 and R2 hold for nodes that take all clusters. A gRPC client asks by name for what its routes told it.
 *
 * Pure: time comes in as `nowMs`.
 */
export class NodeSession {
  readonly #subscriptions: Readonly<Record<PushedType, Subscription>> = {
    clusters: new Subscription(true),
    endpoints: new Subscription(false),
    listeners: new Subscription(true),
    routes: new Subscription(false),
  };
  readonly #progress: Readonly<Record<PushedType, Progress>> = {
    clusters: new Progress(),
    endpoints: new Progress(),
    listeners: new Progress(),
    routes: new Progress(),
  };
  readonly #isOrdered: boolean;
  readonly #history: ClusterHistory;
  readonly #heldRoutes = new HeldRoutes();
  #snapshot: NodeSnapshot | undefined = undefined;
  #ackedClusters: ResourceSet | undefined = undefined;
  #lastNonce = 0;
  #routesAskedMs = 0;
  #clustersAskedMs = 0;
  /** The node has routes from an earlier stream, and which ones is not known. */
  #hasUnknownRoutes = false;
  /** Clusters new to a node that came back and has not asked for endpoints yet on this stream. */
  #announced: readonly string[] = NOTHING;
  #settledRevision = 0;
  #answeredRevision = 0;

  /** `isOrdered`: R1 and R2 hold for this kind of node. `history` is shared by all sessions. */
  constructor(isOrdered: boolean, history: ClusterHistory) {
    this.#isOrdered = isOrdered;
    this.#history = history;
  }

  /** The newest snapshot of the node's class. What was not sent of the one before is never sent. */
  onSnapshot(snapshot: NodeSnapshot): void {
    this.#snapshot = snapshot;
  }

  onRequest(type: PushedType, request: SessionRequest, nowMs: number): RequestKind {
    const subscription = this.#subscriptions[type];
    const progress = this.#progress[type];
    const hadAll = subscription.wantsAll;
    const { kind, added } = subscription.onRequest(request, nowMs);
    if (kind === "stale") return kind;
    if (kind === "ack" || kind === "nack") this.#onAnswer(type, kind);
    const isWhole = type === "clusters" || type === "listeners";
    if (kind === "first") {
      progress.isForced = isWhole;
      progress.revisionFloor = revisionIn(request.version);
      this.#onFirst(type, request.version, nowMs);
    } else if (isWhole) {
      if (added.length > 0 || hadAll !== subscription.wantsAll) progress.isForced = true;
    } else if (added.length > 0 && progress.sent !== undefined) {
      progress.owed = progress.owed.length === 0 ? added : [...new Set([...progress.owed, ...added])];
    }
    if (type === "routes") this.#heldRoutes.retain(subscription.names.names);
    return kind;
  }

  #onFirst(type: PushedType, version: string, nowMs: number): void {
    if (type === "clusters") {
      this.#clustersAskedMs = nowMs;
      this.#ackedClusters = this.#history.find(version);
      this.#hasUnknownRoutes = this.#ackedClusters !== undefined;
    } else if (type === "routes") {
      this.#routesAskedMs = nowMs;
      if (version === "") this.#hasUnknownRoutes = false;
    } else if (type === "endpoints") {
      this.#subscriptions.endpoints.expect(this.#announced);
      this.#announced = NOTHING;
    }
  }

  #onAnswer(type: PushedType, kind: "ack" | "nack"): void {
    if (type === "clusters" && kind === "ack") this.#ackedClusters = this.#progress.clusters.sent;
    if (type !== "routes") return;
    this.#heldRoutes.onAnswer(kind === "ack");
    if (kind === "ack") this.#hasUnknownRoutes = false;
  }

  /**
   * The next response that is due, counted as sent; undefined when there is none now. Call until it is undefined.
   * Hot: runs for every stream at every publication and after every answer.
   */
  next(nowMs: number): Outgoing | undefined {
    const snapshot = this.#snapshot;
    if (snapshot === undefined) return undefined;
    if (this.#hasUnknownRoutes && nowMs >= this.#wakeMs()) this.#hasUnknownRoutes = false;
    for (const type of PUSHED_TYPES) {
      const { isOpen, isInFlight } = this.#subscriptions[type];
      if (!isOpen || isInFlight || this.#isUpToDate(type, snapshot)) continue;
      const set = this.#wantedSet(type, snapshot);
      const payload = this.#due(type, set, nowMs);
      if (payload !== undefined) return this.#send(payload, set, nowMs);
    }
    this.#noteProgress(snapshot);
    return undefined;
  }

  /** Nothing can be due: the same set was sent last, and nothing is owed. */
  #isUpToDate(type: PushedType, snapshot: NodeSnapshot): boolean {
    const { sent, isForced, owed } = this.#progress[type];
    return sent === snapshot[type] && !isForced && owed.length === 0;
  }

  #due(type: PushedType, set: ResourceSet, nowMs: number): Payload | undefined {
    if (type === "clusters" || type === "listeners") return this.#dueWhole(type, set);
    const payload = this.#duePart(type, set);
    const isHeld = type === "routes" && payload !== undefined && !this.#mayRoute(payload, nowMs);
    return isHeld ? undefined : payload;
  }

  /** What a node shall hold of a type: the snapshot's set, never under an older version than it has. */
  #wantedSet(type: PushedType, snapshot: NodeSnapshot): ResourceSet {
    const target = snapshot[type];
    const floor = Math.max(this.#progress[type].revisionFloor, this.#progress[type].sent?.revision ?? 0);
    const current = target.revision < floor ? stamped(target, Math.max(floor, snapshot.revision)) : target;
    return type === "clusters" ? this.#withRouted(current) : current;
  }

  /** R2: the new clusters and those that routes still name. */
  #withRouted(target: ResourceSet): ResourceSet {
    if (!this.#isOrdered) return target;
    const before = [this.#progress.clusters.sent, this.#ackedClusters];
    const kept = before.flatMap((set) =>
      set === undefined
        ? []
        : difference(set, target)
            .removed.filter((name) => this.#hasUnknownRoutes || this.#heldRoutes.names(name))
            .flatMap((name) => set.resources.get(name) ?? []),
    );
    return withKept(target, [...new Map(kept.map((resource) => [resource.name, resource])).values()]);
  }

  #dueWhole(type: "clusters" | "listeners", set: ResourceSet): Payload | undefined {
    const subscription = this.#subscriptions[type];
    const progress = this.#progress[type];
    const wanted = subscription.wantsAll ? undefined : subscription.names;
    if (wanted?.isEmpty === true || !(progress.isForced || concerns(progress.sent, set, wanted?.names))) {
      progress.isForced = false;
      progress.sent = set;
      return undefined;
    }
    return wholePayload(type, set, wanted);
  }

  #duePart(type: "endpoints" | "routes", set: ResourceSet): Payload | undefined {
    const { names } = this.#subscriptions[type];
    const progress = this.#progress[type];
    const base =
      progress.sent === undefined
        ? wholePayload(type, set, names)
        : changePayload(type, { from: progress.sent, to: set }, names);
    const payload = progress.owed.length === 0 ? base : extendPayload(base, set, progress.owed);
    if (payload.resources.length > 0) return payload;
    progress.sent = set;
    progress.owed = this.#stillOwed(type, set);
    return undefined;
  }

  /** R1. A node that asks for routes and never for clusters has clusters of its own: after a while it is believed. */
  #mayRoute(payload: Payload, nowMs: number): boolean {
    if (!this.#isOrdered) return true;
    if (!this.#subscriptions.clusters.isOpen) return nowMs - this.#routesAskedMs >= ROUTES_GRACE_MS;
    if (!this.#subscriptions.clusters.wantsAll) return true;
    if (this.#owesEndpointsOf(payload)) return false;
    if (this.#awaitsEndpointsRequest() && nowMs - this.#routesAskedMs < ROUTES_GRACE_MS) return false;
    // A list that is on its way, or was refused and applied in part, may have withdrawn what the one before had.
    const [acked, sent] = [this.#ackedClusters, this.#progress.clusters.sent];
    if (acked === undefined || !this.#hasEndpointsOf(payload)) return false;
    return payload.resources.every(
      (table) => isCovered(table, acked) && (sent === undefined || isCovered(table, sent)),
    );
  }

  #owesEndpointsOf(payload: Payload): boolean {
    const { owed } = this.#progress.endpoints;
    if (owed.length === 0) return false;
    const names = new Set(owed);
    return payload.resources.some((table) => table.clusters.some((name) => names.has(name)));
  }

  /** The endpoints of every cluster that the routes name were sent, as far as there are any to send. */
  #hasEndpointsOf(payload: Payload): boolean {
    const { sent } = this.#progress.endpoints;
    const known = this.#snapshot?.endpoints.resources;
    if (sent === undefined) return true;
    return payload.resources.every(
      (table) =>
        isCovered(table, sent) || table.clusters.every((name) => sent.resources.has(name) || known?.has(name) !== true),
    );
  }

  /** The node has clusters and has not asked for their endpoints yet, which it will do at once. */
  #awaitsEndpointsRequest(): boolean {
    return !this.#subscriptions.endpoints.isOpen && (this.#progress.clusters.sent?.resources.size ?? 0) > 0;
  }

  #send(payload: Payload, set: ResourceSet, nowMs: number): Outgoing {
    const { type } = payload;
    const progress = this.#progress[type];
    progress.sent = set;
    progress.isForced = false;
    progress.owed = this.#stillOwed(type, set);
    if (type === "clusters") {
      // Measured against what was accepted: of a refused list the node may have taken all, some or nothing.
      this.#oweEndpoints(this.#ackedClusters, set);
      this.#history.note(set);
    }
    if (type === "routes") this.#heldRoutes.onSent(payload);
    this.#lastNonce += 1;
    const nonce = String(this.#lastNonce);
    this.#subscriptions[type].onSent(nonce, payload.version, nowMs);
    return { payload, nonce };
  }

  /** Endpoints that a node waits for and that are not there now are owed until they are, or the cluster is gone. */
  #stillOwed(type: PushedType, set: ResourceSet): readonly string[] {
    const { owed } = this.#progress[type];
    if (type !== "endpoints" || owed.length === 0) return NOTHING;
    const clusters = this.#progress.clusters.sent?.resources;
    const left = owed.filter((name) => !set.resources.has(name) && clusters?.has(name) === true);
    return left.length === 0 ? NOTHING : left;
  }

  /** The endpoints of changed clusters follow them, also those that the node cannot have asked for yet. */
  #oweEndpoints(before: ResourceSet | undefined, now: ResourceSet): void {
    const { endpoints } = this.#subscriptions;
    const progress = this.#progress.endpoints;
    if (!this.#isOrdered) return;
    if (!endpoints.isOpen) {
      this.#announced = before === undefined ? NOTHING : difference(before, now).changed;
      return;
    }
    // Without a list that the node is known to hold, any cluster may be new to it.
    const changed = before === undefined ? [...now.resources.keys()] : difference(before, now).changed;
    if (changed.length === 0) return;
    progress.owed = progress.owed.length === 0 ? changed : [...new Set([...progress.owed, ...changed])];
    endpoints.expect(changed);
  }

  /** Called when nothing is due. */
  #noteProgress(snapshot: NodeSnapshot): void {
    if (this.#settledRevision === snapshot.revision) return;
    let isAnswered = true;
    let isSettled = true;
    for (const type of PUSHED_TYPES) {
      const { isOpen, isInFlight, nack } = this.#subscriptions[type];
      if (!isOpen) continue;
      if (isInFlight) isAnswered = false;
      if (nack !== undefined || !this.#holds(type, snapshot)) isSettled = false;
    }
    if (isAnswered) this.#answeredRevision = snapshot.revision;
    if (isAnswered && isSettled) this.#settledRevision = snapshot.revision;
  }

  /** Whether the newest content was sent, none of it withheld by R1 and nothing older kept by R2. */
  #holds(type: PushedType, snapshot: NodeSnapshot): boolean {
    return this.#progress[type].sent?.resources === snapshot[type].resources;
  }

  /** The newest content was sent, as far as the node asked for it. */
  isCurrent(type: PushedType): boolean {
    return this.#snapshot !== undefined && this.#holds(type, this.#snapshot);
  }

  /** The newest revision all of whose content, as far as the node asked for it, is acknowledged. */
  get settledRevision(): number {
    return this.#settledRevision;
  }

  /** The newest revision of which nothing that was sent is unanswered: acknowledged, refused or withheld. */
  get answeredRevision(): number {
    return this.#answeredRevision;
  }

  /** When `next` should be asked again though nothing happened; undefined: never. */
  nextWakeMs(): number | undefined {
    const wakeMs = this.#wakeMs();
    return wakeMs === Infinity ? undefined : wakeMs;
  }

  /** A node that asks for routes or for clusters alone is believed to need no more, after a while. */
  #wakeMs(): number {
    if (!this.#isOrdered) return Infinity;
    const { clusters, routes } = this.#subscriptions;
    const lacks = !clusters.isOpen || this.#awaitsEndpointsRequest();
    if (routes.isOpen && lacks && this.#progress.routes.sent === undefined) {
      return this.#routesAskedMs + ROUTES_GRACE_MS;
    }
    return this.#hasUnknownRoutes && !routes.isOpen ? this.#clustersAskedMs + ROUTES_GRACE_MS : Infinity;
  }

  /** Since when the oldest response waits for its answer; Infinity when none does. */
  unansweredSinceMs(): number {
    let since = Infinity;
    for (const type of PUSHED_TYPES) {
      const { isInFlight, sentMs } = this.#subscriptions[type];
      if (isInFlight && sentMs !== undefined && sentMs < since) since = sentMs;
    }
    return since;
  }

  subscription(type: PushedType): Subscription {
    return this.#subscriptions[type];
  }
}

/** Whether going from one set to another changes anything among `names`; undefined names are all. */
function concerns(from: ResourceSet | undefined, to: ResourceSet, names: ReadonlySet<string> | undefined): boolean {
  if (from === undefined) return true;
  if (from === to) return false;
  const { changed, removed } = difference(from, to);
  if (names === undefined) return changed.length > 0 || removed.length > 0;
  return changed.some((name) => names.has(name)) || removed.some((name) => names.has(name));
}
