import { formatAddress, type Address } from "../shared/address.ts";
import { systemClock } from "../shared/clock.ts";
import { createLog, type Logger } from "../shared/log.ts";
import type { RateLimitPolicy } from "../shared/model/rate-limit.ts";
import { err, ok, type Result } from "../shared/result.ts";
import { systemTimers } from "../shared/timers.ts";
import { writeWhole } from "../shared/write-whole.ts";
import { createAdminServer, type AdminServer } from "./admin/admin-server.ts";
import type { ControlPlaneConfig } from "./config.ts";
import { Membership } from "./liveness/membership.ts";
import { membershipMethods } from "./liveness/membership-methods.ts";
import { ControlPlaneMetrics } from "./metrics/control-plane-metrics.ts";
import { MetricsServer } from "./metrics/metrics-server.ts";
import { rateLimitMethods } from "./ratelimit/rate-limit-methods.ts";
import { TokenCoordinator } from "../shared/token-coordinator.ts";
import { nodeClassKey, nodeClassOf } from "./snapshot/node-class.ts";
import { rateLimitOf } from "./snapshot/rate-limit.ts";
import { Publisher } from "./snapshot/publisher.ts";
import { openSqliteStore } from "./store/sqlite-store.ts";
import type { Store } from "./store/store.ts";
import { DiscoveryServer } from "./xds/discovery-server.ts";
import { NodeRegistry } from "./xds/node-registry.ts";
import type { NodeStream, StreamObserver } from "./xds/stream.ts";
import { YoungHeap } from "./young-heap.ts";

export interface ControlPlane {
  /** The addresses really bound. */
  readonly xds: Address;
  readonly admin: Address;
  /** Undefined when no port was asked for. */
  readonly metrics: Address | undefined;
  /** Tells proxies and operators to go, then closes the store. */
  stop(): Promise<void>;
}

const STOP_GRACE_MS = 1_000;

/**
 * Opens the store, then the ports: a control plane that has not read its store says nothing at all. The error is a
 * sentence that names the flag to change.
 */
export async function startControlPlane(config: ControlPlaneConfig): Promise<Result<ControlPlane, string>> {
  const log = createLog("heddle-control-plane", config.logLevel);
  const store = openSqliteStore({ file: config.db, clock: systemClock, log });
  if (!store.ok) return err(`--db: ${store.error}`);
  const parts = compose(store.value, log);
  const stop = stopOf(parts, store.value);
  const bound = await openPorts(parts, config);
  if (!bound.ok) {
    await stop();
    return bound;
  }
  const announced = announce(bound.value, config, log);
  if (!announced.ok) {
    await stop();
    return announced;
  }
  return ok({ ...bound.value, stop });
}

interface Parts {
  readonly discovery: DiscoveryServer;
  readonly admin: AdminServer;
  readonly metrics: MetricsServer;
  readonly stopFollowing: () => void;
}

/** Wires the parts together: the only place that knows all of them. */
function compose(store: Store, log: Logger): Parts {
  const [clock, timers] = [systemClock, systemTimers];
  const registry = new NodeRegistry(clock, timers);
  const metrics = new ControlPlaneMetrics<NodeStream>();
  const youngHeap = new YoungHeap();
  const publisher = new Publisher({
    store,
    clock,
    timers,
    log,
    classesInUse: (mesh) =>
      new Map(
        registry
          .nodes()
          .map((node) => nodeClassOf(node, mesh))
          .map((nodeClass) => [nodeClassKey(nodeClass), nodeClass]),
      ),
    offer: (publication) => {
      youngHeap.onPublished();
      metrics.onPublished(publication, registry.streams());
      void discovery.publish();
    },
  });
  const coordinator = new TokenCoordinator();
  const limitOf = (service: string): RateLimitPolicy | undefined => rateLimitOf(store.catalog().policies.get(service));
  const membership = new Membership({ store, fleet: registry, clock, timers, log });
  const discovery = new DiscoveryServer({
    meshId: store.meshId,
    clock,
    timers,
    observer: observe({ registry, membership, metrics, log }),
    streams: () => registry.streams(),
    snapshotFor: (node) => publisher.snapshotFor(node),
    revision: () => publisher.revision,
    methods: [...membershipMethods(membership), ...rateLimitMethods({ coordinator, limitOf, clock })],
  });
  const stops = [store.onCommit(() => metrics.onCommit()), publisher.start(), membership.start()];
  return {
    discovery,
    admin: createAdminServer({ store, fleet: registry, clock, timers, log }),
    metrics: new MetricsServer(() =>
      metrics.text({
        revision: publisher.revision,
        withheld: publisher.withheld.length,
        connected: registry.countByKind(),
        tokens: coordinator,
      }),
    ),
    stopFollowing: () => stops.forEach((stopOne) => stopOne()),
  };
}

interface Observers {
  readonly registry: NodeRegistry;
  readonly membership: Membership;
  readonly metrics: ControlPlaneMetrics<NodeStream>;
  readonly log: Logger;
}

/** Who is told of what happens on streams. */
function observe({ registry, membership, metrics, log }: Observers): StreamObserver {
  return {
    onConnected(stream, node) {
      registry.add(stream);
      membership.onConnected(node);
    },
    onServing(_stream, node) {
      membership.onServing(node);
    },
    onDisconnected(stream, node) {
      registry.remove(stream);
      metrics.onDisconnected(stream);
      membership.onDisconnected(node.id);
    },
    onProgress(stream) {
      registry.onProgress(stream);
      const revision = stream.introduced?.session.answeredRevision ?? 0;
      metrics.onAnswered(stream, revision, systemClock.nowMs());
    },
    onNack(stream, type, reason) {
      metrics.onNack(type);
      log.warn({ node: stream.introduced?.node.id, type, reason }, "a proxy refused a response");
    },
    onCut(stream, reason) {
      metrics.onCut();
      log.warn({ node: stream.introduced?.node.id, peer: stream.peer, reason }, "stream cut");
    },
  };
}

function stopOf(parts: Parts, store: Store): () => Promise<void> {
  return async () => {
    parts.stopFollowing();
    await Promise.all([parts.discovery.stop(STOP_GRACE_MS), parts.admin.stop(STOP_GRACE_MS), parts.metrics.stop()]);
    store.close();
  };
}

async function openPorts(
  parts: Parts,
  config: ControlPlaneConfig,
): Promise<Result<Omit<ControlPlane, "stop">, string>> {
  const xds = await parts.discovery.start(config.xds);
  if (!xds.ok) return err(`--xds: ${xds.error}`);
  const admin = await parts.admin.start(config.admin);
  if (!admin.ok) return err(`--admin: ${admin.error}`);
  if (config.metrics === undefined) return ok({ xds: xds.value, admin: admin.value, metrics: undefined });
  const metrics = await parts.metrics.start(config.metrics);
  if (!metrics.ok) return err(`--metrics: ${metrics.error}`);
  return ok({ xds: xds.value, admin: admin.value, metrics: metrics.value });
}

function announce(
  bound: Omit<ControlPlane, "stop">,
  config: ControlPlaneConfig,
  log: Logger,
): Result<undefined, string> {
  const addresses = {
    xds: formatAddress(bound.xds),
    admin: formatAddress(bound.admin),
    ...(bound.metrics === undefined ? {} : { metrics: formatAddress(bound.metrics) }),
  };
  if (config.readyFile !== undefined) {
    try {
      writeWhole(config.readyFile, `${JSON.stringify({ pid: process.pid, ...addresses })}\n`);
    } catch (error) {
      return err(`--ready-file: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  log.info({ ...addresses, db: config.db }, "the control plane serves");
  return ok(undefined);
}
