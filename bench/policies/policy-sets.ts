import { DEFAULT_POLICY } from "../../control-plane/catalog/default-policy.ts";
import type { ServicePolicy } from "../../control-plane/catalog/service-policy.ts";
import { clusterPolicies } from "../../control-plane/snapshot/cluster-policies.ts";
import { forwardOf } from "../../control-plane/snapshot/forwarding.ts";
import { rateLimitOf } from "../../control-plane/snapshot/rate-limit.ts";
import type { ClusterPolicies } from "../../shared/model/cluster-policy.ts";
import { NO_POLICIES } from "../../shared/model/cluster-policy.ts";
import type { RateLimitPolicy } from "../../shared/model/rate-limit.ts";
import type { FaultPolicy, RetryPolicy } from "../../shared/model/route.ts";

/** What a proxy is told of every service. */
export interface PolicySet {
  readonly name: string;
  readonly cluster: ClusterPolicies;
  readonly retry: RetryPolicy | undefined;
  readonly fault: FaultPolicy | undefined;
  readonly rateLimit: RateLimitPolicy | undefined;
}

/** So large that nothing is refused: what is measured is the looking. */
const PLENTY = 1_000_000;

/** More than the connections of the load: a limit that follows the latency would rightly refuse some of them. */
const ADAPTIVE_MIN = 64;

const EVERYTHING: ServicePolicy = {
  ...DEFAULT_POLICY,
  serviceName: "bench",
  perTryTimeoutMs: 2_000,
  maxConnections: 10_000,
  maxPendingRequests: 10_000,
  maxRequests: PLENTY,
  maxRetries: 1_000,
  adaptiveConcurrency: true,
  outlierConsecutiveGateway: 5,
  outlierSuccessRateStdev: 1_900,
  outlierFailurePercentage: 85,
  slowStartSec: 30,
  rateLimitRequests: PLENTY,
  fallback: "static",
};

/** Injects nothing: it is drawn for each request all the same. */
const NEVER: FaultPolicy = {
  delay: { percent: 0, ms: 1_000 },
  abort: { percent: 0, status: 503 },
  headers: [],
  untilWallMs: undefined,
};

/**
 * From nothing to everything that a request passes. Mirrors are left out, for a copy is a request of its own. Stored answers come
 * last and alone: every request of the bench has a URL of its own, so that every answer is copied, as of no real service.
 */
export const POLICY_SETS: readonly PolicySet[] = [
  { name: "none", cluster: NO_POLICIES, retry: undefined, fault: undefined, rateLimit: undefined },
  setOf("defaults", DEFAULT_POLICY, undefined),
  setOf("all", EVERYTHING, NEVER),
  setOf("all, stored answers", { ...EVERYTHING, fallback: "cached_response" }, NEVER),
];

function setOf(name: string, policy: ServicePolicy, fault: FaultPolicy | undefined): PolicySet {
  const { retry } = forwardOf(policy);
  const cluster = clusterPolicies(policy);
  const adaptive = cluster.adaptive && { ...cluster.adaptive, concurrencyMin: ADAPTIVE_MIN };
  return { name, cluster: { ...cluster, adaptive }, retry, fault, rateLimit: rateLimitOf(policy) };
}
