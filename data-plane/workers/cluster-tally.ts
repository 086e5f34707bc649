import type { AdaptivePolicy } from "../../shared/model/cluster-policy.ts";
import type { AdaptiveLimitJson, BreakerJson, ClusterPoliciesJson, LimitJson } from "../admin/admin-json.ts";
import type { AdaptiveLimit } from "../policy/adaptive-limit.ts";
import type { BreakerState } from "../policy/circuit-breaker.ts";
import type { ConcurrencyLimit } from "../policy/concurrency-limit.ts";
import type { ClusterRuntime, Runtime } from "../runtime/runtime.ts";

/** What the policies of each cluster know in one worker, by the cluster's name; clusters without any policy are left out. */
export type ClusterTallies = ReadonlyMap<string, ClusterPoliciesJson>;

export function clusterTallies({ clusters }: Runtime, nowMs: number): ClusterTallies {
  const tallies = new Map<string, ClusterPoliciesJson>();
  for (const cluster of clusters.values()) if (hasPolicies(cluster)) tallies.set(cluster.name, tallyOf(cluster, nowMs));
  return tallies;
}

/** Of one cluster in all workers, or null. Their breakers and budgets follow each other; while they differ, the strictest is told. */
export function sumOfCluster(name: string, tallies: readonly ClusterTallies[]): ClusterPoliciesJson | null {
  const all = tallies.flatMap((tally) => tally.get(name) ?? []);
  const [first, ...others] = all;
  return first === undefined ? null : others.reduce(added, first);
}

function hasPolicies({ policies }: ClusterRuntime): boolean {
  const { connections, pending, requests, retries } = policies.limits;
  if (policies.breaker !== undefined || policies.retryBudget !== undefined || policies.adaptive !== undefined)
    return true;
  return [connections, pending, requests, retries].some((max) => max !== undefined);
}

function tallyOf({ policies, state }: ClusterRuntime, nowMs: number): ClusterPoliciesJson {
  const { retryBudget } = state.service;
  const { connections, pending, requests, retries } = policies.limits;
  return {
    breaker: breakerOf(policies.breaker, state.service.breaker, nowMs),
    retryBudget:
      policies.retryBudget === undefined
        ? null
        : { balance: Math.floor(retryBudget.balance(policies.retryBudget, nowMs)), refused: retryBudget.refusals },
    adaptive: policies.adaptive === undefined ? null : adaptiveOf(policies.adaptive, state.service.adaptive),
    limits: {
      connections: limitOf(state.connections, connections),
      pending: limitOf(state.pending, pending),
      requests: limitOf(state.requests, requests),
      retries: limitOf(state.retries, retries),
    },
  };
}

function breakerOf(
  policy: ClusterRuntime["policies"]["breaker"],
  breaker: ClusterRuntime["state"]["service"]["breaker"],
  nowMs: number,
): BreakerJson | null {
  if (policy === undefined) return null;
  const { state, opens, refusals, failuresInRow, probeAtMs } = breaker;
  const probeInMs = state === "open" ? Math.max(0, Math.round(probeAtMs - nowMs)) : 0;
  return { state, opens, refused: refusals, failuresInRow, probeInMs, ...breaker.counts(policy, nowMs) };
}

function adaptiveOf(policy: AdaptivePolicy, limit: AdaptiveLimit): AdaptiveLimitJson {
  const { active, refusals, leastMs } = limit;
  return { active, limit: limit.limit(policy), leastMs, refused: refusals };
}

function limitOf({ active, overflows }: ConcurrencyLimit, max: number | undefined): LimitJson {
  return { active, max: max ?? null, overflows };
}

function added(one: ClusterPoliciesJson, other: ClusterPoliciesJson): ClusterPoliciesJson {
  const sum = (key: keyof ClusterPoliciesJson["limits"]): LimitJson => ({
    active: one.limits[key].active + other.limits[key].active,
    max: one.limits[key].max,
    overflows: one.limits[key].overflows + other.limits[key].overflows,
  });
  return {
    breaker: addedBreakers(one.breaker, other.breaker),
    retryBudget:
      one.retryBudget === null || other.retryBudget === null
        ? (one.retryBudget ?? other.retryBudget)
        : {
            balance: Math.min(one.retryBudget.balance, other.retryBudget.balance),
            refused: one.retryBudget.refused + other.retryBudget.refused,
          },
    adaptive: addedAdaptive(one.adaptive, other.adaptive),
    limits: {
      connections: sum("connections"),
      pending: sum("pending"),
      requests: sum("requests"),
      retries: sum("retries"),
    },
  };
}

function addedAdaptive(one: AdaptiveLimitJson | null, other: AdaptiveLimitJson | null): AdaptiveLimitJson | null {
  if (one === null || other === null) return one ?? other;
  return {
    active: one.active + other.active,
    limit: one.limit + other.limit,
    leastMs: Math.min(one.leastMs, other.leastMs),
    refused: one.refused + other.refused,
  };
}

const STRICTNESS: { readonly [state in BreakerState]: number } = { closed: 0, "half-open": 1, open: 2 };

/** What is in the window is the same in all of them: they hear of each other's attempts. */
function addedBreakers(one: BreakerJson | null, other: BreakerJson | null): BreakerJson | null {
  if (one === null || other === null) return one ?? other;
  const strictest = STRICTNESS[other.state] > STRICTNESS[one.state] ? other : one;
  return {
    ...strictest,
    opens: one.opens + other.opens,
    refused: one.refused + other.refused,
  };
}
