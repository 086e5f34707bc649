import type { Cluster, LoadAssignment } from "../../shared/model/cluster.ts";
import type { Listener } from "../../shared/model/listener.ts";
import type { RouteConfig } from "../../shared/model/route.ts";
import type { Result } from "../../shared/result.ts";
import type { Violation } from "../../shared/violation.ts";

/** The kinds of resources a proxy lives on, in the order it asks for them: what is named comes before what names it. */
export const RESOURCE_TYPES = ["clusters", "endpoints", "listeners", "routes"] as const;
export type ResourceType = (typeof RESOURCE_TYPES)[number];

/** `digest` is Heddle's heartbeat, in the shape of a resource. */
export type SubscribedType = ResourceType | "digest";

/** Whether a proxy asks for resources of this type at all. */
export function isSubscribed(type: string | undefined): type is SubscribedType {
  return type === "digest" || RESOURCE_TYPES.some((known) => known === type);
}

/** One answer of the control plane, freed from protobuf. */
export interface SessionResponse {
  readonly type: SubscribedType;
  readonly version: string;
  readonly nonce: string;
  /** What the server says of itself (`control_plane.identifier`), or "". */
  readonly server: string;
  readonly resources: readonly RawResource[];
}

export interface RawResource {
  /** Of the resource itself: it must be that of the response. */
  readonly type: SubscribedType | undefined;
  readonly bytes: Uint8Array;
}

/** One request to the control plane. `reason` not "" makes it a NACK. */
export interface SessionRequest {
  readonly type: SubscribedType;
  /** Of the last accepted response, also in a NACK. */
  readonly version: string;
  /** Of the answered response; "" in the first request of a type on a stream. */
  readonly nonce: string;
  /** The whole subscription, never a difference. */
  readonly names: readonly string[];
  readonly reason: string;
}

/** What the server believes this proxy holds. */
export interface Digest {
  readonly meshId: string;
  readonly revision: number;
  readonly versions: ReadonlyMap<SubscribedType, string>;
}

/** Bytes to the model, or everything that is wrong with them. The real one is shared/wire. */
export interface ResourceDecoder {
  readonly cluster: Decode<Cluster>;
  readonly loadAssignment: Decode<LoadAssignment>;
  readonly listener: Decode<Listener>;
  readonly routeConfig: Decode<RouteConfig>;
  readonly digest: Decode<Digest>;
}

export type Decode<T> = (bytes: Uint8Array) => Result<T, readonly Violation[]>;

/** A snapshot as it came over the wire: what is kept on disk. */
export interface StoredSnapshot {
  /** "" when the control plane tells none. */
  readonly meshId: string;
  readonly types: readonly StoredType[];
}

export interface StoredType {
  readonly type: ResourceType;
  readonly version: string;
  readonly resources: readonly Uint8Array[];
}

/** The revision in a version `r<revision>.<hash>`, or undefined: other control planes have other versions. */
export function revisionOf(version: string): number | undefined {
  const match = /^r(\d{1,15})\./.exec(version);
  return match === null ? undefined : Number(match[1]);
}

/** Heddle's control plane names itself `heddle/<mesh id>`. */
export function serverIsHeddle(server: string): boolean {
  return /^heddle\b/.test(server);
}

/** The mesh a server of Heddle tells, or undefined. */
export function meshOf(server: string): string | undefined {
  return server.startsWith("heddle/") ? server.slice("heddle/".length) : undefined;
}
