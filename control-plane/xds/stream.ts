import { status } from "@grpc/grpc-js";

import type { Clock } from "../../shared/clock.ts";
import { STREAM_STALL_MS } from "../../shared/defaults.ts";
import { STREAM_REQUESTS_BURST, STREAM_REQUESTS_PER_SECOND } from "../../shared/limits.ts";
import type { ProxyNode } from "../../shared/model/node.ts";
import type { Timer, Timers } from "../../shared/timers.ts";
import { readDiscoveryRequest, type DiscoveryRequest } from "../../shared/wire/discovery-request.ts";
import { resourceTypeOf } from "../../shared/wire/resource-types.ts";
import type { CallReceiver, GrpcCall } from "../grpc/grpc-call.ts";
import type { ClusterHistory } from "./cluster-history.ts";
import type { DigestBytes } from "./digest-bytes.ts";
import { checkNode } from "./node-check.ts";
import type { NameTable } from "./name-table.ts";
import { NodeSession, type SessionRequest } from "./node-session.ts";
import type { PayloadBytes } from "./payload-bytes.ts";
import type { SendBudget } from "./send-budget.ts";
import { PUSHED_TYPES, type NodeSnapshot, type PushedType } from "./resource-set.ts";
import { Subscription } from "./subscription.ts";

/** What all streams of a server share. */
export interface StreamContext {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly names: NameTable;
  readonly payloads: PayloadBytes;
  readonly digests: DigestBytes;
  readonly history: ClusterHistory;
  readonly budget: SendBudget<NodeStream>;
  readonly snapshotFor: (node: ProxyNode) => NodeSnapshot | undefined;
  readonly observer: StreamObserver;
}

/** Told what happens on streams. */
export interface StreamObserver {
  onConnected(stream: NodeStream, node: ProxyNode): void;
  /** Once a stream: the node routes by a snapshot, and calls to it will be answered. Before that it must not be listed. */
  onServing(stream: NodeStream, node: ProxyNode): void;
  onDisconnected(stream: NodeStream, node: ProxyNode): void;
  /** Something was sent or answered. */
  onProgress(stream: NodeStream): void;
  onNack(stream: NodeStream, type: PushedType, reason: string): void;
  onCut(stream: NodeStream, reason: string): void;
}

let lastSerial = 0;

/**
 * One gRPC stream around one session: reads requests, writes what the session says is due, and stops writing while the
 * peer does not read. It holds at most one unanswered response per type, so a slow peer costs what one snapshot costs.
 */
export class NodeStream implements CallReceiver {
  readonly #call: GrpcCall;
  readonly #context: StreamContext;
  readonly sinceWallMs: number;
  /** Counts the streams of this process. */
  readonly serial: number;
  #introduced: { readonly node: ProxyNode; readonly session: NodeSession } | undefined = undefined;
  #isServing = false;
  readonly #digest = new Subscription(false);
  #digestNonce = 0;
  /** Counted in the budget: what the peer has not taken. */
  #unsentBytes = 0;
  #wake: Timer | undefined = undefined;
  #requestTokens = STREAM_REQUESTS_BURST;
  #requestMs: number;

  constructor(call: GrpcCall, context: StreamContext) {
    this.#call = call;
    this.#context = context;
    lastSerial += 1;
    this.serial = lastSerial;
    this.sinceWallMs = context.clock.wallMs();
    this.#requestMs = context.clock.nowMs();
  }

  get peer(): string {
    return this.#call.peer;
  }

  /** The node as it introduced itself, and its session. Set for every stream that an observer is told of. */
  get introduced(): { readonly node: ProxyNode; readonly session: NodeSession } | undefined {
    return this.#introduced;
  }

  /** Gives the session the newest snapshot of its class, and sends what is due. */
  refresh(): void {
    if (this.#introduced === undefined || this.#call.isOver) return;
    const { node, session } = this.#introduced;
    const snapshot = this.#context.snapshotFor(node);
    if (snapshot === undefined) return;
    session.onSnapshot(snapshot);
    this.pump();
  }

  /**
   * Sends what is due, as long as the peer keeps reading. Hot: runs for every stream at every publication and after
   * every answer.
   */
  pump(): void {
    if (this.#introduced === undefined || this.#call.isOver) return;
    const { session } = this.#introduced;
    const nowMs = this.#context.clock.nowMs();
    while (this.#call.isWritable && this.#context.budget.admits(this)) {
      const outgoing = session.next(nowMs);
      if (outgoing === undefined) break;
      this.#write(this.#context.payloads.of(outgoing));
    }
    this.#wakeAt(session.nextWakeMs(), nowMs);
    this.#context.observer.onProgress(this);
  }

  #wakeAt(wakeMs: number | undefined, nowMs: number): void {
    if (wakeMs === undefined || this.#wake !== undefined) return;
    this.#wake = this.#context.timers.after(Math.max(0, wakeMs - nowMs), () => {
      this.#wake = undefined;
      this.pump();
    });
  }

  #write(frame: Buffer): void {
    this.#call.write(frame);
    // Usually the socket takes it at once, and there is nothing to count.
    if (this.#call.isWritable) return;
    this.#unsentBytes = frame.length;
    this.#context.budget.onWritten(frame.length);
  }

  onDrain(): void {
    const sentBytes = this.#unsentBytes;
    this.#unsentBytes = 0;
    if (sentBytes > 0) this.#context.budget.onSent(sentBytes);
    this.pump();
  }

  onMessage(bytes: Buffer): void {
    const nowMs = this.#context.clock.nowMs();
    if (!this.#takeToken(nowMs)) return this.cut(status.RESOURCE_EXHAUSTED, "too many requests on one stream");
    const request = readDiscoveryRequest(bytes, this.#introduced && longestNames(this.#introduced.session));
    if (!request.ok) return this.cut(status.INVALID_ARGUMENT, request.error);
    const session = this.#introduced?.session ?? this.#introduce(request.value.node);
    if (session === undefined) return;
    const type = resourceTypeOf(request.value.typeUrl);
    // A type that is not served may still be asked for: the protocol wants silence, not an error (xds.md 5.2).
    if (type === "digest") this.#onDigestRequest(request.value, nowMs);
    else if (type !== undefined && type !== "secrets") this.#onSessionRequest(session, type, request.value);
  }

  #onSessionRequest(session: NodeSession, type: PushedType, request: DiscoveryRequest): void {
    const read = this.#read(request, session.subscription(type));
    const kind = session.onRequest(type, read, this.#requestMs);
    if (kind === "nack") this.#context.observer.onNack(this, type, request.error?.message ?? "");
    if (kind === "ack" && !this.#isServing) this.#noteServing(session);
    if (kind !== "stale") this.pump();
  }

  /** A node that began without a snapshot serves once it has taken its listeners and their routes. */
  #noteServing(session: NodeSession): void {
    const has = (type: PushedType): boolean => session.subscription(type).ackedVersion !== "";
    if (this.#introduced === undefined || !has("listeners") || !has("routes")) return;
    this.#isServing = true;
    this.#context.observer.onServing(this, this.#introduced.node);
  }

  #read(request: DiscoveryRequest, subscription: Subscription): SessionRequest {
    return {
      names: this.#context.names.read(request.namesBytes, subscription.names),
      nonce: request.responseNonce,
      error: request.error?.message,
      version: request.versionInfo,
    };
  }

  /** The first request says who speaks; what later ones say about that is not read again (xds.md 5.3). */
  #introduce(node: ProxyNode | undefined): NodeSession | undefined {
    const refusal = checkNode(node);
    if (node === undefined || refusal !== undefined) {
      this.cut(status.INVALID_ARGUMENT, refusal ?? "node: must be set in the first request");
      return undefined;
    }
    const session = new NodeSession(node.kind !== "grpc", this.#context.history);
    this.#introduced = { node, session };
    const snapshot = this.#context.snapshotFor(node);
    if (snapshot !== undefined) session.onSnapshot(snapshot);
    this.#context.observer.onConnected(this, node);
    this.#isServing = node.snapshotSource !== "none";
    if (this.#isServing) this.#context.observer.onServing(this, node);
    return session;
  }

  #takeToken(nowMs: number): boolean {
    const earned = ((nowMs - this.#requestMs) / 1000) * STREAM_REQUESTS_PER_SECOND;
    this.#requestTokens = Math.min(STREAM_REQUESTS_BURST, this.#requestTokens + earned) - 1;
    this.#requestMs = nowMs;
    return this.#requestTokens >= 0;
  }

  #onDigestRequest(request: DiscoveryRequest, nowMs: number): void {
    const { kind } = this.#digest.onRequest(this.#read(request, this.#digest), nowMs);
    if (kind === "first") this.sendDigest();
  }

  /** Tells a subscribed node what it should hold. Skipped while the one before is unanswered. */
  sendDigest(): void {
    if (this.#introduced === undefined || !this.#digest.isOpen || this.#digest.isInFlight) return;
    if (!this.#call.isWritable) return;
    const { session } = this.#introduced;
    const versions = PUSHED_TYPES.map((type) => session.subscription(type).sentVersion);
    this.#digestNonce += 1;
    const nonce = `d${this.#digestNonce}`;
    const { version, frame } = this.#context.digests.of(versions, nonce);
    this.#digest.onSent(nonce, version, this.#context.clock.nowMs());
    this.#write(frame);
  }

  /**
   * Cuts the stream if its peer has left a response unread or unanswered for too long. A peer that still takes parts of a
   * large response is not stalled, and one that waits for its turn was sent nothing yet. Time before `sinceMs` does not
   * count.
   */
  checkStall(nowMs: number, sinceMs: number): void {
    const digestMs = this.#digest.isInFlight ? (this.#digest.sentMs ?? Infinity) : Infinity;
    const unansweredMs = Math.min(this.#introduced?.session.unansweredSinceMs() ?? Infinity, digestMs);
    const aliveMs = Math.max(unansweredMs, this.#call.progressMs, sinceMs);
    if (nowMs - aliveMs < STREAM_STALL_MS) return;
    this.cut(status.ABORTED, `a response was not answered within ${STREAM_STALL_MS / 1000} s`);
    // A peer that reads nothing would not read the status either.
    this.#call.destroyConnection();
  }

  cut(code: status, reason: string): void {
    if (this.#call.isOver) return;
    this.#context.observer.onCut(this, reason);
    this.#call.end({ code, details: reason });
  }

  onHalfClose(): void {
    this.#call.end({ code: status.OK, details: "" });
  }

  onClosed(): void {
    this.#wake?.cancel();
    this.#context.budget.onEnded(this, this.#unsentBytes);
    if (this.#introduced !== undefined) this.#context.observer.onDisconnected(this, this.#introduced.node);
  }
}

/** The longest list of the node's subscriptions, as it encoded it: its next answer most likely repeats that. Hot. */
function longestNames(session: NodeSession): Buffer {
  let longest = session.subscription("endpoints").names.encoded;
  for (const type of PUSHED_TYPES) {
    const { encoded } = session.subscription(type).names;
    if (encoded.length > longest.length) longest = encoded;
  }
  return longest;
}
