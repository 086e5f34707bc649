import { credentials, Metadata, type CallOptions, type ClientReadableStream, type ServiceError } from "@grpc/grpc-js";

import type { Kind } from "../../control-plane/catalog/catalog.ts";
import type { RowKey } from "../../control-plane/catalog/row-key.ts";
import { unreachable } from "../../shared/assert.ts";
import { ADMIN_CALL_TIMEOUT_MS } from "../../shared/defaults.ts";
import { ADMIN_MESSAGE_BYTES_MAX, PAGE_SIZE_MAX } from "../../shared/limits.ts";
import {
  MeshClient,
  RoutesClient,
  ServiceEndpointsClient,
  ServicePoliciesClient,
  TrafficSplitsClient,
  type ApplyBundleRequest,
  type BackupChunk,
  type MutationResult,
  type Proxy,
  type Resource,
  type Revision,
  type RollbackRequest,
  type WaitForRevisionResponse,
  type WatchEvent,
} from "../../shared/wire/admin-api.ts";
import { errorOfCall } from "./call-error.ts";

/** The admin API of one control plane, as promises and loops. Every failure is a CliError that says what to do. */
export interface AdminClient {
  readonly server: string;
  get(key: RowKey): Promise<Resource>;
  list(kind: Kind): Promise<readonly Resource[]>;
  /** Every present row, then a `synced` mark, then each change; ends when the control plane goes away. */
  watch(kind: Kind): AsyncIterable<WatchEvent>;
  applyBundle(request: ApplyBundleRequest): Promise<MutationResult>;
  rollback(request: RollbackRequest): Promise<MutationResult>;
  revision(revision: bigint): Promise<Revision>;
  /** Newest first, at most `limit`. */
  revisions(limit: number): Promise<readonly Revision[]>;
  proxies(): Promise<{ readonly proxies: readonly Proxy[]; readonly revision: bigint }>;
  waitForRevision(revision: bigint, timeoutMs: number): Promise<WaitForRevisionResponse>;
  backup(): AsyncIterable<BackupChunk>;
  close(): void;
}

/** Opens nothing yet: the first call connects. `server` is HOST:PORT. */
export function adminClient(server: string): AdminClient {
  const clients = openClients(server);
  const { mesh } = clients;
  // A connection whose streams are open is not closed by its client, and keeps the process alive.
  const streams = new Set<{ cancel(): void }>();
  const open = <Message>(stream: ClientReadableStream<Message>): ClientReadableStream<Message> => {
    streams.add(stream);
    return stream;
  };
  const unary = <Request, Response>(call: UnaryCall<Request, Response>, request: Request, timeoutMs?: number) =>
    callOnce(server, call, request, timeoutMs ?? ADMIN_CALL_TIMEOUT_MS);
  return {
    server,
    get: (key) => getResource(clients, unary, key),
    list: (kind) => listResources(clients, unary, kind),
    watch: (kind) => events(server, open(clients[kind].watch({}))),
    applyBundle: (request) => unary(mesh.applyBundle.bind(mesh), request),
    rollback: (request) => unary(mesh.rollback.bind(mesh), request),
    revision: (revision) => wholeRevision(mesh, unary, revision),
    revisions: (limit) =>
      pages(limit, async (pageSize, pageToken) => {
        const page = await unary(mesh.listRevisions.bind(mesh), { pageSize, pageToken });
        return { items: page.revisions, nextPageToken: page.nextPageToken };
      }),
    proxies: () => listProxies(mesh, unary),
    waitForRevision: (revision, timeoutMs) =>
      unary(
        mesh.waitForRevision.bind(mesh),
        { revision, timeout: durationOf(timeoutMs) },
        timeoutMs + ADMIN_CALL_TIMEOUT_MS,
      ),
    backup: () => events(server, open(mesh.backup({}))),
    close() {
      for (const stream of streams) stream.cancel();
      for (const client of Object.values(clients)) client.close();
    },
  };
}

type UnaryCall<Request, Response> = (
  request: Request,
  metadata: Metadata,
  options: Partial<CallOptions>,
  callback: (error: ServiceError | null, response: Response) => void,
) => unknown;

type Unary = <Request, Response>(call: UnaryCall<Request, Response>, request: Request) => Promise<Response>;

type Clients = ReturnType<typeof openClients>;

function openClients(server: string) {
  const insecure = credentials.createInsecure();
  const options = {
    "grpc.max_receive_message_length": ADMIN_MESSAGE_BYTES_MAX,
    "grpc.max_send_message_length": ADMIN_MESSAGE_BYTES_MAX,
    // A command that runs for a second must not spend it waiting for a proxy of the office network.
    "grpc.enable_http_proxy": 0,
  };
  return {
    mesh: new MeshClient(server, insecure, options),
    ServicePolicy: new ServicePoliciesClient(server, insecure, options),
    ServiceEndpoint: new ServiceEndpointsClient(server, insecure, options),
    TrafficSplit: new TrafficSplitsClient(server, insecure, options),
    Route: new RoutesClient(server, insecure, options),
  };
}

function callOnce<Request, Response>(
  server: string,
  call: UnaryCall<Request, Response>,
  request: Request,
  timeoutMs: number,
): Promise<Response> {
  const deadline = new Date(Date.now() + timeoutMs);
  return new Promise((done, failed) => {
    call(request, new Metadata(), { deadline }, (error, response) => {
      if (error === null) done(response);
      else failed(errorOfCall(error, server));
    });
  });
}

async function* events<Message>(server: string, stream: ClientReadableStream<Message>): AsyncIterable<Message> {
  try {
    for await (const message of stream) yield message as Message; // the stream decodes exactly this message
  } catch (error) {
    throw errorOfCall(error as ServiceError, server); // grpc-js ends its streams with no other kind of error
  } finally {
    stream.cancel();
  }
}

function getResource(clients: Clients, unary: Unary, key: RowKey): Promise<Resource> {
  switch (key.kind) {
    case "ServicePolicy": {
      const client = clients.ServicePolicy;
      return unary(client.get.bind(client), key).then((value) => ({ kind: { $case: "servicePolicy", value } }));
    }
    case "ServiceEndpoint": {
      const client = clients.ServiceEndpoint;
      return unary(client.get.bind(client), key).then((value) => ({ kind: { $case: "serviceEndpoint", value } }));
    }
    case "TrafficSplit": {
      const client = clients.TrafficSplit;
      const request = { destinationService: key.destinationService, sourceService: key.sourceService ?? "" };
      return unary(client.get.bind(client), request).then((value) => ({ kind: { $case: "trafficSplit", value } }));
    }
    case "Route": {
      const client = clients.Route;
      return unary(client.get.bind(client), key).then((value) => ({ kind: { $case: "route", value } }));
    }
    default:
      return unreachable(key);
  }
}

function listResources(clients: Clients, unary: Unary, kind: Kind): Promise<readonly Resource[]> {
  return pages<Resource>(Infinity, async (pageSize, pageToken) => {
    const request = { pageSize, pageToken };
    switch (kind) {
      case "ServicePolicy": {
        const { items, nextPageToken } = await unary(clients[kind].list.bind(clients[kind]), request);
        return { items: items.map((value) => ({ kind: { $case: "servicePolicy", value } })), nextPageToken };
      }
      case "ServiceEndpoint": {
        const { items, nextPageToken } = await unary(clients[kind].list.bind(clients[kind]), request);
        return { items: items.map((value) => ({ kind: { $case: "serviceEndpoint", value } })), nextPageToken };
      }
      case "TrafficSplit": {
        const { items, nextPageToken } = await unary(clients[kind].list.bind(clients[kind]), request);
        return { items: items.map((value) => ({ kind: { $case: "trafficSplit", value } })), nextPageToken };
      }
      case "Route": {
        const { items, nextPageToken } = await unary(clients[kind].list.bind(clients[kind]), request);
        return { items: items.map((value) => ({ kind: { $case: "route", value } })), nextPageToken };
      }
      default:
        return unreachable(kind);
    }
  });
}

async function listProxies(mesh: MeshClient, unary: Unary): ReturnType<AdminClient["proxies"]> {
  let revision = 0n;
  const proxies = await pages(Infinity, async (pageSize, pageToken) => {
    const page = await unary(mesh.listProxies.bind(mesh), { pageSize, pageToken });
    revision = page.revision;
    return { items: page.proxies, nextPageToken: page.nextPageToken };
  });
  return { proxies, revision };
}

/** A revision comes in pages of its changes. */
async function wholeRevision(mesh: MeshClient, unary: Unary, revision: bigint): Promise<Revision> {
  const pageOf = (pageToken: string) => unary(mesh.getRevision.bind(mesh), { revision, pageSize: 0, pageToken });
  const first = await pageOf("");
  const changes = [...first.changes];
  for (let token = first.nextPageToken; token !== "";) {
    const page = await pageOf(token);
    changes.push(...page.changes);
    token = page.nextPageToken;
  }
  return { ...first, changes, nextPageToken: "" };
}

interface Page<Item> {
  readonly items: readonly Item[];
  readonly nextPageToken: string;
}

async function pages<Item>(
  limit: number,
  next: (pageSize: number, pageToken: string) => Promise<Page<Item>>,
): Promise<readonly Item[]> {
  const all: Item[] = [];
  let token = "";
  do {
    const page = await next(Math.min(PAGE_SIZE_MAX, limit - all.length), token);
    all.push(...page.items);
    token = page.nextPageToken;
  } while (token !== "" && all.length < limit);
  return all;
}

function durationOf(timeoutMs: number): { seconds: bigint; nanos: number } {
  return { seconds: BigInt(Math.floor(timeoutMs / 1_000)), nanos: (timeoutMs % 1_000) * 1_000_000 };
}
