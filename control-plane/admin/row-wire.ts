import { unreachable } from "../../shared/assert.ts";
import type {
  Change,
  Resource,
  ResourceKey,
  Route,
  ServiceEndpoint,
  ServicePolicy,
  TrafficSplit,
} from "../../shared/wire/admin-api.ts";
import type * as catalog from "../catalog/catalog.ts";
import type * as catalogPolicy from "../catalog/service-policy.ts";
import { canonicalIp } from "../catalog/ip-address.ts";
import type { RowKey } from "../catalog/row-key.ts";
import type { RowChange } from "../store/store.ts";

/** A row as its message. Null is an unset field; the server's columns are filled. */
export function messageFromRow(row: catalogPolicy.ServicePolicy): ServicePolicy;
export function messageFromRow(row: catalog.ServiceEndpoint): ServiceEndpoint;
export function messageFromRow(row: catalog.TrafficSplit): TrafficSplit;
export function messageFromRow(row: catalog.Route): Route;
export function messageFromRow(row: catalog.Row): ServicePolicy | ServiceEndpoint | TrafficSplit | Route;
export function messageFromRow(row: catalog.Row): ServicePolicy | ServiceEndpoint | TrafficSplit | Route {
  switch (row.kind) {
    case "ServicePolicy":
      return policyMessage(row);
    case "ServiceEndpoint":
      return { ...row, version: row.version ?? undefined, registeredBy: row.registeredBy ?? "" };
    case "TrafficSplit":
      return {
        ...row,
        id: BigInt(row.id),
        sourceService: row.sourceService ?? undefined,
        headerMatch: { ...row.headerMatch },
        updatedAt: timeOf(row.updatedAt),
      };
    case "Route":
      return routeMessage(row);
    default:
      return unreachable(row);
  }
}

function policyMessage(row: catalogPolicy.ServicePolicy): ServicePolicy {
  const { updatedAt, faultUntil, retryOn, retryStatuses, faultHeaderMatch, ...plain } = row;
  return {
    ...withoutNulls(plain),
    retryOn: [...retryOn],
    retryStatuses: [...retryStatuses],
    faultHeaderMatch: { ...faultHeaderMatch },
    faultUntil: timeOf(faultUntil ?? ""),
    updatedAt: timeOf(updatedAt),
  };
}

type WithoutNulls<T> = { [K in keyof T]: null extends T[K] ? NonNullable<T[K]> | undefined : T[K] };

function withoutNulls<T extends object>(row: T): WithoutNulls<T> {
  const entries = Object.entries(row).map(([property, value]) => [property, value ?? undefined]);
  // The same properties with the same values, but for null, which is undefined in a message.
  return Object.fromEntries(entries) as WithoutNulls<T>;
}

/** A row that was never stored has no time yet. */
function timeOf(updatedAt: string): Date | undefined {
  return updatedAt === "" ? undefined : new Date(updatedAt);
}

function routeMessage(row: catalog.Route): Route {
  const { redirect } = row;
  return {
    ...row,
    sourceService: row.sourceService ?? undefined,
    pathExact: row.pathExact ?? undefined,
    pathPrefix: row.pathPrefix ?? undefined,
    pathRegex: row.pathRegex ?? undefined,
    methods: [...row.methods],
    headerMatch: { ...row.headerMatch },
    queryMatch: { ...row.queryMatch },
    destinations: row.destinations.map((destination) => ({
      ...destination,
      version: destination.version ?? undefined,
    })),
    redirect:
      redirect === null
        ? undefined
        : {
            ...redirect,
            scheme: redirect.scheme ?? undefined,
            host: redirect.host ?? undefined,
            port: redirect.port ?? undefined,
            path: redirect.path ?? undefined,
            prefix: redirect.prefix ?? undefined,
          },
    directResponse: row.directResponse ?? undefined,
    prefixRewrite: row.prefixRewrite ?? undefined,
    hostRewrite: row.hostRewrite ?? undefined,
    timeoutMs: row.timeoutMs ?? undefined,
    retryAttempts: row.retryAttempts ?? undefined,
    updatedAt: timeOf(row.updatedAt),
  };
}

export function resourceFromRow(row: catalog.Row): Resource {
  switch (row.kind) {
    case "ServicePolicy":
      return { kind: { $case: "servicePolicy", value: messageFromRow(row) } };
    case "ServiceEndpoint":
      return { kind: { $case: "serviceEndpoint", value: messageFromRow(row) } };
    case "TrafficSplit":
      return { kind: { $case: "trafficSplit", value: messageFromRow(row) } };
    case "Route":
      return { kind: { $case: "route", value: messageFromRow(row) } };
    default:
      return unreachable(row);
  }
}

/** The names under which a kind stands in requests and in the oneof of a Resource. */
export const caseOfKind = {
  ServicePolicy: "servicePolicy",
  ServiceEndpoint: "serviceEndpoint",
  TrafficSplit: "trafficSplit",
  Route: "route",
} as const satisfies Record<catalog.Kind, string>;

export function changeMessage({ key, before, after }: RowChange): Change {
  return {
    key: keyMessage(key),
    before: before === undefined ? undefined : resourceFromRow(before),
    after: after === undefined ? undefined : resourceFromRow(after),
  };
}

const emptyKey: ResourceKey = {
  kind: "",
  serviceName: "",
  podIp: "",
  port: 0,
  sourceService: "",
  destinationService: "",
  name: "",
};

export function keyMessage(key: RowKey): ResourceKey {
  if (key.kind === "TrafficSplit") return { ...emptyKey, ...key, sourceService: key.sourceService ?? "" };
  return { ...emptyKey, ...key };
}

/** The key fields of a Get or Delete request, or of a ResourceKey: those that the message has not are undefined. */
export type KeyFields = Partial<Omit<ResourceKey, "kind">>;

/** The key that a request names; undefined when a part of it is missing. */
export function readKey(kind: catalog.Kind, fields: KeyFields): RowKey | undefined {
  const { serviceName = "", podIp = "", port = 0, sourceService = "", destinationService = "", name = "" } = fields;
  switch (kind) {
    case "ServicePolicy":
      return serviceName === "" ? undefined : { kind, serviceName };
    case "ServiceEndpoint": {
      const ip = canonicalIp(podIp);
      return serviceName === "" || ip === undefined || port === 0 ? undefined : { kind, serviceName, podIp: ip, port };
    }
    case "TrafficSplit":
      return destinationService === ""
        ? undefined
        : { kind, sourceService: sourceService === "" ? null : sourceService, destinationService };
    case "Route":
      return name === "" ? undefined : { kind, name };
    default:
      return unreachable(kind);
  }
}
