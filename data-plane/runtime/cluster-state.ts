import { AdaptiveLimit } from "../policy/adaptive-limit.ts";
import { CircuitBreaker } from "../policy/circuit-breaker.ts";
import { ConcurrencyLimit } from "../policy/concurrency-limit.ts";
import { RetryBudget } from "../policy/retry-budget.ts";
import type { EjectionReason } from "../policy/outlier-detector.ts";
import { RetryRefusals } from "../policy/retry-refusal.ts";
import type { Verdict } from "../policy/verdict.ts";
import type { CountBook } from "../workers/count-book.ts";
import type { EndpointState } from "./endpoint-state.ts";

/** What all workers count together of a service, and of a cluster. */
export const SERVICE_COUNTS = ["service-probes"] as const;
export const CLUSTER_COUNTS = [
  "cluster-connections",
  "cluster-pending",
  "cluster-requests",
  "cluster-retries",
] as const;

/** Its name among the shared counts. */
export function countName(
  kind: (typeof SERVICE_COUNTS)[number] | (typeof CLUSTER_COUNTS)[number],
  key: string,
): string {
  return `${kind} ${key}`;
}

/** Hears how each attempt at an endpoint of a cluster went; the real one is upstream/endpoint-watch.ts. */
export interface ResultListener {
  onResult(endpoint: EndpointState, verdict: Verdict): void;
  /** The attempt was another worker's. */
  onHeard(endpoint: string, verdict: Verdict): void;
  /** Another worker has ejected the endpoint, for so long. */
  onEjectionHeard(endpoint: string, reason: EjectionReason, forMs: number): void;
}

/**
 * What is known of a service that is called, and survives every change of configuration: its key is the service's name,
 * because all version subsets of a service stand or fall together (seeds.md C1: one breaker for each destination), and a
 * split that moves traffic between them must not forget what was learnt.
 */
export class ServiceState {
  readonly service: string;
  readonly retryBudget = new RetryBudget();
  readonly retryRefusals = new RetryRefusals();
  readonly adaptive = new AdaptiveLimit();
  readonly breaker: CircuitBreaker;
  /** The last reconciliation that found it in use; only ClusterStates writes it. */
  reconciliation = 0;

  constructor(service: string, counts?: CountBook) {
    this.service = service;
    this.breaker = new CircuitBreaker(counts?.of(countName("service-probes", service)));
  }
}

/**
 * What is known of one cluster beyond its endpoints: what Envoy keeps for each cluster, which is limits and ejections. The
 * key is the cluster's name.
 */
export class ClusterState {
  readonly name: string;
  readonly service: ServiceState;
  /** Connections that were opened for requests to it, whoever uses them now: an endpoint's pool serves all its clusters. */
  readonly connections: ConcurrencyLimit;
  /** Requests in line for a connection. */
  readonly pending: ConcurrencyLimit;
  readonly requests: ConcurrencyLimit;
  /** Requests that are being retried, or have been and are not finished. */
  readonly retries: ConcurrencyLimit;
  /** Copies of requests that were sent here; `dropped` were not. */
  readonly mirrors = { active: 0, answered: 0, failed: 0, dropped: 0 };
  /** Who decides by results which endpoints may be picked; undefined until the cluster is in use. */
  results: ResultListener | undefined = undefined;
  /** The last reconciliation that found it in use; only ClusterStates writes it. */
  reconciliation = 0;

  constructor(name: string, service: ServiceState, counts?: CountBook) {
    this.name = name;
    this.service = service;
    const limit = (kind: (typeof CLUSTER_COUNTS)[number]): ConcurrencyLimit =>
      new ConcurrencyLimit(counts?.of(countName(kind, name)));
    this.connections = limit("cluster-connections");
    this.pending = limit("cluster-pending");
    this.requests = limit("cluster-requests");
    this.retries = limit("cluster-retries");
  }
}
