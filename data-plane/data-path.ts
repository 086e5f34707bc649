import { systemClock } from "../shared/clock.ts";
import { OVERLOAD_PERIOD_MS } from "../shared/defaults.ts";
import { RESPONSE_CACHE_BOUNDS } from "../shared/limits.ts";
import type { Logger } from "../shared/log.ts";
import type { Snapshot } from "../shared/model/snapshot.ts";
import { systemRandom } from "../shared/random.ts";
import { ok, type Result } from "../shared/result.ts";
import { TimerWheel, turnWheel } from "../shared/timer-wheel.ts";
import { systemTimers, type Timer } from "../shared/timers.ts";
import type { Violation } from "../shared/violation.ts";
import type { ProxyConfig } from "./config.ts";
import { CODEC_LIMITS, type CodecLimits } from "./http1/codec-limits.ts";
import type { ConnectionTimes } from "./listener/connection-home.ts";
import { HttpListener, type HttpListenerOptions } from "./listener/http-listener.ts";
import { ListenerSet, type ListenerSpec } from "./listener/listener-set.ts";
import type { ProxyLimitValues } from "./proxy-limits.ts";
import { OwnCount } from "./policy/count.ts";
import { LoadShedder, type Shedders } from "./policy/load-shedder.ts";
import { ResponseCache } from "./policy/response-cache.ts";
import { hearAttempt } from "./request/judge-attempt.ts";
import { applyRuntime, RuntimeHolder } from "./runtime/apply.ts";
import { InboundCalls } from "./request/inbound-calls.ts";
import { compile, CompileCache } from "./runtime/compile.ts";
import { ClusterStates } from "./runtime/cluster-states.ts";
import { EndpointStates } from "./runtime/endpoint-states.ts";
import { RateLimits } from "./runtime/rate-limits.ts";
import type { Runtime } from "./runtime/runtime.ts";
import { descriptors } from "./socket/descriptors.ts";
import { TokenLeases } from "./ratelimit/token-leases.ts";
import { AccessLog } from "./telemetry/access-log.ts";
import { combinedSink } from "./telemetry/combined-sink.ts";
import { DecisionLog } from "./telemetry/decision-log.ts";
import type { LineSink } from "./telemetry/line-writer.ts";
import { overloadFamilies } from "./telemetry/overload-metrics.ts";
import { loopProbe, threadMemory } from "./telemetry/process-probe.ts";
import { trafficFamilies } from "./telemetry/proxy-metrics.ts";
import { endpointFamilies } from "./telemetry/endpoint-metrics.ts";
import { resilienceFamilies } from "./telemetry/resilience-metrics.ts";
import { rateLimitFamilies } from "./telemetry/rate-limit-metrics.ts";
import { RequestMetrics } from "./telemetry/request-metrics.ts";
import { Egress } from "./upstream/egress.ts";
import { HealthChecker } from "./upstream/health-checker.ts";
import { EndpointWatches } from "./upstream/endpoint-watches.ts";
import type { CountBook } from "./workers/count-book.ts";
import type { SharedCalls } from "./workers/shared-calls.ts";
import { NewsExchange } from "./workers/news-exchange.ts";
import { rateLimitTallies } from "./workers/rate-limit-tally.ts";
import type { News } from "./workers/worker-news.ts";
import { clusterTallies } from "./workers/cluster-tally.ts";
import { endpointTallies, type Tally } from "./workers/tally.ts";
import { growYoungHeapUnderLoad } from "./young-heap.ts";

/** At the end, log lines that nobody takes do not keep the process for longer. */
const LOG_FLUSH_MS = 500;

export interface DataPathOptions {
  readonly config: ProxyConfig;
  readonly log: Logger;
  readonly accessLog: LineSink | undefined;
  /** Undefined for the only worker of a proxy. */
  readonly shared?: SharedByWorkers;
}

/** What several workers have in common. */
export interface SharedByWorkers {
  readonly worker: number;
  readonly counts: CountBook;
  /** What the app is answering. */
  readonly calls: SharedCalls;
  /** Under which they meet to exchange news. */
  readonly meeting: string;
}

/**
 * The part of a proxy that carries requests: its ports, the runtime in use, what is known of endpoints, and what was
 * counted. It knows no control plane: whoever has a snapshot compiles it here and swaps it in.
 */
export class DataPath {
  readonly holder = new RuntimeHolder();
  readonly endpoints: EndpointStates;
  readonly clusters: ClusterStates;
  readonly rateLimits: RateLimits;
  readonly #tokenLeases: TokenLeases;
  readonly checker: HealthChecker;
  readonly watches: EndpointWatches;
  readonly listeners: ListenerSet;
  readonly requestMetrics = new RequestMetrics();
  readonly responses = new ResponseCache(RESPONSE_CACHE_BOUNDS);
  readonly #config: ProxyConfig;
  readonly #log: Logger;
  readonly #accessLog: LineSink | undefined;
  readonly #shared: SharedByWorkers | undefined;
  readonly #news: NewsExchange | undefined;
  readonly #cache = new CompileCache();
  readonly #decisions = new DecisionLog();
  readonly #wheel = new TimerWheel(systemClock);
  readonly #wheelTurning: Timer;
  readonly #loopDelay = loopProbe();
  readonly #shedders: Shedders;
  readonly #shedding: Timer;
  /** Undefined: hosts outside the mesh are not for this proxy. */
  readonly #egress: Egress | undefined;

  constructor({ config, log, accessLog, shared }: DataPathOptions) {
    this.#config = config;
    this.#log = log;
    this.#accessLog = accessLog;
    this.#shared = shared;
    this.endpoints = new EndpointStates(shared?.counts);
    this.clusters = new ClusterStates(shared?.counts);
    this.#news =
      shared === undefined ? undefined : new NewsExchange(shared.meeting, systemTimers, (news) => this.onNews(news));
    this.rateLimits = new RateLimits(config.workers);
    this.#tokenLeases = new TokenLeases({
      rateLimits: this.rateLimits,
      addresses: config.controlPlanes,
      clock: systemClock,
      timers: systemTimers,
      random: systemRandom,
      log,
    });
    const sockets = shared?.counts.of("sockets");
    if (sockets !== undefined) descriptors.shareWith(sockets);
    this.#egress = config.egress === "allow-any" ? new Egress() : undefined;
    const shell = { wheel: this.#wheel, clock: systemClock, random: systemRandom, log, news: this.#news };
    this.checker = new HealthChecker(this.#wheel, systemRandom);
    this.watches = new EndpointWatches({ ...shell, checker: this.checker });
    const inFlight = shared?.counts.of("requests-in-flight") ?? new OwnCount();
    const shedder = (): LoadShedder => new LoadShedder(config.limits.requestsMax, OVERLOAD_PERIOD_MS, inFlight);
    this.#shedders = { inbound: shedder(), outbound: shedder() };
    this.listeners = new ListenerSet(this.#listenerMaker(), log);
    this.#wheelTurning = turnWheel(this.#wheel, systemTimers);
    this.#shedding = systemTimers.every(OVERLOAD_PERIOD_MS, () => {
      const { idleTime } = performance.nodeTiming;
      this.#shedders.inbound.onTurn(systemClock.nowMs(), idleTime);
      this.#shedders.outbound.onTurn(systemClock.nowMs(), idleTime);
    });
  }

  /** The runtime of a snapshot, or everything that is wrong with it. Nothing in use changes. */
  compile(snapshot: Snapshot, revision: number): Result<Runtime, readonly Violation[]> {
    const compiled = compile(snapshot, {
      endpoints: this.endpoints,
      clusters: this.clusters,
      cache: this.#cache,
      random: systemRandom,
      revision,
      localApp: this.#config.app,
    });
    return compiled.ok ? ok(compiled.value.runtime) : compiled;
  }

  /** New requests use it from here on. */
  swap(runtime: Runtime): void {
    applyRuntime(this.holder, runtime, this);
    this.watches.follow(runtime);
    this.listeners.follow(runtime);
    this.#tokenLeases.follow();
  }

  /** What was counted up to now. */
  tally(): Tally {
    const endpoints = [...this.endpoints.values()];
    const nowMs = systemClock.nowMs();
    return {
      worker: this.#shared?.worker ?? 0,
      families: [
        ...this.requestMetrics.families(),
        ...rateLimitFamilies(this.rateLimits),
        ...endpointFamilies(this.watches.values()),
        ...overloadFamilies(this.#shedders),
        ...resilienceFamilies(this.holder.current, nowMs),
        ...trafficFamilies({
          listeners: this.listeners.all(),
          endpoints,
          logLinesDropped: this.#accessLog?.droppedLines ?? 0,
          deadlines: this.#wheel.size,
          memory: threadMemory(),
        }),
      ],
      endpoints: endpointTallies(endpoints),
      clusters: clusterTallies(this.holder.current, nowMs),
      decisions: this.#decisions.decisions(),
      rateLimits: rateLimitTallies(this.rateLimits),
      loop: this.#loopDelay(),
    };
  }

  /** Ends everything now; requests in flight are given up. */
  close(): void {
    this.listeners.close();
    this.#tokenLeases.stop();
    // An idle connection to a peer would keep the process until the peer closes it.
    for (const endpoint of this.endpoints.values()) endpoint.pool?.drain();
    this.#egress?.drain();
    this.#news?.close();
  }

  /** After `close`: settles when the last log lines are written, or nobody took them for a while. */
  async end(): Promise<void> {
    const tooLong = new Promise<void>((settle) => systemTimers.after(LOG_FLUSH_MS, settle));
    await Promise.race([this.#accessLog?.flush(), tooLong]);
    this.#wheelTurning.cancel();
    this.#shedding.cancel();
  }

  /** What a worker that starts now must know first: what keeps requests away at this moment. */
  standingNews(): News {
    const nowMs = systemClock.nowMs();
    const services = [...this.clusters.services()].filter(({ breaker }) => breaker.state !== "closed");
    return {
      attempts: [],
      breakers: services.map(({ service, breaker }) => ({ service, view: breaker.view(nowMs) })),
      ejections: [...this.watches.values()].flatMap((watch) => watch.ejectionsNow()),
      budgets: [],
      tokens: [],
    };
  }

  /** Decides from here on as if it had met the same. */
  onNews({ attempts, breakers, ejections, budgets, tokens }: News): void {
    const nowMs = systemClock.nowMs();
    const { clusters } = this.holder.current;
    for (const { cluster, endpoint, verdicts } of attempts) {
      const runtime = clusters.get(cluster);
      if (runtime !== undefined) for (const verdict of verdicts) hearAttempt(runtime, endpoint, { verdict, nowMs });
    }
    for (const { cluster, endpoint, reason, forMs } of ejections) {
      clusters.get(cluster)?.state.results?.onEjectionHeard(endpoint, reason, forMs);
    }
    for (const { cluster, requests, retries } of budgets) {
      const { policies, state } = clusters.get(cluster) ?? {};
      if (policies?.retryBudget !== undefined) {
        state?.service.retryBudget.hear(policies.retryBudget, requests, retries, nowMs);
      }
    }
    for (const { service, view } of breakers) this.clusters.service(service)?.breaker.adopt(view, nowMs);
    for (const { limit, key, count } of tokens) this.rateLimits.hear(limit, key, count, nowMs);
  }

  #portOf({ name }: ListenerSpec): Pick<HttpListenerOptions, "sharesPort" | "connectionsOfAll"> {
    if (this.#shared === undefined) return {};
    const connectionsOfAll = this.#shared.counts.of(`connections ${name}`);
    return { sharesPort: true, ...(connectionsOfAll === undefined ? {} : { connectionsOfAll }) };
  }

  #listenerMaker(): (spec: ListenerSpec) => HttpListener {
    const { service, version, pathMode, underscores, limits } = this.#config;
    const logs = this.#accessLog === undefined ? [] : [new AccessLog(this.#accessLog)];
    const calls = new InboundCalls(this.#shared?.calls);
    const sink = combinedSink([this.requestMetrics, this.#decisions, ...logs, growYoungHeapUnderLoad()]);
    return (spec) =>
      new HttpListener({
        ...spec,
        ...this.#portOf(spec),
        // What comes in is for the app beside the proxy, never for a host elsewhere.
        ...(spec.direction === "outbound" && this.#egress !== undefined ? { egress: this.#egress } : {}),
        rateLimits: this.rateLimits,
        ...(this.#news === undefined ? {} : { news: this.#news }),
        runtimeOf: () => this.holder.current,
        sink,
        responses: this.responses,
        calls,
        shedder: spec.direction === "inbound" ? this.#shedders.inbound : this.#shedders.outbound,
        wheel: this.#wheel,
        identity: { service, version },
        codec: { pathMode, underscores, limits: codecLimits(limits) },
        times: connectionTimes(limits),
        ...connectionBounds(limits),
        onBug: (error) => this.#log.error({ err: error }, "a bug ended a request"),
      });
  }
}

function codecLimits({ headBytesMax, headFieldsMax, bodyBytesMax }: ProxyLimitValues): CodecLimits {
  return { ...CODEC_LIMITS, headBytesMax, fieldCountMax: headFieldsMax, bodyBytesMax: bodyBytesMax || Infinity };
}

function connectionTimes(limits: ProxyLimitValues): Partial<ConnectionTimes> {
  return {
    headerMs: limits.headTimeoutMs,
    bodyIdleMs: limits.bodyIdleTimeoutMs,
    requestMs: limits.requestTimeoutMs,
    keepAliveIdleMs: limits.idleTimeoutMs,
    streamIdleMs: limits.streamIdleTimeoutMs,
    tunnelIdleMs: limits.tunnelIdleTimeoutMs,
  };
}

function connectionBounds(limits: ProxyLimitValues): Partial<HttpListenerOptions> {
  return {
    connectionsMax: limits.connectionsMax,
    requestsPerConnectionMax: limits.connectionRequestsMax,
    ...(limits.clientConnectionsMax === 0 ? {} : { connectionsPerClientMax: limits.clientConnectionsMax }),
  };
}
