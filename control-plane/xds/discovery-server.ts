import { status } from "@grpc/grpc-js";

import type { Address } from "../../shared/address.ts";
import type { Clock } from "../../shared/clock.ts";
import { DIGEST_PERIOD_MS, LEASE_STALL_MS } from "../../shared/defaults.ts";
import { FAN_OUT_SLICE_MS, XDS_REQUEST_BYTES_MAX } from "../../shared/limits.ts";
import type { ProxyNode } from "../../shared/model/node.ts";
import type { Result } from "../../shared/result.ts";
import type { Timer, Timers } from "../../shared/timers.ts";
import { adsService } from "../../shared/wire/ads-service.ts";
import type { CallReceiver, GrpcCall } from "../grpc/grpc-call.ts";
import { GrpcEndpoint, type Method } from "../grpc/grpc-endpoint.ts";
import { ClusterHistory } from "./cluster-history.ts";
import { DigestBytes } from "./digest-bytes.ts";
import { NameTable } from "./name-table.ts";
import { PayloadBytes } from "./payload-bytes.ts";
import type { NodeSnapshot } from "./resource-set.ts";
import { SendBudget } from "./send-budget.ts";
import { NodeStream, type StreamContext, type StreamObserver } from "./stream.ts";

export interface DiscoveryServerOptions {
  readonly meshId: string;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly observer: StreamObserver;
  /** The connected streams, in the order in which they are served. */
  readonly streams: () => Iterable<NodeStream>;
  readonly snapshotFor: (node: ProxyNode) => NodeSnapshot | undefined;
  /** The newest published revision. */
  readonly revision: () => number;
  /** What else is served on the same port. */
  readonly methods: readonly Method[];
}

const DELTA_PATH = "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources";
const DELTA_REFUSAL = "incremental xDS is not served; use StreamAggregatedResources (Envoy: api_type GRPC)";

/** Turns of the heart per digest period: each stream gets its digest in one of them, so that the work is even. */
const BEATS = 20;
/** The clock is asked once for so many streams. */
const STREAMS_PER_LOOK = 16;

/** The port of proxies: accepts streams, gives each its session, and tells all of them when there is news. */
export class DiscoveryServer {
  readonly #options: DiscoveryServerOptions;
  readonly #endpoint: GrpcEndpoint;
  #heart: Timer | undefined = undefined;
  #beat = 0;
  #beatMs = 0;
  /** Since when this process runs without standing still: what it did not hear before is not the peers' fault. */
  #awakeMs = 0;
  /** Streams that wait for their turn to get the newest snapshot, in that order. */
  readonly #due = new Set<NodeStream>();
  #handingOut: Promise<void> | undefined = undefined;

  constructor(options: DiscoveryServerOptions) {
    this.#options = options;
    const controlPlane = `heddle/${options.meshId}`;
    const context: StreamContext = {
      ...options,
      names: new NameTable(),
      history: new ClusterHistory(),
      budget: new SendBudget(),
      payloads: new PayloadBytes(controlPlane),
      digests: new DigestBytes(options.meshId, controlPlane, options.revision),
    };
    const ads: Method = {
      path: adsService.streamAggregatedResources.path,
      accept: (call) => new NodeStream(call, context),
    };
    this.#endpoint = new GrpcEndpoint({
      clock: options.clock,
      timers: options.timers,
      methods: [ads, { path: DELTA_PATH, accept: refuseDelta }, ...options.methods],
      messageBytesMax: XDS_REQUEST_BYTES_MAX,
    });
  }

  /** Opens the port; 0 picks a free one. The address really bound, or why it could not be. */
  async start(address: Address): Promise<Result<Address, string>> {
    const bound = await this.#endpoint.start(address);
    if (!bound.ok) return bound;
    this.#beatMs = this.#options.clock.nowMs();
    this.#heart = this.#options.timers.every(DIGEST_PERIOD_MS / BEATS, () => this.#onBeat());
    return bound;
  }

  /**
   * Gives every stream the newest snapshot of its class. In slices, so that requests are read in between: an ACK that
   * waits behind a thousand writes would make every later push slower. Settles when no stream waits for its turn.
   *
   * A stream that still waits when there is news again keeps its place. To start over with each would never reach the
   * last streams while edits come faster than a round takes.
   */
  async publish(): Promise<void> {
    for (const stream of this.#options.streams()) this.#due.add(stream);
    this.#handingOut ??= this.#handOut().finally(() => (this.#handingOut = undefined));
    await this.#handingOut;
  }

  async #handOut(): Promise<void> {
    const { clock } = this.#options;
    let sliceEndMs = clock.nowMs() + FAN_OUT_SLICE_MS;
    let count = 0;
    // What is added meanwhile comes up in the same walk.
    for (const stream of this.#due) {
      this.#due.delete(stream);
      stream.refresh();
      count += 1;
      if (count % STREAMS_PER_LOOK !== 0 || clock.nowMs() < sliceEndMs) continue;
      await new Promise((resolve) => setImmediate(resolve));
      sliceEndMs = clock.nowMs() + FAN_OUT_SLICE_MS;
    }
  }

  #onBeat(): void {
    this.#beat = (this.#beat + 1) % BEATS;
    const nowMs = this.#options.clock.nowMs();
    if (nowMs - this.#beatMs >= LEASE_STALL_MS) this.#awakeMs = nowMs;
    this.#beatMs = nowMs;
    for (const stream of this.#options.streams()) {
      if (stream.serial % BEATS !== this.#beat) continue;
      stream.sendDigest();
      stream.checkStall(nowMs, this.#awakeMs);
    }
  }

  /** No new streams; the open ones are told to go, and cut after `graceMs`. */
  async stop(graceMs: number): Promise<void> {
    this.#heart?.cancel();
    for (const stream of Array.from(this.#options.streams())) {
      stream.cut(status.UNAVAILABLE, "the control plane is stopping");
    }
    await this.#endpoint.stop(graceMs);
  }
}

function refuseDelta(call: GrpcCall): CallReceiver {
  call.end({ code: status.UNIMPLEMENTED, details: DELTA_REFUSAL });
  return { onMessage: nothing, onHalfClose: nothing, onDrain: nothing, onClosed: nothing };
}

function nothing(): void {
  // A call that is over has nothing to tell.
}
