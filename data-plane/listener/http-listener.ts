import { createServer, type Server, type Socket } from "node:net";

import type { Address } from "../../shared/address.ts";
import { OVERLOAD_PERIOD_MS, TRACE_SAMPLE_RATIO } from "../../shared/defaults.ts";
import {
  ACCEPT_BACKLOG,
  CONNECTIONS_PER_LISTENER_MAX,
  POLITE_REFUSALS_MAX,
  RELAY_BUFFER_BYTES_MAX,
  RESPONSE_CACHE_BOUNDS,
  REQUESTS_PER_CONNECTION_MAX,
} from "../../shared/limits.ts";
import { systemClock, type Clock } from "../../shared/clock.ts";
import { systemIds, systemRandom, type Ids, type Random } from "../../shared/random.ts";
import type { TimerWheel } from "../../shared/timer-wheel.ts";
import type { RequestDecoderOptions } from "../http1/request-decoder.ts";
import { LoadShedder } from "../policy/load-shedder.ts";
import { ResponseCache } from "../policy/response-cache.ts";
import { InboundCalls } from "../request/inbound-calls.ts";
import type { Identity, ListenerServices } from "../request/listener-services.ts";
import { RateLimits } from "../runtime/rate-limits.ts";
import type { Runtime } from "../runtime/runtime.ts";
import type { RequestSink } from "../telemetry/request-record.ts";
import { descriptors } from "../socket/descriptors.ts";
import type { Egress } from "../upstream/egress.ts";
import type { NewsExchange } from "../workers/news-exchange.ts";
import type { SharedCount } from "../workers/shared-count.ts";
import { CONNECTION_TIMES, type ConnectionHome, type ConnectionTimes, type OpenConnection } from "./connection-home.ts";
import { DownstreamConnection } from "./downstream-connection.ts";

export interface HttpListenerOptions {
  /** In logs and metrics. */
  readonly name: string;
  /** Key in `Runtime.listeners` of the routes to use; by default the name. */
  readonly routesOf?: string;
  readonly direction: "inbound" | "outbound" | "unspecified";
  /** Every request goes to this service, whatever its Host (`--upstream reviews=9091`). */
  readonly fixedAuthority?: string;
  /** Asked once per request; the request keeps what it got. */
  readonly runtimeOf: () => Runtime;
  readonly sink: RequestSink;
  /** Shared by the listeners of a process; by default one of its own. */
  readonly responses?: ResponseCache;
  /** Likewise; by default one that never refuses. */
  readonly shedder?: LoadShedder;
  readonly wheel: TimerWheel;
  readonly identity: Identity;
  /** What is known of the limits of routes, for all listeners. */
  readonly rateLimits?: RateLimits;
  /** What the app is answering, for all listeners. */
  readonly calls?: InboundCalls;
  /** Undefined: there are no other workers. */
  readonly news?: NewsExchange;
  /** One per process; undefined: hosts outside the mesh are 404 NR (`egress: registry-only`). */
  readonly egress?: Egress;
  /** Told of an error that ended a request: a bug of ours, to be logged. */
  readonly onBug: (error: unknown) => void;
  readonly clock?: Clock;
  readonly random?: Random;
  readonly ids?: Ids;
  readonly sampleRatio?: number;
  readonly times?: Partial<ConnectionTimes>;
  /** How strictly requests are read, and what they may ask for; CONNECT passes by default where there is a way out. */
  readonly codec?: RequestDecoderOptions;
  /** Other threads of this process listen on the same port, and the system spreads connections over them. */
  readonly sharesPort?: boolean;
  readonly connectionsMax?: number;
  /** Its connections in all workers, which share `connectionsMax`; undefined with one. */
  readonly connectionsOfAll?: SharedCount;
  /** Connections from one address; by default as many as there may be: callers of a sidecar share one. */
  readonly connectionsPerClientMax?: number;
  readonly requestsPerConnectionMax?: number;
}

/** `connectionsMax`, `connectionsPerClientMax`, or what the system gives to a process. */
export type Shortage = "connections" | "client" | "descriptors";

/** An open port that speaks HTTP/1.1 and sends each request where the configuration of the moment says. */
export class HttpListener implements ConnectionHome {
  readonly services: ListenerServices;
  readonly times: ConnectionTimes;
  isDraining = false;
  inFlight = 0;
  tunnels = 0;
  /** Connections refused for want of room, by what there was too little of. */
  readonly refusals: { [shortage in Shortage]: number } = { connections: 0, client: 0, descriptors: 0 };
  exhausted = 0;
  idled = 0;
  readonly requestsPerConnectionMax: number;
  readonly #server: Server;
  readonly #connections = new Set<OpenConnection>();
  readonly #sharesPort: boolean;
  readonly #connectionsMax: number;
  readonly #connectionsOfAll: SharedCount | undefined;
  readonly #perClientMax: number | undefined;
  /** Open connections by address, while there is a bound on them. */
  readonly #ofClient = new Map<string, number>();
  #refusing = 0;

  constructor(options: HttpListenerOptions) {
    this.times = { ...CONNECTION_TIMES, ...options.times };
    this.services = servicesOf(options, this.times);
    // Half-open: a client that has sent all it has to say still gets its answer.
    this.#server = createServer(
      { allowHalfOpen: true, noDelay: true, highWaterMark: RELAY_BUFFER_BYTES_MAX },
      (socket) => this.#onConnection(socket),
    );
    this.#sharesPort = options.sharesPort ?? false;
    this.#connectionsMax = options.connectionsMax ?? CONNECTIONS_PER_LISTENER_MAX;
    this.#connectionsOfAll = options.connectionsOfAll;
    this.#perClientMax = options.connectionsPerClientMax;
    this.requestsPerConnectionMax = options.requestsPerConnectionMax ?? REQUESTS_PER_CONNECTION_MAX;
  }

  /** Downstream connections that are open. */
  get connections(): number {
    return this.#connections.size;
  }

  /** Opens the port; port 0 picks one. Rejects with the system's error when it can not. */
  listen(address: Address): Promise<Address> {
    return new Promise((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen({ ...address, backlog: ACCEPT_BACKLOG, reusePort: this.#sharesPort }, () => {
        this.#server.off("error", reject);
        this.#server.on("error", this.services.onBug);
        const bound = this.address();
        this.services.egress?.addOwnPort(bound.port);
        resolve(bound);
      });
    });
  }

  /** The address it listens on. Only after `listen`. */
  address(): Address {
    const bound = this.#server.address();
    if (bound === null || typeof bound === "string") throw new Error(`listener ${this.services.name} is not open`);
    return { host: bound.address, port: bound.port };
  }

  /**
   * Takes no new connections, and lets those that are open end with their next response (`Connection: close`). An idle
   * one stays open for its next request: closing it now would lose a request that is on its way.
   */
  drain(): void {
    if (this.isDraining) return;
    this.isDraining = true;
    if (this.#server.listening) {
      this.services.egress?.removeOwnPort(this.address().port);
      this.#server.close();
    }
  }

  /** Ends everything now. Requests in flight are given up. */
  close(): void {
    this.drain();
    for (const connection of this.#connections) connection.close();
  }

  onConnectionClosed(connection: OpenConnection): void {
    this.#connections.delete(connection);
    descriptors.count(-1);
    if (connection.isRefused) this.#refusing -= 1;
    else this.#connectionsOfAll?.add(-1);
    if (this.#perClientMax !== undefined) this.#countClient(connection.sourceIp, -1);
  }

  #onConnection(socket: Socket): void {
    const shortage = this.#shortage(socket);
    if (shortage !== undefined) {
      this.refusals[shortage] += 1;
      if (this.#refusing >= POLITE_REFUSALS_MAX) {
        socket.destroy();
        return;
      }
      this.#refusing += 1;
    }
    descriptors.count(1);
    const connection = new DownstreamConnection(this, socket, shortage !== undefined);
    this.#connections.add(connection);
    if (this.#perClientMax !== undefined) this.#countClient(connection.sourceIp, 1);
  }

  #shortage(socket: Socket): Shortage | undefined {
    if (descriptors.areScarce) return "descriptors";
    const max = this.#perClientMax;
    if (max !== undefined && (this.#ofClient.get(socket.remoteAddress ?? "") ?? 0) >= max) return "client";
    return this.#takePlace() ? undefined : "connections";
  }

  #takePlace(): boolean {
    const ofAll = this.#connectionsOfAll;
    if (ofAll === undefined) return this.#connections.size - this.#refusing < this.#connectionsMax;
    ofAll.add(1);
    if (ofAll.total <= this.#connectionsMax) return true;
    ofAll.add(-1);
    return false;
  }

  #countClient(client: string, change: number): void {
    const count = (this.#ofClient.get(client) ?? 0) + change;
    if (count > 0) this.#ofClient.set(client, count);
    else this.#ofClient.delete(client);
  }
}

function servicesOf(options: HttpListenerOptions, times: ConnectionTimes): ListenerServices {
  return {
    name: options.name,
    routesOf: options.routesOf ?? options.name,
    direction: options.direction,
    fixedAuthority: options.fixedAuthority,
    runtimeOf: options.runtimeOf,
    sink: options.sink,
    shedder: options.shedder ?? new LoadShedder(Infinity, OVERLOAD_PERIOD_MS),
    responses: options.responses ?? new ResponseCache(RESPONSE_CACHE_BOUNDS),
    clock: options.clock ?? systemClock,
    wheel: options.wheel,
    random: options.random ?? systemRandom,
    ids: options.ids ?? systemIds,
    identity: options.identity,
    rateLimits: options.rateLimits ?? new RateLimits(),
    calls: options.calls ?? new InboundCalls(),
    news: options.news,
    egress: options.egress,
    sampleRatio: options.sampleRatio ?? TRACE_SAMPLE_RATIO,
    streamIdleMs: times.streamIdleMs,
    tunnelIdleMs: times.tunnelIdleMs,
    onBug: options.onBug,
    codec: { allowConnect: options.egress !== undefined && options.fixedAuthority === undefined, ...options.codec },
  };
}
