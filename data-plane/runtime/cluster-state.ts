import { CircuitBreaker } from "../policy/circuit-breaker.ts";
import { ConcurrencyLimit } from "../policy/concurrency-limit.ts";
import { RetryBudget } from "../policy/retry-budget.ts";
import type { EjectionReason } from "../policy/outlier-detector.ts";
import { RetryRefusals } from "../policy/retry-refusal.ts";
import type { Verdict } from "../policy/verdict.ts";
import type { CountBook } from "../workers/count-book.ts";
import type { EndpointState } from "./endpoint-state.ts";

/** Of a service, among the counts that workers share. */
export function probesName(service: string): string {
  return `probes ${service}`;
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
  readonly breaker: CircuitBreaker;
  /** The last reconciliation that found it in use; only ClusterStates writes it. */
  reconciliation = 0;

  constructor(service: string, counts?: CountBook) {
    this.service = service;
    this.breaker = new CircuitBreaker(counts?.of(probesName(service)));
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
  readonly connections = new ConcurrencyLimit();
  /** Requests in line for a connection. */
  readonly pending = new ConcurrencyLimit();
  readonly requests = new ConcurrencyLimit();
  /** Requests that are being retried, or have been and are not finished. */
  readonly retries = new ConcurrencyLimit();
  /** Copies of requests that were sent here; `dropped` were not. */
  readonly mirrors = { active: 0, answered: 0, failed: 0, dropped: 0 };
  /** Who decides by results which endpoints may be picked; undefined until the cluster is in use. */
  results: ResultListener | undefined = undefined;
  /** The last reconciliation that found it in use; only ClusterStates writes it. */
  reconciliation = 0;

  constructor(name: string, service: ServiceState) {
    this.name = name;
    this.service = service;
  }
}
