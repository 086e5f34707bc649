import { formatAddress, type Address } from "../shared/address.ts";
import { systemClock } from "../shared/clock.ts";
import { ACCESS_LOG_BUFFER_BYTES_MAX } from "../shared/limits.ts";
import { createLog, type Logger } from "../shared/log.ts";
import type { ProxyNode } from "../shared/model/node.ts";
import { packageVersion } from "../shared/package-root.ts";
import { systemIds, systemRandom } from "../shared/random.ts";
import { systemTimers } from "../shared/timers.ts";
import { AdminServer } from "./admin/admin-server.ts";
import { ProxyReport } from "./admin/proxy-report.ts";
import type { ProxyConfig } from "./config.ts";
import { drain, type Announced } from "./drain.ts";
import { orListenFailed, type ListenerSpec } from "./listener/listener-set.ts";
import { nodeName } from "./node-name.ts";
import { writeReadyFile } from "./ready-file.ts";
import type { Runtime } from "./runtime/runtime.ts";
import { processState } from "./telemetry/process-probe.ts";
import { LineWriter } from "./telemetry/line-writer.ts";
import { prometheusText } from "./telemetry/prometheus-text.ts";
import { sumFamilies } from "./telemetry/sum-families.ts";
import { Workers } from "./workers/workers.ts";
import { configFamilies, processFamilies } from "./telemetry/proxy-metrics.ts";
import { AppCheck, type AppHealth } from "./upstream/app-check.ts";
import type { DiscoveryClient } from "./xds/client.ts";
import { ClientSession } from "./xds/client-session.ts";
import { CurrentConfig } from "./xds/current-config.ts";
import { HealthReporter } from "./xds/health-reporter.ts";
import type { DiscoveryLink } from "./xds/discovery-link.ts";
import type { Activation } from "./xds/session-outcome.ts";
import { LastGoodStore } from "./xds/last-good.ts";
import { wireDecoder } from "./xds/wire-decoder.ts";

/** The real addresses of a running proxy. */
export interface ProxyAddresses {
  readonly outbound: Address;
  /** Undefined without an app. */
  readonly inbound: Address | undefined;
  readonly admin: Address;
  /** By service. */
  readonly upstreams: ReadonlyMap<string, Address>;
}

const OUTBOUND: ListenerSpec = { name: "outbound", routesOf: "outbound", direction: "outbound" };
const INBOUND: ListenerSpec = { name: "inbound", routesOf: "inbound", direction: "inbound" };

/**
 * One proxy. Its ports are open when `start` settles; requests get 503 `no-config` until a snapshot is in use, from disk
 * or from the stream. The only place of the data plane that says `new` for what touches the outside.
 */
export class Proxy implements DiscoveryLink {
  readonly name: string;
  readonly log: Logger;
  readonly #config: ProxyConfig;
  readonly #accessLog: LineWriter | undefined;
  readonly #workers: Workers;
  readonly #store: LastGoodStore | undefined;
  readonly #session: ClientSession<Runtime>;
  readonly #current: CurrentConfig;
  readonly #admin: AdminServer;
  readonly #snapshotWrites = { saved: 0, failed: 0 };
  readonly #serving = Promise.withResolvers<void>();
  readonly #quit = Promise.withResolvers<void>();
  readonly #health: HealthReporter;
  readonly #appCheck: AppCheck | undefined;
  #client: DiscoveryClient<Runtime> | undefined = undefined;
  #addresses: ProxyAddresses | undefined = undefined;
  #drained: Promise<void> | undefined = undefined;
  #isServing = false;
  #isInboundHeld = false;
  readonly #startedWallMs = systemClock.wallMs();

  constructor(config: ProxyConfig) {
    this.#config = config;
    this.log = createLog("heddle-proxy", config.logLevel);
    this.name = nodeName(config, systemIds);
    this.#accessLog = openAccessLog(config.accessLog);
    this.#workers = new Workers(config, this.log, this.#accessLog);
    this.#health = new HealthReporter({
      send: (health) => this.#reportHealth(health),
      timers: systemTimers,
      random: systemRandom,
    });
    this.#appCheck = this.#newAppCheck();
    this.#store = this.#openStore();
    this.#session = this.#newSession();
    this.#current = new CurrentConfig({
      session: this.#session,
      store: this.#store,
      clock: systemClock,
      log: this.log,
      swap: (activation) => this.#swap(activation),
    });
    this.#admin = new AdminServer(this.#newReport(), {
      drain: () => void this.drain(),
      quit: () => this.#quit.resolve(),
    });
  }

  // The stream, as the admin port tells it.

  get isConnected(): boolean {
    return this.#client?.isConnected ?? false;
  }

  get address(): string {
    return this.#client?.address ?? "";
  }

  get lastError(): string {
    return this.#client?.lastError ?? "";
  }

  /** Only after `start`. */
  get addresses(): ProxyAddresses {
    if (this.#addresses === undefined) throw new Error("the proxy is not started");
    return this.#addresses;
  }

  /** Settles when a snapshot is in use. */
  get serving(): Promise<void> {
    return this.#serving.promise;
  }

  /** Settles when somebody asked at the admin port that the process ends. */
  get quitAsked(): Promise<void> {
    return this.#quit.promise;
  }

  /**
   * Opens the ports, serves the stored snapshot, opens the stream. Throws `ListenFailed` in words for the operator.
   * With `holdInbound` the inbound port stays closed, and the mesh does not know of the instance, until
   * {@link openInbound}: for whoever starts the app after its proxy.
   */
  async start({ holdInbound = false } = {}): Promise<void> {
    this.#isInboundHeld = holdInbound && this.#config.app !== undefined;
    this.#current.restore();
    this.#workers.start();
    this.#addresses = await this.#openPorts();
    const { outbound, inbound, admin } = this.#addresses;
    this.log.info(
      {
        node: this.name,
        outbound: formatAddress(outbound),
        inbound: inbound === undefined ? undefined : formatAddress(inbound),
        admin: formatAddress(admin),
      },
      "listening",
    );
    if (this.#current.source !== "none") this.#onConfigured();
    // gRPC is half of the start-up time, and a proxy with a stored snapshot serves without it.
    const { DiscoveryClient } = await import("./xds/client.ts");
    this.#client = new DiscoveryClient({
      addresses: this.#config.controlPlanes,
      session: this.#session,
      node: () => this.#node(),
      events: {
        onActivated: (activation) => this.#current.onActivated(activation),
        onRefused: (refused) => this.#current.onRefused(refused),
        onConnected: (address) => {
          this.log.info({ address }, "connected to the control plane");
          this.#workers.onControlPlane(true);
          this.#health.onConnected();
        },
        onDisconnected: (reason, retryMs) => {
          this.log.warn({ retryMs: Math.round(retryMs) }, `no stream to the control plane: ${reason}`);
          this.#workers.onControlPlane(false);
          this.#health.onDisconnected();
        },
      },
      clock: systemClock,
      timers: systemTimers,
      random: systemRandom,
    });
    this.#client.start();
  }

  /** The app listens: its peers may come. */
  async openInbound(): Promise<void> {
    if (!this.#isInboundHeld || this.#drained !== undefined) return;
    this.#isInboundHeld = false;
    const inbound = await this.#workers.open(INBOUND, this.#config.inbound, "--inbound");
    this.#addresses = { ...this.addresses, inbound };
    this.log.info({ inbound: formatAddress(inbound) }, "the app listens");
    this.#appCheck?.follow(this.#workers.own.holder.current);
    this.#client?.reintroduce();
    if (this.#isServing) this.#tellReady();
  }

  /**
   * Leaves without losing a request; the ports are closed when it settles, but for the outbound ones if `keepOutbound`.
   * More calls are the same drain.
   */
  drain({ keepOutbound = false } = {}): Promise<void> {
    this.#drained ??= drain({
      keepOutbound,
      listeners: this.#workers,
      announce: (waitMs) => this.#announceDrain(waitMs),
      clock: systemClock,
      timers: systemTimers,
      log: this.log,
    });
    return this.#drained;
  }

  /** For log rotation. */
  async reopenAccessLog(): Promise<void> {
    await this.#accessLog?.reopen();
  }

  /** Ends everything now; requests in flight are given up. Settles when the last snapshot and log lines are written. */
  async stop(): Promise<void> {
    this.#appCheck?.stop();
    this.#client?.stop();
    await Promise.all([this.#workers.close(), this.#store?.flush()]);
    await this.#workers.own.end();
    // Last: its open port keeps the process alive until here.
    this.#admin.close();
  }

  async #openPorts(): Promise<ProxyAddresses> {
    const { app, outbound, inbound, admin, upstreams } = this.#config;
    const hasInbound = app !== undefined && !this.#isInboundHeld;
    const opened = new Map<string, Address>();
    try {
      const addresses: ProxyAddresses = {
        outbound: await this.#workers.open(OUTBOUND, outbound, "--outbound"),
        inbound: hasInbound ? await this.#workers.open(INBOUND, inbound, "--inbound") : undefined,
        admin: await orListenFailed(this.#admin.listen(admin), admin, "--admin"),
        upstreams: opened,
      };
      for (const { service, address } of upstreams) {
        const upstream = { ...OUTBOUND, name: `upstream:${service}`, fixedAuthority: service };
        opened.set(service, await this.#workers.open(upstream, address, `--upstream ${service}`));
      }
      return addresses;
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  /** Settles when every worker has swapped; undefined when this is the only one. */
  #swap({ runtime, snapshot, revision }: Activation<Runtime>): Promise<void> | undefined {
    const swapped = this.#workers.swap(runtime, snapshot, revision);
    if (!this.#isInboundHeld) this.#appCheck?.follow(runtime);
    if (this.#addresses !== undefined) this.#onConfigured();
    return swapped;
  }

  /** A snapshot is in use here and the ports are open. */
  #onConfigured(): void {
    const { serving } = this.#workers;
    if (serving === undefined) this.#onServing();
    else void serving.then(() => this.#onServing());
  }

  /** Every worker serves: once per process. */
  #onServing(): void {
    if (this.#isServing) return;
    this.#isServing = true;
    if (!this.#isInboundHeld) this.#tellReady();
    this.#serving.resolve();
  }

  #tellReady(): void {
    const { readyFile, service, version } = this.#config;
    const { outbound, inbound, admin, upstreams } = this.addresses;
    if (readyFile !== undefined) {
      writeReadyFile(readyFile, {
        pid: process.pid,
        name: this.name,
        service,
        version,
        outbound: formatAddress(outbound),
        inbound: inbound === undefined ? null : formatAddress(inbound),
        admin: formatAddress(admin),
        upstreams: Object.fromEntries([...upstreams].map(([name, address]) => [name, formatAddress(address)])),
        source: this.#current.source === "disk" ? "disk" : "stream",
      });
    }
  }

  async #announceDrain(waitMs: number): Promise<Announced> {
    if (this.addresses.inbound === undefined) return { isKnownToAll: true, words: "no endpoint is registered" };
    if (!this.isConnected) return { isKnownToAll: false, words: "no control plane is connected: peers were not told" };
    const { announceDrain } = await import("./xds/membership.ts");
    return announceDrain({ address: this.address, nodeId: this.name, waitMs, clock: systemClock });
  }

  #newAppCheck(): AppCheck | undefined {
    const { app, service } = this.#config;
    if (app === undefined) return undefined;
    const report = (health: AppHealth): void => this.#health.report(health);
    return new AppCheck({ service, app, report, checker: this.#workers.own.checker, log: this.log });
  }

  async #reportHealth(health: AppHealth): Promise<string | undefined> {
    const { reportHealth } = await import("./xds/membership.ts");
    return reportHealth({ address: this.address, nodeId: this.name, health, clock: systemClock });
  }

  /** How the proxy introduces itself on a new stream. */
  #node(): ProxyNode {
    const { service, version } = this.#config;
    const { outbound, inbound, admin } = this.addresses;
    return {
      id: this.name,
      kind: "heddle",
      service,
      version,
      // A stream that breaks during the drain must not list the instance again.
      inbound: inbound === undefined || this.#drained !== undefined ? undefined : formatAddress(inbound),
      outbound: formatAddress(outbound),
      admin: formatAddress(admin),
      snapshotSource: this.#current.source,
    };
  }

  #openStore(): LastGoodStore | undefined {
    const { stateFolder } = this.#config;
    if (stateFolder === undefined) return undefined;
    return new LastGoodStore(stateFolder, systemTimers, {
      onSaved: () => (this.#snapshotWrites.saved += 1),
      onFailed: (error) => {
        this.#snapshotWrites.failed += 1;
        this.log.error({ folder: stateFolder }, `the snapshot was not stored: ${error}`);
      },
    });
  }

  #newSession(): ClientSession<Runtime> {
    return new ClientSession({
      decoder: wireDecoder,
      acceptOlder: this.#config.acceptOlder,
      compile: (snapshot, revision) => this.#workers.own.compile(snapshot, revision),
    });
  }

  #newReport(): ProxyReport {
    const { service, version } = this.#config;
    const { holder, listeners, watches } = this.#workers.own;
    const report: ProxyReport = new ProxyReport({
      proxy: {
        name: this.name,
        service,
        version,
        pid: process.pid,
        heddle: packageVersion,
        startedWallMs: this.#startedWallMs,
      },
      config: this.#current,
      session: this.#session,
      link: this,
      holder,
      listeners,
      watches,
      isDraining: () => this.#drained !== undefined,
      isServing: () => this.#isServing,
      workers: () => this.#workers.states,
      tallies: () => this.#workers.tallies(),
      metrics: async () => {
        const tallies = await this.#workers.tallies();
        return prometheusText([
          ...sumFamilies(tallies.map(({ families }) => families)),
          ...configFamilies({
            config: report.config(),
            swaps: this.#current.swaps,
            refusals: this.#current.refusals,
            snapshotWrites: this.#snapshotWrites,
          }),
          ...processFamilies(processState(), tallies),
          ...this.#workers.families(tallies),
        ]);
      },
    });
    return report;
  }
}

/** Starts a proxy in this process; who calls it sees to signals and to the end. */
export async function startProxy(config: ProxyConfig, options = { holdInbound: false }): Promise<Proxy> {
  const proxy = new Proxy(config);
  await proxy.start(options);
  return proxy;
}

function openAccessLog(target: string): LineWriter | undefined {
  if (target === "off") return undefined;
  return new LineWriter(target === "stdout" ? "-" : target, systemTimers, ACCESS_LOG_BUFFER_BYTES_MAX);
}
