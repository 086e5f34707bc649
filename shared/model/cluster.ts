import type { Address } from "../address.ts";
import type { ClusterPolicies } from "./cluster-policy.ts";

/** A named set of endpoints and how to use them (Envoy `Cluster`). */
export interface Cluster {
  readonly name: string;
  readonly discovery:
    | { readonly kind: "eds"; readonly assignmentName: string }
    | { readonly kind: "static"; readonly endpoints: readonly Endpoint[] }
    | { readonly kind: "dns"; readonly endpoints: readonly Endpoint[] };
  readonly connectTimeoutMs: number;
  readonly lb: LbPolicy;
  /** Below this share of usable endpoints health is ignored; 0 turns that off (Envoy `healthy_panic_threshold`). */
  readonly panicThresholdPercent: number;
  readonly policies: ClusterPolicies;
  /** The service whose row the cluster came from, for metrics and explanations. */
  readonly service: string;
  /** The version subset, or "" for all versions. */
  readonly version: string;
}

export type LbPolicy =
  | { readonly kind: "round-robin" }
  | { readonly kind: "least-request"; readonly choices: number }
  | { readonly kind: "random" }
  /** Two choices by the peak of the response time and the requests under way (semantics.md 7). */
  | { readonly kind: "peak-ewma"; readonly decayMs: number; readonly defaultRttMs: number }
  | { readonly kind: "ring-hash"; readonly ringSizeMin: number; readonly ringSizeMax: number }
  | { readonly kind: "maglev"; readonly tableSize: number };

/** The endpoints of one cluster (Envoy `ClusterLoadAssignment`). An empty list is a fact, not a gap. */
export interface LoadAssignment {
  readonly name: string;
  readonly endpoints: readonly Endpoint[];
}

export interface Endpoint {
  readonly address: Address;
  /** Relative share, 1 or more. */
  readonly weight: number;
  /** `draining` gets no new requests and does not count for panic (semantics.md 6, 9). */
  readonly health: "healthy" | "unhealthy" | "draining";
  /** "" when the row names none; a split counts that as v1 (seeds.md C16). */
  readonly version: string;
  /** 0 is used first; the next only when too few of the former are usable. */
  readonly priority: number;
}

/**
 * The cluster that inbound routes name: the app beside the proxy. It is never on the wire for Heddle's own proxies, because
 * only the proxy knows where its app listens.
 */
export const LOCAL_APP_CLUSTER = "local-app";
