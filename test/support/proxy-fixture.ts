import { ClusterState, ServiceState } from "../../data-plane/runtime/cluster-state.ts";
import { NO_POLICIES, type ClusterPolicies } from "../../shared/model/cluster-policy.ts";
import assert from "node:assert/strict";
import { createServer, type AddressInfo, type Socket } from "node:net";

import { EndpointChoice, fixedChoice, PLAIN, type Choice } from "../../data-plane/balancer/endpoint-choice.ts";
import { HttpListener, type HttpListenerOptions } from "../../data-plane/listener/http-listener.ts";
import type { RequestHead } from "../../data-plane/http1/message.ts";
import { EndpointState } from "../../data-plane/runtime/endpoint-state.ts";
import type {
  ClusterRuntime,
  ForwardRuntime,
  MirrorRuntime,
  RouteRuntime,
  Runtime,
} from "../../data-plane/runtime/runtime.ts";
import type { RequestRecord, RequestSink, ResponseFlag } from "../../data-plane/telemetry/request-record.ts";
import { ConnectionPool } from "../../data-plane/upstream/connection-pool.ts";
import { HealthChecker } from "../../data-plane/upstream/health-checker.ts";
import { EndpointWatches } from "../../data-plane/upstream/endpoint-watches.ts";
import { Egress } from "../../data-plane/upstream/egress.ts";
import type { LbPolicy } from "../../shared/model/cluster.ts";
import { seededRandom } from "../../shared/random.ts";
import { TIMEOUT_MS, WHEEL_TICK_MS } from "../../shared/defaults.ts";
import type { FaultPolicy, RetryPolicy } from "../../shared/model/route.ts";
import type { Violation } from "../../shared/violation.ts";
import { compileRateLimit } from "../../data-plane/router/route-limit.ts";
import type { RateLimitPolicy } from "../../shared/model/rate-limit.ts";
import { compileFault } from "../../data-plane/router/fault.ts";
import { systemClock } from "../../shared/clock.ts";
import { TimerWheel, turnWheel } from "../../shared/timer-wheel.ts";
import { systemTimers } from "../../shared/timers.ts";
import type { ManualClock } from "./manual-clock.ts";
import { RawClient } from "./raw-client.ts";

/** Where a fixture says what is to be done at the end: a test's context, or less. */
export interface Ends {
  after(end: () => void): void;
}

/** What a finished request reported, copied when it was reported. */
export interface Finished {
  readonly method: string;
  readonly path: string;
  readonly authority: string;
  readonly status: number;
  readonly flag: ResponseFlag;
  readonly detail: string;
  readonly source: string;
  readonly destination: string;
  readonly attempts: number;
  readonly durationMs: number;
  readonly bytesReceived: number;
  readonly bytesSent: number;
  readonly traceId: string;
  readonly requestId: string;
  readonly endpoint: string;
}

export class RecordingSink implements RequestSink {
  readonly finished: Finished[] = [];
  onFinished(record: RequestRecord): void {
    const { method, path, authority, status, flag, detail, source, destination, attempts, durationMs } = record;
    const { bytesReceived, bytesSent, traceId, requestId, endpoint } = record;
    const route = { method, path, authority, source, destination, endpoint, attempts, durationMs };
    this.finished.push({ ...route, status, flag, detail, bytesReceived, bytesSent, traceId, requestId });
  }
}

/** A policy as the control plane makes it of a ServicePolicy (seeds.md C4). */
export function retryPolicy(retries: number, change: Partial<RetryPolicy> = {}): RetryPolicy {
  return {
    retryOn: ["connect-failure", "reset", "gateway-error", "retriable-status-codes"],
    retries,
    perTryTimeoutMs: undefined,
    retriableStatuses: [502, 503, 504],
    backoffBaseMs: 1,
    backoffMaxMs: 2,
    avoidPrevious: true,
    retryNonIdempotent: false,
    retryAfterMaxMs: 0,
    hedgeOnTryTimeout: false,
    ...change,
  };
}

export interface FixtureOptions {
  readonly retry?: RetryPolicy;
  readonly timeoutMs?: number;
  /** As the default of the compiler: it does not hold for the last try. */
  readonly connectTimeoutMs?: number;
  readonly policies?: Partial<ClusterPolicies>;
  /** With it the cluster's endpoints are watched, and chosen among as in a real one. */
  readonly lb?: LbPolicy;
  readonly panicThresholdPercent?: number;
  readonly action?: RouteRuntime["action"];
  readonly fault?: FaultPolicy;
  readonly mirrors?: readonly MirrorRuntime[];
  readonly rateLimit?: RateLimitPolicy;
  /** Beside the one of the endpoints. */
  readonly clusters?: readonly ClusterRuntime[];
  readonly match?: (head: RequestHead) => boolean;
  readonly egress?: boolean;
  /** Called at each pick of an endpoint. */
  readonly onPick?: () => void;
  /** Time passes only by {@link ProxyFixture.pass}. */
  readonly clock?: ManualClock;
  readonly listener?: Partial<HttpListenerOptions>;
}

/** A proxy's listener in front of some endpoints, round robin, with everything real but the configuration. */
export class ProxyFixture {
  readonly sink = new RecordingSink();
  readonly bugs: unknown[] = [];
  /** Events of the log, with their words. */
  readonly logged: Record<string, unknown>[] = [];
  readonly watches: EndpointWatches;
  cluster: ClusterRuntime | undefined = undefined;
  readonly wheel: TimerWheel;
  readonly #clock: ManualClock | undefined;
  readonly endpoints: EndpointState[];
  readonly clusterState = new ClusterState("reviews", new ServiceState("reviews"));
  readonly listener: HttpListener;
  #next = 0;
  #clients: RawClient[] = [];
  #port = 0;

  constructor(ports: readonly number[], options: FixtureOptions = {}) {
    this.endpoints = ports.map((port) => new EndpointState(`127.0.0.1:${port}`, { host: "127.0.0.1", port }));
    this.#clock = options.clock;
    this.wheel = new TimerWheel(options.clock ?? systemClock);
    const runtime = this.#runtime(options);
    this.watches = new EndpointWatches({
      wheel: this.wheel,
      checker: new HealthChecker(this.wheel, seededRandom(2)),
      clock: options.clock ?? systemClock,
      random: seededRandom(1),
      news: undefined,
      log: {
        info: (facts: unknown, words?: string) => this.logged.push({ words, ...Object(facts) }),
        warn: (facts: unknown, words?: string) => this.logged.push({ words, ...Object(facts) }),
      },
    });
    if (options.lb !== undefined) this.watches.follow(runtime);
    this.listener = new HttpListener({
      name: "outbound",
      direction: "outbound",
      runtimeOf: () => runtime,
      sink: this.sink,
      wheel: this.wheel,
      clock: options.clock ?? systemClock,
      identity: { service: "web", version: "v1" },
      onBug: (error) => this.bugs.push(error),
      ...(options.egress === true ? { egress: new Egress() } : {}),
      ...options.listener,
    });
  }

  #runtime(options: FixtureOptions): Runtime {
    const cluster: ClusterRuntime = {
      name: "reviews",
      service: "reviews",
      version: "",
      isOutside: false,
      connectTimeoutMs: options.connectTimeoutMs ?? 1_000,
      lb: options.lb ?? { kind: "round-robin" },
      policies: { ...NO_POLICIES, ...options.policies },
      state: this.clusterState,
      endpoints: this.endpoints,
      choice: this.#choice(options),
    };
    this.cluster = cluster;
    const forward: ForwardRuntime = {
      kind: "forward",
      pickCluster: () => cluster,
      timeoutMs: options.timeoutMs ?? TIMEOUT_MS,
      retry: options.retry,
      tryTimeoutMs: options.retry?.perTryTimeoutMs ?? 0,
      hash: () => -1,
      mirrors: options.mirrors ?? [],
      target: (head) => head.path + head.query,
      authority: (head) => head.authority,
    };
    const violations: Violation[] = [];
    const fault = options.fault === undefined ? undefined : compileFault(options.fault, "fault", violations);
    const rateLimit =
      options.rateLimit === undefined ? undefined : compileRateLimit(options.rateLimit, "rateLimit", violations);
    assert.deepEqual(violations, []);
    const route: RouteRuntime = { name: "all", action: options.action ?? forward, fault, rateLimit };
    const matches = options.match ?? ((head: RequestHead) => head.hostname === "reviews");
    const routes = {
      match: (head: RequestHead) => (matches(head) ? route : undefined),
      knowsHost: (head: RequestHead) => head.hostname === "reviews",
    };
    const listener = { name: "outbound", direction: "outbound" as const, bind: undefined, statPrefix: "", routes };
    return {
      revision: 7,
      listeners: new Map([["outbound", listener]]),
      rateLimits: rateLimit === undefined ? [] : [rateLimit],
      clusters: new Map([cluster, ...(options.clusters ?? [])].map((one) => [one.name, one])),
    };
  }

  /** Round robin, always among all; or what a compiled cluster has. */
  #choice({ lb, panicThresholdPercent = 50, onPick }: FixtureOptions): Choice {
    if (lb !== undefined) {
      const members = this.endpoints.map((state) => ({ state, weight: 1, health: "healthy" as const, priority: 0 }));
      return new EndpointChoice({ lb, panicThresholdPercent, members }, PLAIN, undefined, seededRandom(1));
    }
    return fixedChoice(this.endpoints, {
      pick: () => {
        onPick?.();
        if (this.endpoints.length === 0) return undefined;
        return this.endpoints[this.#next++ % this.endpoints.length];
      },
    });
  }

  async start(t: Ends): Promise<this> {
    this.#port = (await this.listener.listen({ host: "127.0.0.1", port: 0 })).port;
    const timer = this.#clock === undefined ? turnWheel(this.wheel, systemTimers) : undefined;
    t.after(() => {
      for (const client of this.#clients) client.destroy();
      this.listener.close();
      for (const endpoint of this.endpoints) endpoint.pool?.drain();
      timer?.cancel();
      assert.deepEqual(this.bugs, []);
    });
    return this;
  }

  get port(): number {
    return this.#port;
  }

  async connect(): Promise<RawClient> {
    const client = await RawClient.connect(this.#port);
    this.#clients.push(client);
    return client;
  }

  /** Sends one request on a connection of its own and gives the whole response. */
  async send(text: string): Promise<string> {
    const client = await this.connect();
    client.write(text);
    const response = await client.response();
    client.destroy();
    return response;
  }

  /** Lets all that is on its way over the loopback arrive, then time pass, tick by tick as the wheel would be turned. */
  async pass(ms: number): Promise<void> {
    assert.ok(this.#clock !== undefined, "only with a clock of the test's own");
    await turns(4);
    const until = this.#clock.now + ms;
    while (this.#clock.now < until) {
      this.#clock.now = Math.min(until, this.#clock.now + WHEEL_TICK_MS);
      this.wheel.advance();
    }
    await turns(2);
  }

  /** Connections to the endpoints. */
  get upstreamConnections(): number {
    return this.endpoints.reduce((sum, { pool }) => sum + (pool instanceof ConnectionPool ? pool.open : 0), 0);
  }

  /** Resolves once `condition` holds; asked again whenever the event loop has gone round. */
  async until(condition: () => boolean, what: string): Promise<void> {
    const deadline = Date.now() + 30_000;
    while (!condition()) {
      assert.ok(Date.now() < deadline, `still not so after 30 s: ${what}`);
      await turns(1);
    }
  }

  get active(): number {
    return this.endpoints.reduce((sum, endpoint) => sum + endpoint.active, 0);
  }

  last(): Finished {
    const record = this.sink.finished.at(-1);
    assert.ok(record !== undefined, "a request has finished");
    return record;
  }
}

/** Lets the event loop go round. */
export async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn += 1) {
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
  }
}

/** What a scripted upstream does with one connection; `number` counts from 0. */
export type ConnectionScript = (socket: Socket, number: number) => void;

/** A server that does exactly what a script says. Returns its port. */
export async function scriptedUpstream(t: Ends, script: ConnectionScript): Promise<number> {
  const sockets = new Set<Socket>();
  let number = 0;
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => socket.destroy());
    script(socket, number);
    number += 1;
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  // The server listens on TCP, so its address is no path of a pipe.
  return (server.address() as AddressInfo).port;
}

/** Gives each request, head and body of a known length, to `answer`, whose text goes back. */
export function answering(answer: (request: string, number: number) => string): ConnectionScript {
  return (socket) => {
    let pending = "";
    let requests = 0;
    socket.on("data", (bytes: Buffer) => {
      pending += bytes.toString("latin1");
      for (;;) {
        const end = messageEnd(pending);
        if (end < 0) return;
        const request = pending.slice(0, end);
        pending = pending.slice(end);
        socket.write(answer(request, requests), "latin1");
        requests += 1;
      }
    });
    socket.on("end", () => socket.end());
  };
}

/** Where the first message in `text` ends, or -1. Knows lengths and chunks, and nothing else. */
export function messageEnd(text: string): number {
  const headEnd = text.indexOf("\r\n\r\n");
  if (headEnd < 0) return -1;
  const head = text.slice(0, headEnd).toLowerCase();
  if (head.includes("transfer-encoding: chunked")) {
    const end = text.indexOf("0\r\n", headEnd);
    const last = end < 0 ? -1 : text.indexOf("\r\n\r\n", end);
    return last < 0 ? -1 : last + 4;
  }
  const length = Number(/\r\ncontent-length: (\d+)/.exec(head)?.[1] ?? 0);
  const end = headEnd + 4 + length;
  return text.length >= end ? end : -1;
}
