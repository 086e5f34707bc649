import { formatAddress } from "../../shared/address.ts";
import type { Cluster, Endpoint } from "../../shared/model/cluster.ts";
import type { ListenerSet } from "../listener/listener-set.ts";
import type { RuntimeHolder } from "../runtime/apply.ts";
import { newestDecisions } from "../telemetry/decision-log.ts";
import type { WorkerState } from "../workers/worker-families.ts";
import { sumOfRateLimits } from "../workers/rate-limit-tally.ts";
import { sumOfEndpoint, type Tally } from "../workers/tally.ts";
import type { EndpointWatches } from "../upstream/endpoint-watches.ts";
import { endpointJson } from "./endpoint-json.ts";
import { sumOfCluster } from "../workers/cluster-tally.ts";
import type { ClusterRuntime } from "../runtime/runtime.ts";
import type { DiscoveryLink } from "../xds/discovery-link.ts";
import type { ClientSession } from "../xds/client-session.ts";
import type { CurrentConfig } from "../xds/current-config.ts";
import type { Runtime } from "../runtime/runtime.ts";
import type {
  ClusterJson,
  ClustersJson,
  ConfigDumpJson,
  ConfigStateJson,
  DecisionsJson,
  ListenersJson,
  ProxyJson,
  ReadyJson,
  TypeStateJson,
} from "./admin-json.ts";

export interface ProxyReportOptions {
  readonly proxy: ProxyJson;
  readonly config: CurrentConfig;
  readonly session: ClientSession<Runtime>;
  readonly link: DiscoveryLink;
  readonly holder: RuntimeHolder;
  readonly listeners: ListenerSet;
  readonly watches: EndpointWatches;
  readonly isDraining: () => boolean;
  /** All workers have had a configuration. */
  readonly isServing: () => boolean;
  readonly workers: () => readonly WorkerState[];
  /** What each worker counted. */
  readonly tallies: () => Promise<readonly Tally[]>;
  /** The Prometheus text. */
  readonly metrics: () => Promise<string>;
}

/** Puts what the proxy knows of itself into the JSON of its admin port. Only reads. */
export class ProxyReport {
  readonly #options: ProxyReportOptions;

  constructor(options: ProxyReportOptions) {
    this.#options = options;
  }

  ready(): ReadyJson {
    const { proxy, workers } = this.#options;
    const serving = workers().filter(({ isServing }) => isServing).length;
    return { state: this.#state(), proxy, workers: { all: workers().length, serving }, config: this.config() };
  }

  #state(): ReadyJson["state"] {
    const { isDraining, isServing, config } = this.#options;
    if (isDraining()) return "draining";
    if (config.source === "none") return "no-config";
    return isServing() ? "ready" : "starting";
  }

  config(): ConfigStateJson {
    const { config, session, link } = this.#options;
    return {
      source: config.source,
      revision: config.revision,
      meshId: session.meshId,
      ageMs: Math.round(config.ageMs()),
      connected: link.isConnected,
      controlPlane: link.address,
      lastError: link.lastError,
      types: this.#types(),
    };
  }

  async configDump(): Promise<ConfigDumpJson> {
    const tallies = await this.#options.tallies();
    const { listeners, routes, clusters, assignments } = this.#options.config.snapshot;
    return {
      ...this.#head(),
      listeners: [...listeners.values()],
      routes: [...routes.values()],
      clusters: [...clusters.values()],
      assignments: [...assignments.values()],
      rateLimits: sumOfRateLimits(tallies.map(({ rateLimits }) => rateLimits)),
    };
  }

  async clusters(): Promise<ClustersJson> {
    const tallies = await this.#options.tallies();
    const clusters = [...this.#options.holder.current.clusters.values()];
    return { ...this.#head(), clusters: clusters.map((cluster) => this.#cluster(cluster, tallies)) };
  }

  async decisions(): Promise<DecisionsJson> {
    const tallies = await this.#options.tallies();
    return { ...this.#head(), decisions: newestDecisions(tallies.map(({ decisions }) => decisions)) };
  }

  listeners(): ListenersJson {
    const { holder, listeners } = this.#options;
    return {
      ...this.#head(),
      listeners: listeners.all().map(({ name, routesOf, direction, address }) => ({
        name,
        direction,
        address: formatAddress(address),
        configured: holder.current.listeners.has(routesOf),
      })),
    };
  }

  metrics(): Promise<string> {
    return this.#options.metrics();
  }

  #head(): { readonly proxy: ProxyJson; readonly config: ConfigStateJson } {
    return { proxy: this.#options.proxy, config: this.config() };
  }

  #types(): readonly TypeStateJson[] {
    const { session, config } = this.#options;
    return session.types().map(({ type, version, resources, waitingFor, refused }) => ({
      type,
      version,
      resources,
      waitingFor,
      refused:
        refused === undefined
          ? null
          : { version: refused.version, reason: refused.reason, atWallMs: config.refusedWallMs(type) },
    }));
  }

  #cluster(cluster: ClusterRuntime, tallies: readonly Tally[]): ClusterJson {
    const { name, service, version, lb, endpoints, choice } = cluster;
    const watch = this.#options.watches.of(cluster.state);
    const model = this.#options.config.snapshot.clusters.get(name);
    const configured = new Map(this.#endpointsOf(model).map((one) => [formatAddress(one.address), one]));
    return {
      name,
      service,
      version,
      lb,
      isInPanic: choice.isInPanic,
      policies: sumOfCluster(
        name,
        tallies.map(({ clusters }) => clusters),
      ),
      endpoints: endpoints.map(({ key }) =>
        endpointJson(key, configured.get(key), watch?.findingsOf(key), sumOfEndpoint(key, tallies)),
      ),
    };
  }

  #endpointsOf(cluster: Cluster | undefined): readonly Endpoint[] {
    if (cluster === undefined) return [];
    const { discovery } = cluster;
    if (discovery.kind !== "eds") return discovery.endpoints;
    return this.#options.config.snapshot.assignments.get(discovery.assignmentName)?.endpoints ?? [];
  }
}
