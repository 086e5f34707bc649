import { status, type ServiceDefinition, type UntypedServiceImplementation } from "@grpc/grpc-js";

import { unreachable } from "../../shared/assert.ts";
import type { Logger } from "../../shared/log.ts";
import { err, ok, type Result } from "../../shared/result.ts";
import {
  Resource,
  RoutesService,
  ServiceEndpointsService,
  ServicePoliciesService,
  TrafficSplitsService,
  type ListRequest,
  type MutationOptions,
  type MutationResult,
} from "../../shared/wire/admin-api.ts";
import type { Kind, Row } from "../catalog/catalog.ts";
import { readRow } from "../catalog/read-row.ts";
import { isRecord } from "../catalog/read-value.ts";
import { describeKey } from "../catalog/row-key.ts";
import { findRow, rowsOf, sortKey } from "../catalog/rows.ts";
import { carriedOver } from "./carried-over.ts";
import { mutate, type MutationPorts } from "./mutation.ts";
import { pageOf } from "./page.ts";
import { refusal, refuseViolations, type Refusal } from "./refusal.ts";
import { caseOfKind, messageFromRow, readKey, resourceFromRow, type KeyFields } from "./row-wire.ts";
import { unary } from "./unary.ts";
import type { Watchers } from "./watchers.ts";

export interface KindPorts extends MutationPorts {
  readonly log: Logger;
  readonly watchers: Watchers;
}

export function serviceOfKind(kind: Kind): ServiceDefinition {
  switch (kind) {
    case "ServicePolicy":
      return ServicePoliciesService;
    case "ServiceEndpoint":
      return ServiceEndpointsService;
    case "TrafficSplit":
      return TrafficSplitsService;
    case "Route":
      return RoutesService;
    default:
      return unreachable(kind);
  }
}

/** An Apply request of any kind: its resource stands under the name of the kind. */
type ApplyRequest = Readonly<Record<string, unknown>> & { readonly options: MutationOptions | undefined };
type DeleteRequest = KeyFields & { readonly options: MutationOptions | undefined };
type RowMessage = ReturnType<typeof messageFromRow>;

interface ListResponse {
  readonly items: readonly RowMessage[];
  readonly nextPageToken: string;
  readonly revision: bigint;
}

/** Apply, Get, List, Delete and Watch of one kind: the kinds differ only in their tables of fields and their messages. */
export function kindHandlers(kind: Kind, ports: KindPorts): UntypedServiceImplementation {
  const { log } = ports;
  return {
    apply: unary<ApplyRequest, MutationResult>((request, { peer }) => apply(kind, ports, { request, peer }), log),
    get: unary<KeyFields, RowMessage>((request) => get(kind, ports, request), log),
    list: unary<ListRequest, ListResponse>((request) => list(kind, ports, request), log),
    delete: unary<DeleteRequest, MutationResult>((request, { peer }) => remove(kind, ports, { request, peer }), log),
    watch: ports.watchers.handler(kind),
  };
}

function apply(
  kind: Kind,
  ports: KindPorts,
  call: { request: ApplyRequest; peer: string },
): Result<MutationResult, Refusal> {
  const { [caseOfKind[kind]]: message, options } = call.request;
  if (!isRecord(message)) return err(refusal(status.INVALID_ARGUMENT, `the request has no ${kind}`));
  const read = readRow(kind, message, "property");
  if (!read.ok) return err(refuseViolations(status.INVALID_ARGUMENT, read.error));
  const row = carriedOver(ports.store.catalog(), read.value);
  return mutate(ports, { puts: [{ row, path: "" }], deletions: [] }, options, call.peer);
}

function get(kind: Kind, ports: KindPorts, request: KeyFields): Result<RowMessage, Refusal> {
  const found = find(kind, ports, request);
  return found.ok ? ok(messageFromRow(found.value)) : found;
}

function list(kind: Kind, { store }: KindPorts, request: ListRequest): Result<ListResponse, Refusal> {
  const catalog = store.catalog();
  const page = pageOf(
    rowsOf(catalog, kind),
    request,
    sortKey,
    (row) => Resource.encode(resourceFromRow(row)).finish().length,
  );
  if (!page.ok) return page;
  const { items, nextPageToken } = page.value;
  return ok({ items: items.map((row) => messageFromRow(row)), nextPageToken, revision: BigInt(catalog.revision) });
}

function remove(
  kind: Kind,
  ports: KindPorts,
  call: { request: DeleteRequest; peer: string },
): Result<MutationResult, Refusal> {
  const key = readKey(kind, call.request);
  const found = find(kind, ports, call.request);
  if (!found.ok || key === undefined) return found.ok ? err(incompleteKey(kind)) : found;
  return mutate(ports, { puts: [], deletions: [key] }, call.request.options, call.peer);
}

function find(kind: Kind, { store }: KindPorts, request: KeyFields): Result<Row, Refusal> {
  const key = readKey(kind, request);
  if (key === undefined) return err(incompleteKey(kind));
  const row = findRow(store.catalog(), key);
  return row === undefined ? err(refusal(status.NOT_FOUND, `${kind} ${describeKey(key)} does not exist`)) : ok(row);
}

function incompleteKey(kind: Kind): Refusal {
  const parts = {
    ServicePolicy: "service_name",
    ServiceEndpoint: "service_name, pod_ip (an IPv4 or IPv6 address) and port",
    TrafficSplit: "destination_service",
    Route: "name",
  };
  return refusal(status.INVALID_ARGUMENT, `the key of a ${kind} needs ${parts[kind]}`);
}
