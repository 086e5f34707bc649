import assert from "node:assert/strict";
import { join } from "node:path";
import type { TestContext } from "node:test";

import {
  credentials,
  loadPackageDefinition,
  Metadata,
  type Client,
  type ClientReadableStream,
  type ServiceError,
} from "@grpc/grpc-js";

import { loadSync } from "@grpc/proto-loader";

import { createAdminServer } from "../../control-plane/admin/admin-server.ts";
import type { Store } from "../../control-plane/store/store.ts";
import type { Fleet, ProxyStatus } from "../../control-plane/xds/fleet.ts";
import { systemClock } from "../../shared/clock.ts";
import { packageRoot } from "../../shared/package-root.ts";
import { systemTimers } from "../../shared/timers.ts";
import type { Violation } from "../../shared/violation.ts";
import { decodeViolations, STATUS_DETAILS_KEY } from "../../shared/wire/status-details.ts";
import { openStore, silentLog } from "./stores.ts";

const protos = loadSync("heddle/admin/v1/admin.proto", {
  includeDirs: [join(packageRoot, "proto")],
  keepCase: true,
  longs: String,
  enums: String,
});

/** A message as @grpc/proto-loader reads it: snake_case, 64-bit numbers and enums as text, unset fields absent. */
export type Message = Readonly<Record<string, unknown>>;

export type Answer =
  | { readonly ok: true; readonly message: Message }
  | { readonly ok: false; readonly code: number; readonly details: string; readonly violations: readonly Violation[] };

/** A real admin server on a real port, and a client that shares no code with it but the proto files. */
export interface AdminPort {
  readonly store: Store;
  readonly address: string;
  /** `method` is `Service.Method`. */
  call(method: string, request: Message, deadlineMs?: number): Promise<Answer>;
  /** Fails the test unless the answer is OK. */
  must(method: string, request: Message): Promise<Message>;
  stream(method: string, request: Message): ClientReadableStream<Message>;
  /** Any bytes to any path. */
  raw(path: string, bytes: Buffer): Promise<Answer>;
}

export interface AdminPortOptions {
  readonly store?: Store;
  readonly fleet?: Partial<Fleet>;
}

export async function openAdminPort(t: TestContext, options: AdminPortOptions = {}): Promise<AdminPort> {
  const store = options.store ?? openStore(t);
  const fleet: Fleet = {
    proxies: () => [],
    connectedCount: () => 0,
    waitForRevision: (revision) => Promise.resolve({ revision, acknowledged: 0, waiting: [] }),
    ...options.fleet,
  };
  const server = createAdminServer({ store, fleet, clock: systemClock, timers: systemTimers, log: silentLog });
  const bound = await server.start({ host: "127.0.0.1", port: 0 });
  assert.ok(bound.ok, bound.ok ? "" : bound.error);
  const address = `127.0.0.1:${bound.value.port}`;
  const clients = new Map<string, Client>();
  t.after(async () => {
    for (const client of clients.values()) client.close();
    await server.stop(0);
  });
  const clientOf = (service: string): Client => {
    const known = clients.get(service);
    if (known !== undefined) return known;
    const client = makeClient(service, address);
    clients.set(service, client);
    return client;
  };
  return {
    store,
    address,
    call: (method, request, deadlineMs = 10_000) => callUnary(clientOf, method, request, deadlineMs),
    async must(method, request) {
      const answer = await callUnary(clientOf, method, request, 10_000);
      assert.ok(answer.ok, answer.ok ? "" : `${method}: ${answer.code} ${answer.details}`);
      return answer.message;
    },
    stream(method, request) {
      const [service = "", name = ""] = method.split(".");
      const definition = methodOf(service, name);
      return clientOf(service).makeServerStreamRequest(
        definition.path,
        definition.requestSerialize,
        definition.responseDeserialize,
        request,
      );
    },
    raw: (path, bytes) =>
      new Promise((resolve) => {
        const client = clientOf("Mesh");
        const deadline = { deadline: systemClock.wallMs() + 10_000 };
        client.makeUnaryRequest(
          path,
          (buffer: Buffer) => buffer,
          (buffer) => buffer,
          bytes,
          new Metadata(),
          deadline,
          (error) => resolve(error === null ? { ok: true, message: {} } : answerOf(error)),
        );
      }),
  };
}

/** A connected proxy, as far as the admin API cares. */
export function proxyOf(nodeId: string, service: string, more: Partial<ProxyStatus> = {}): ProxyStatus {
  return {
    nodeId,
    service,
    version: "v1",
    kind: "heddle",
    connected: true,
    sinceWallMs: 1_700_000_000_000,
    peer: "127.0.0.1:1",
    adminAddress: undefined,
    snapshotSource: "stream",
    acknowledgedRevision: 1,
    types: [],
    ...more,
  };
}

function makeClient(service: string, address: string): Client {
  const { heddle } = loadPackageDefinition(protos);
  // loadPackageDefinition types its tree as a mix of what a package may hold; these are its services.
  const services = (
    heddle as unknown as { admin: { v1: Record<string, new (address: string, credentials: object) => Client> } }
  ).admin.v1;
  const Service = services[service];
  assert.ok(Service !== undefined, `no service ${service}`);
  return new Service(address, credentials.createInsecure());
}

interface Method {
  readonly path: string;
  readonly requestSerialize: (request: object) => Buffer;
  readonly responseDeserialize: (bytes: Buffer) => Message;
}

function methodOf(service: string, name: string): Method {
  // A service of a PackageDefinition is an object of its methods.
  const definition = protos[`heddle.admin.v1.${service}`] as unknown as Record<string, Method>;
  const method = definition[name];
  assert.ok(method !== undefined, `no method ${service}.${name}`);
  return method;
}

function callUnary(
  clientOf: (service: string) => Client,
  method: string,
  request: Message,
  deadlineMs: number,
): Promise<Answer> {
  const [service = "", name = ""] = method.split(".");
  const { path, requestSerialize, responseDeserialize } = methodOf(service, name);
  const deadline = { deadline: systemClock.wallMs() + deadlineMs };
  return new Promise((resolve) => {
    clientOf(service).makeUnaryRequest(
      path,
      requestSerialize,
      responseDeserialize,
      request,
      new Metadata(),
      deadline,
      (error, message) => {
        if (error !== null || message === undefined) resolve(answerOf(error));
        else resolve({ ok: true, message });
      },
    );
  });
}

export function answerOf(error: ServiceError | null): Answer {
  assert.ok(error !== null);
  const [trailer] = error.metadata?.get(STATUS_DETAILS_KEY) ?? [];
  const violations = typeof trailer === "object" ? decodeViolations(trailer) : [];
  return { ok: false, code: error.code, details: error.details, violations };
}
