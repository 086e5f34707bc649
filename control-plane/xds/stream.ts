import { status, type ServerDuplexStream } from "@grpc/grpc-js";

import type { Clock } from "../../shared/clock.ts";
import { STREAM_STALL_MS } from "../../shared/defaults.ts";
import { STREAM_BUFFER_BYTES_MAX, STREAM_REQUESTS_BURST, STREAM_REQUESTS_PER_SECOND } from "../../shared/limits.ts";
import type { ProxyNode } from "../../shared/model/node.ts";
import type { Timer, Timers } from "../../shared/timers.ts";
import { readDiscoveryRequest, type DiscoveryRequest } from "../../shared/wire/discovery-wire.ts";
import { resourceTypeOf } from "../../shared/wire/resource-types.ts";
import type { ClusterHistory } from "./cluster-history.ts";
import type { DigestBytes } from "./digest-bytes.ts";
import { checkNode } from "./node-check.ts";
import type { NameTable } from "./name-table.ts";
import { NodeSession } from "./node-session.ts";
import type { PayloadBytes } from "./payload-bytes.ts";
import type { SendBudget } from "./send-budget.ts";
import { PUSHED_TYPES, type NodeSnapshot, type PushedType } from "./resource-set.ts";
import { Subscription } from "./subscription.ts";

export type AdsCall = ServerDuplexStream<Buffer, Buffer>;

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
  /** Ends the connection under a stream whose peer reads nothing any more. */
  readonly destroyPeer: (peer: string) => void;
}

/** Told what happens on streams. */
export interface StreamObserver {
  onConnected(stream: NodeStream, node: ProxyNode): void;
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
export class NodeStream {
  readonly #call: AdsCall;
  readonly #context: StreamContext;
  readonly peer: string;
  readonly sinceWallMs: number;
  /** Counts the streams of this process. */
  readonly serial: number;
  #node: ProxyNode | undefined = undefined;
  #session: NodeSession | undefined = undefined;
  readonly #digest = new Subscription(false);
  #digestNonce = 0;
  #isEnded = false;
  #unsentBytes = 0;
  #wake: Timer | undefined = undefined;
  #requestTokens = STREAM_REQUESTS_BURST;
  #tokensMs: number;

  constructor(call: AdsCall, context: StreamContext) {
    this.#call = call;
    this.#context = context;
    this.peer = call.getPeer();
    lastSerial += 1;
    this.serial = lastSerial;
    this.sinceWallMs = context.clock.wallMs();
    this.#tokensMs = context.clock.nowMs();
    call.on("data", (bytes: Buffer) => this.#onRequest(bytes));
    call.on("drain", () => this.pump());
    call.on("end", () => {
      call.end();
      this.#onEnded();
    });
    call.on("cancelled", () => this.#onEnded());
    call.on("error", () => this.#onEnded());
    call.on("close", () => this.#onEnded());
  }

  /** The node as it introduced itself, and its session. Set for every stream that an observer is told of. */
  get introduced(): { readonly node: ProxyNode; readonly session: NodeSession } | undefined {
    if (this.#node === undefined || this.#session === undefined) return undefined;
    return { node: this.#node, session: this.#session };
  }

  /** Gives the session the newest snapshot of its class, and sends what is due. */
  refresh(): void {
    if (this.#node === undefined || this.#isEnded) return;
    const snapshot = this.#context.snapshotFor(this.#node);
    if (snapshot === undefined) return;
    this.#session?.onSnapshot(snapshot);
    this.pump();
  }

  /** Sends what is due, as long as the peer keeps reading. */
  pump(): void {
    const session = this.#session;
    if (session === undefined || this.#isEnded) return;
    const nowMs = this.#context.clock.nowMs();
    while (this.#mayWrite() && this.#context.budget.admits(this)) {
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

  #mayWrite(): boolean {
    return !this.#call.writableNeedDrain && this.#unsentBytes < STREAM_BUFFER_BYTES_MAX;
  }

  #write(bytes: Buffer): void {
    this.#unsentBytes += bytes.length;
    this.#context.budget.onWritten(bytes.length);
    this.#call.write(bytes, () => {
      // What an ended stream had not sent was given back when it ended.
      if (this.#isEnded) return;
      const wasFull = !this.#mayWrite();
      this.#unsentBytes -= bytes.length;
      this.#context.budget.onSent(bytes.length);
      if (wasFull) this.pump();
    });
  }

  #onRequest(bytes: Buffer): void {
    if (this.#isEnded) return;
    const nowMs = this.#context.clock.nowMs();
    if (!this.#takeToken(nowMs)) return this.cut(status.RESOURCE_EXHAUSTED, "too many requests on one stream");
    const request = readDiscoveryRequest(bytes);
    if (!request.ok) return this.cut(status.INVALID_ARGUMENT, request.error);
    const session = this.#session ?? this.#introduce(request.value.node);
    if (session === undefined) return;
    const type = resourceTypeOf(request.value.typeUrl);
    // A type that is not served may still be asked for: the protocol wants silence, not an error (xds.md 5.2).
    if (type === "digest") this.#onDigestRequest(request.value, nowMs);
    else if (type !== undefined && type !== "secrets") this.#onSessionRequest(session, type, request.value);
  }

  #onSessionRequest(session: NodeSession, type: PushedType, request: DiscoveryRequest): void {
    const nowMs = this.#context.clock.nowMs();
    const kind = session.onRequest(type, this.#read(request, session.subscription(type)), nowMs);
    if (kind === "nack") this.#context.observer.onNack(this, type, request.error?.message ?? "");
    if (kind !== "stale") this.pump();
  }

  #read(request: DiscoveryRequest, subscription: Subscription) {
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
    this.#node = node;
    this.#session = session;
    const snapshot = this.#context.snapshotFor(node);
    if (snapshot !== undefined) session.onSnapshot(snapshot);
    this.#context.observer.onConnected(this, node);
    return session;
  }

  #takeToken(nowMs: number): boolean {
    const earned = ((nowMs - this.#tokensMs) / 1000) * STREAM_REQUESTS_PER_SECOND;
    this.#requestTokens = Math.min(STREAM_REQUESTS_BURST, this.#requestTokens + earned) - 1;
    this.#tokensMs = nowMs;
    return this.#requestTokens >= 0;
  }

  #onDigestRequest(request: DiscoveryRequest, nowMs: number): void {
    const { kind } = this.#digest.onRequest(this.#read(request, this.#digest), nowMs);
    if (kind === "first") this.sendDigest();
  }

  /** Tells a subscribed node what it should hold. Skipped while the one before is unanswered. */
  sendDigest(): void {
    const session = this.#session;
    if (session === undefined || !this.#digest.isOpen || this.#digest.isInFlight || !this.#mayWrite()) return;
    const versions = PUSHED_TYPES.map((type) => session.subscription(type).sentVersion);
    this.#digestNonce += 1;
    const nonce = `d${this.#digestNonce}`;
    const { version, bytes } = this.#context.digests.of(versions, nonce);
    this.#digest.onSent(nonce, version, this.#context.clock.nowMs());
    this.#write(bytes);
  }

  /** Cuts the stream if its peer has left a response unread or unanswered for too long. */
  checkStall(nowMs: number): void {
    const digestMs = this.#digest.isInFlight ? (this.#digest.sentMs ?? Infinity) : Infinity;
    const sinceMs = Math.min(this.#session?.unansweredSinceMs() ?? Infinity, digestMs);
    if (nowMs - sinceMs < STREAM_STALL_MS) return;
    this.cut(status.ABORTED, `a response was not answered within ${STREAM_STALL_MS / 1000} s`);
    // A peer that reads nothing would not read the status either.
    this.#context.destroyPeer(this.peer);
  }

  cut(code: status, reason: string): void {
    if (this.#isEnded) return;
    this.#context.observer.onCut(this, reason);
    this.#call.emit("error", { code, details: reason });
    this.#onEnded();
  }

  #onEnded(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#wake?.cancel();
    this.#context.budget.onEnded(this, this.#unsentBytes);
    if (this.#node !== undefined) this.#context.observer.onDisconnected(this, this.#node);
  }
}
