import { join } from "node:path";

import { Server, ServerCredentials, type ServiceDefinition, type UntypedServiceImplementation } from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import { ReflectionService } from "@grpc/reflection";
import { HealthImplementation } from "grpc-health-check";

import { formatAddress, type Address } from "../../shared/address.ts";
import type { Clock } from "../../shared/clock.ts";
import { ADMIN_MESSAGE_BYTES_MAX, ADMIN_STREAMS_MAX } from "../../shared/limits.ts";
import type { Logger } from "../../shared/log.ts";
import { packageRoot } from "../../shared/package-root.ts";
import { err, ok, type Result } from "../../shared/result.ts";
import type { Timers } from "../../shared/timers.ts";
import { MeshService } from "../../shared/wire/admin-api.ts";
import { KINDS } from "../catalog/catalog.ts";
import type { Store } from "../store/store.ts";
import type { Fleet } from "../xds/fleet.ts";
import { Backups } from "./backups.ts";
import { kindHandlers, serviceOfKind } from "./kind-handlers.ts";
import { meshHandlers } from "./mesh-handlers.ts";
import { forgivingDefinition } from "./unary.ts";
import { Watchers } from "./watchers.ts";

export interface AdminServerOptions {
  readonly store: Store;
  readonly fleet: Fleet;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly log: Logger;
}

/** The gRPC port of operators: the services of heddle.admin.v1, reflection and health. */
export interface AdminServer {
  /** Listens; port 0 picks a free one. The address that is really bound, or why it could not be. */
  start(address: Address): Promise<Result<Address, string>>;
  /** Health says NOT_SERVING, then open calls get `graceMs` to end, then they are cut. */
  stop(graceMs: number): Promise<void>;
}

export function createAdminServer(options: AdminServerOptions): AdminServer {
  const server = new Server({
    "grpc.max_receive_message_length": ADMIN_MESSAGE_BYTES_MAX,
    // Our own answers are bounded where they are made: lists by page, results of mutations by shortening.
    "grpc.max_send_message_length": -1,
    "grpc.max_concurrent_streams": ADMIN_STREAMS_MAX,
    "grpc.keepalive_time_ms": 30_000,
    "grpc.keepalive_timeout_ms": 10_000,
    // Bookkeeping per stream that nobody can read here: the channelz service is not served.
    "grpc.enable_channelz": 0,
  });
  const { store, log } = options;
  const ports = { ...options, watchers: new Watchers(store), backups: new Backups(store, log) };
  for (const kind of KINDS) add(server, serviceOfKind(kind), kindHandlers(kind, ports));
  // Each entry is a handler made by unary() or of the same shape; grpc-js types services one by one.
  add(server, MeshService, meshHandlers(ports) as UntypedServiceImplementation);

  const health = createHealth();
  health.addToServer(server);
  new ReflectionService(loadProtos()).addToServer(server);
  return {
    start: (address) => start(server, address),
    stop: (graceMs) => {
      for (const service of HEALTH_OF) health.setStatus(service, "NOT_SERVING");
      return stop(server, options.timers, graceMs);
    },
  };
}

function add(server: Server, service: ServiceDefinition, handlers: UntypedServiceImplementation): void {
  server.addService(forgivingDefinition(service), handlers);
}

/** The services whose health can be asked for; "" is the server as a whole. */
const HEALTH_OF = ["", "ServicePolicies", "ServiceEndpoints", "TrafficSplits", "Routes", "Mesh"].map((name) =>
  name === "" ? name : `heddle.admin.v1.${name}`,
);

function createHealth(): HealthImplementation {
  return new HealthImplementation(Object.fromEntries(HEALTH_OF.map((service) => [service, "SERVING" as const])));
}

function loadProtos(): ReturnType<typeof loadSync> {
  return loadSync("heddle/admin/v1/admin.proto", { includeDirs: [join(packageRoot, "proto")], keepCase: true });
}

function start(server: Server, address: Address): Promise<Result<Address, string>> {
  return new Promise((resolve) => {
    server.bindAsync(formatAddress(address), ServerCredentials.createInsecure(), (error, port) => {
      resolve(
        error === null ? ok({ ...address, port }) : err(`cannot listen on ${formatAddress(address)}: ${error.message}`),
      );
    });
  });
}

/**
 * Does not wait for what was cut: node:http2 ends a session that was asked to close with half a TCP close, and a client
 * that holds a call open does not answer that before its keepalive does, in 30 s.
 */
function stop(server: Server, timers: Timers, graceMs: number): Promise<void> {
  return new Promise((resolve) => {
    const cut = timers.after(graceMs, () => {
      server.forceShutdown();
      resolve();
    });
    server.tryShutdown(() => {
      cut.cancel();
      resolve();
    });
  });
}
