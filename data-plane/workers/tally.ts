import type { DecisionJson, RateLimitJson } from "../admin/admin-json.ts";
import type { EndpointState } from "../runtime/endpoint-state.ts";
import type { ClusterTallies } from "./cluster-tally.ts";
import type { LoopDelay } from "../telemetry/process-probe.ts";
import type { MetricFamily } from "../telemetry/prometheus-text.ts";
import { countersOf, sumFamilies } from "../telemetry/sum-families.ts";

/** What one worker of a proxy counted, at the moment it was asked. Plain data: it goes from thread to thread. */
export interface Tally {
  readonly worker: number;
  readonly families: readonly MetricFamily[];
  /** By address, those that were used. */
  readonly endpoints: ReadonlyMap<string, EndpointTally>;
  readonly clusters: ClusterTallies;
  readonly decisions: readonly DecisionJson[];
  /** By what their states are known by. */
  readonly rateLimits: ReadonlyMap<string, RateLimitJson>;
  readonly loop: LoopDelay;
}

/** Each a number, so that those of several workers add up. */
export interface EndpointTally {
  readonly active: number;
  readonly requests: number;
  readonly failures: number;
  readonly connectFailures: number;
  readonly connections: number;
  readonly idleConnections: number;
  readonly waiting: number;
}

export const noTally: EndpointTally = {
  active: 0,
  requests: 0,
  failures: 0,
  connectFailures: 0,
  connections: 0,
  idleConnections: 0,
  waiting: 0,
};

export function endpointTallies(states: Iterable<EndpointState>): ReadonlyMap<string, EndpointTally> {
  const tallies = new Map<string, EndpointTally>();
  for (const state of states) if (state.requests > 0) tallies.set(state.key, tallyOf(state));
  return tallies;
}

/** Of the endpoint at that address, in all workers. */
export function sumOfEndpoint(key: string, tallies: readonly Tally[]): EndpointTally {
  return tallies.reduce((sum, { endpoints }) => added(sum, endpoints.get(key)), noTally);
}

/** What stays of a worker that ended: a counter never goes down. Endpoints and limits are told by who lives. */
export function departed({ worker, families }: Tally, before: Tally | undefined): Tally {
  const loop = { meanMs: 0, maxMs: 0 };
  const kept = {
    worker,
    families: countersOf(families),
    endpoints: new Map(),
    clusters: new Map(),
    decisions: [],
    rateLimits: new Map(),
    loop,
  };
  return before === undefined ? kept : joined(kept, before);
}

/** A worker with what those counted that had its place before. */
export function joined(live: Tally, before: Tally): Tally {
  return { ...live, families: sumFamilies([live.families, before.families]) };
}

function added(one: EndpointTally, other: EndpointTally | undefined): EndpointTally {
  if (other === undefined) return one;
  return {
    active: one.active + other.active,
    requests: one.requests + other.requests,
    failures: one.failures + other.failures,
    connectFailures: one.connectFailures + other.connectFailures,
    connections: one.connections + other.connections,
    idleConnections: one.idleConnections + other.idleConnections,
    waiting: one.waiting + other.waiting,
  };
}

function tallyOf({ active, requests, failures, connectFailures, pool }: EndpointState): EndpointTally {
  const connections = pool?.open ?? 0;
  const idleConnections = pool?.idle ?? 0;
  return { active, requests, failures, connectFailures, connections, idleConnections, waiting: pool?.waiting ?? 0 };
}
