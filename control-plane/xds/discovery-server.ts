import { createServer, type Server as NetServer, type Socket } from "node:net";

import {
  Server,
  ServerCredentials,
  status,
  type ConnectionInjector,
  type ServiceDefinition,
  type UntypedServiceImplementation,
} from "@grpc/grpc-js";

import type { Address } from "../../shared/address.ts";
import type { Clock } from "../../shared/clock.ts";
import { DIGEST_PERIOD_MS } from "../../shared/defaults.ts";
import { FAN_OUT_SLICE, XDS_REQUEST_BYTES_MAX, XDS_RESPONSE_BYTES_MAX } from "../../shared/limits.ts";
import type { ProxyNode } from "../../shared/model/node.ts";
import { err, ok, type Result } from "../../shared/result.ts";
import type { Timer, Timers } from "../../shared/timers.ts";
import { adsService } from "../../shared/wire/ads-service.ts";
import { ClusterHistory } from "./cluster-history.ts";
import { DigestBytes } from "./digest-bytes.ts";
import { NameTable } from "./name-table.ts";
import { PayloadBytes } from "./payload-bytes.ts";
import type { NodeSnapshot } from "./resource-set.ts";
import { SendBudget } from "./send-budget.ts";
import { NodeStream, type AdsCall, type StreamContext, type StreamObserver } from "./stream.ts";

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
  /** Other services on the same port. */
  readonly services: readonly Service[];
}

interface Service {
  readonly definition: ServiceDefinition;
  readonly handlers: UntypedServiceImplementation;
}

const DELTA_PATH = "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources";

/** Turns of the heart per digest period: each stream gets its digest in one of them, so that the work is even. */
const BEATS = 100;
const STALL_CHECK_BEATS = 10;

/** The port of proxies: accepts streams, gives each its session, and tells all of them when there is news. */
export class DiscoveryServer {
  readonly #options: DiscoveryServerOptions;
  readonly #grpc: Server;
  readonly #injector: ConnectionInjector;
  readonly #net: NetServer;
  readonly #sockets = new Map<string, Socket>();
  readonly #context: StreamContext;
  #heart: Timer | undefined = undefined;
  #beat = 0;
  /** The fan-out that counts: an older one still in progress stops when it sees another. */
  #fanOut = 0;

  constructor(options: DiscoveryServerOptions) {
    this.#options = options;
    const controlPlane = `heddle/${options.meshId}`;
    this.#context = {
      ...options,
      names: new NameTable(),
      history: new ClusterHistory(),
      budget: new SendBudget(),
      payloads: new PayloadBytes(controlPlane),
      digests: new DigestBytes(options.meshId, controlPlane, options.revision),
      destroyPeer: (peer) => this.#sockets.get(peer)?.destroy(),
    };
    this.#grpc = this.#createGrpc(options.services);
    // Our own sockets below gRPC: only so can the connection under a peer that reads nothing be ended.
    this.#injector = this.#grpc.createConnectionInjector(ServerCredentials.createInsecure());
    this.#net = createServer({ noDelay: true }, (socket) => this.#onConnection(socket));
  }

  #createGrpc(services: readonly Service[]): Server {
    const grpc = new Server({
      "grpc.max_receive_message_length": XDS_REQUEST_BYTES_MAX,
      "grpc.max_send_message_length": XDS_RESPONSE_BYTES_MAX,
      // Counters for a debugging protocol that is not served; they cost memory and time per stream.
      "grpc.enable_channelz": 0,
    });
    grpc.addService(adsService, {
      streamAggregatedResources: (call: AdsCall) => new NodeStream(call, this.#context),
    });
    grpc.register(DELTA_PATH, refuseDelta, passThrough, passThrough, "bidi");
    for (const { definition, handlers } of services) grpc.addService(definition, handlers);
    return grpc;
  }

  #onConnection(socket: Socket): void {
    const peer = `${socket.remoteAddress}:${socket.remotePort}`;
    this.#sockets.set(peer, socket);
    socket.once("close", () => this.#sockets.delete(peer));
    this.#injector.injectConnection(socket);
  }

  /** Opens the port; 0 picks a free one. The address really bound, or why it could not be. */
  async start(address: Address): Promise<Result<Address, string>> {
    const bound = await listen(this.#net, address);
    if (!bound.ok) return bound;
    this.#heart = this.#options.timers.every(DIGEST_PERIOD_MS / BEATS, () => this.#onBeat());
    return bound;
  }

  /**
   * Gives every stream the newest snapshot of its class. In slices, so that requests are read in between: an ACK that
   * waits behind a thousand writes would make every later push slower.
   */
  async publish(): Promise<void> {
    this.#fanOut += 1;
    const mine = this.#fanOut;
    let inSlice = 0;
    // A copy: streams come and go between the slices.
    for (const stream of Array.from(this.#options.streams())) {
      stream.refresh();
      inSlice += 1;
      if (inSlice < FAN_OUT_SLICE) continue;
      inSlice = 0;
      await new Promise((resolve) => setImmediate(resolve));
      // A newer snapshot starts over and reaches the rest as well.
      if (mine !== this.#fanOut) return;
    }
  }

  #onBeat(): void {
    this.#beat = (this.#beat + 1) % BEATS;
    const nowMs = this.#options.clock.nowMs();
    for (const stream of this.#options.streams()) {
      if (stream.serial % BEATS === this.#beat) stream.sendDigest();
      if (stream.serial % STALL_CHECK_BEATS === this.#beat % STALL_CHECK_BEATS) stream.checkStall(nowMs);
    }
  }

  /** No new streams; the open ones are told to go, and cut after `graceMs`. */
  async stop(graceMs: number): Promise<void> {
    this.#heart?.cancel();
    const closed = new Promise<void>((resolve) => this.#net.close(() => resolve()));
    for (const stream of this.#options.streams()) stream.cut(status.UNAVAILABLE, "the control plane is stopping");
    const cut = this.#options.timers.after(graceMs, () => {
      for (const socket of this.#sockets.values()) socket.destroy();
    });
    this.#injector.drain(graceMs);
    await closed;
    cut.cancel();
    this.#grpc.forceShutdown();
  }
}

function refuseDelta(call: AdsCall): void {
  const details = "incremental xDS is not served; use StreamAggregatedResources (Envoy: api_type GRPC)";
  call.emit("error", { code: status.UNIMPLEMENTED, details });
}

function passThrough(bytes: Buffer): Buffer {
  return bytes;
}

function listen(server: NetServer, { host, port }: Address): Promise<Result<Address, string>> {
  return new Promise((resolve) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      resolve(err(error.code === "EADDRINUSE" ? `port ${port} of ${host} is in use` : error.message));
    });
    server.listen({ host, port }, () => {
      const bound = server.address();
      resolve(ok({ host, port: typeof bound === "object" && bound !== null ? bound.port : port }));
    });
  });
}
