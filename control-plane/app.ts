import { formatAddress, type Address } from "../shared/address.ts";
import { systemClock } from "../shared/clock.ts";
import { createLog, type Logger } from "../shared/log.ts";
import { err, ok, type Result } from "../shared/result.ts";
import { systemTimers } from "../shared/timers.ts";
import { writeWhole } from "../shared/write-whole.ts";
import { createAdminServer } from "./admin/admin-server.ts";
import type { ControlPlaneConfig } from "./config.ts";
import { Membership } from "./liveness/membership.ts";
import { membershipHandlers } from "./liveness/membership-handlers.ts";
import { MembershipService } from "../shared/wire/membership-api.ts";
import { nodeClassKey, nodeClassOf } from "./snapshot/node-class.ts";
import { Publisher } from "./snapshot/publisher.ts";
import { openSqliteStore } from "./store/sqlite-store.ts";
import { DiscoveryServer } from "./xds/discovery-server.ts";
import { NodeRegistry } from "./xds/node-registry.ts";

export interface ControlPlane {
  /** The addresses really bound. */
  readonly xds: Address;
  readonly admin: Address;
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
  const [clock, timers] = [systemClock, systemTimers];
  const log = createLog("heddle-control-plane", config.logLevel);
  const opened = openSqliteStore({ file: config.db, clock, log });
  if (!opened.ok) return err(`--db: ${opened.error}`);
  const store = opened.value;
  const registry = new NodeRegistry(clock, timers);
  const publisher = new Publisher({
    store,
    clock,
    timers,
    log,
    classesInUse: (mesh) => {
      const nodes = [...registry.streams()].flatMap((stream) => stream.introduced?.node ?? []);
      return new Map(nodes.map((node) => nodeClassOf(node, mesh)).map((one) => [nodeClassKey(one), one]));
    },
    offer: () => void discovery.publish(),
  });
  const membership = new Membership({ store, fleet: registry, clock, timers, log });
  const discovery = new DiscoveryServer({
    meshId: store.meshId,
    clock,
    timers,
    observer: {
      onConnected: (stream, node) => {
        registry.add(stream);
        membership.onConnected(node);
      },
      onDisconnected: (stream, node) => {
        registry.remove(stream);
        membership.onDisconnected(node.id);
      },
      onProgress: (stream) => registry.onProgress(stream),
      onNack: (stream, type, reason) => log.warn({ node: stream.introduced?.node.id, type, reason }, "refused"),
      onCut: (stream, reason) =>
        log.warn({ node: stream.introduced?.node.id, peer: stream.peer, reason }, "stream cut"),
    },
    streams: () => registry.streams(),
    snapshotFor: (node) => publisher.snapshotFor(node),
    revision: () => publisher.revision,
    services: [{ definition: MembershipService, handlers: { ...membershipHandlers(membership) } }],
  });
  const admin = createAdminServer({ store, fleet: registry, clock, timers, log });
  const stopPublisher = publisher.start();
  const stopMembership = membership.start();
  const stop = async (): Promise<void> => {
    stopPublisher();
    stopMembership();
    await Promise.all([discovery.stop(STOP_GRACE_MS), admin.stop(STOP_GRACE_MS)]);
    store.close();
  };
  const xdsBound = await discovery.start(config.xds);
  if (!xdsBound.ok) {
    await stop();
    return err(`--xds: ${xdsBound.error}`);
  }
  const adminBound = await admin.start(config.admin);
  if (!adminBound.ok) {
    await stop();
    return err(`--admin: ${adminBound.error}`);
  }
  const running = { xds: xdsBound.value, admin: adminBound.value, metrics: undefined, stop };
  announce(running, config, log);
  return ok(running);
}

function announce(running: ControlPlane, config: ControlPlaneConfig, log: Logger): void {
  const addresses = { xds: formatAddress(running.xds), admin: formatAddress(running.admin) };
  if (config.readyFile !== undefined) writeWhole(config.readyFile, `${JSON.stringify({ pid: process.pid, ...addresses })}\n`);
  log.info({ ...addresses, db: config.db }, "the control plane serves");
}
