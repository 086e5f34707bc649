import type { Cluster as ClusterMessage } from "../generated/envoy/config/cluster/v3/cluster.ts";
import { Adaptive, ClusterPolicy, type PeakEwma } from "../generated/heddle/discovery/v1/discovery.ts";
import type { Cluster, LbPolicy } from "../model/cluster.ts";
import { NO_POLICIES, type ClusterPolicies } from "../model/cluster-policy.ts";
import type { NodeKind } from "../model/node.ts";
import type { Violation } from "../violation.ts";
import { packAny } from "./any.ts";
import { breakerMessage, readBreaker } from "./breaker-wire.ts";
import { encodeDuration, readPositiveMs } from "./duration-wire.ts";
import { fallbackMessage, readFallback } from "./fallback-wire.ts";
import { join } from "./field-rules.ts";
import { healthCheckMessages, readHealthChecks } from "./health-check-wire.ts";
import { healthPolicyMessage, readHealthPolicy } from "./health-policy-wire.ts";
import { outlierMessage, readOutlier } from "./outlier-wire.ts";
import { ANY_COUNT, readWithin } from "./range-wire.ts";
import { budgetMessage, readBudget } from "./retry-budget-wire.ts";
import { circuitBreakersMessage, readCircuitBreakers } from "./thresholds-wire.ts";
import { readTypedMetadata, typedMetadataPath } from "./typed-metadata.ts";

const POLICY = { key: "heddle.policy", path: "" };

/**
 * The policies of a cluster, each where its reader looks for it. Only Heddle's proxies get what Envoy has no field for:
 * the admin port of a real Envoy cannot print a configuration that holds a type it does not know.
 */
export function clusterPolicyFields(
  cluster: Cluster,
  kind: NodeKind,
): Parameters<typeof ClusterMessage.fromPartial>[0] {
  const { policies } = cluster;
  return {
    circuitBreakers: circuitBreakersMessage(policies),
    ...(policies.outlier === undefined ? {} : { outlierDetection: outlierMessage(policies.outlier) }),
    ...(kind === "envoy" ? { healthChecks: healthCheckMessages(policies.healthCheck) } : {}),
    ...(kind === "heddle"
      ? { metadata: { typedFilterMetadata: { [POLICY.key]: packAny(ClusterPolicy, policyMessage(cluster)) } } }
      : {}),
  };
}

/** What a cluster says beside its endpoints and its balancer. */
export interface ClusterExtras {
  readonly policies: Omit<ClusterPolicies, "slowStart">;
  readonly service: string;
  readonly version: string;
  /** In place of the message's own balancer. */
  readonly lb: LbPolicy | undefined;
}

/** From `heddle.policy` where it stands; else what Envoy's messages say alone. */
export function readClusterExtras(message: ClusterMessage, found: Violation[]): ClusterExtras {
  const { circuitBreakers, outlierDetection, metadata } = message;
  const { limits, retryBudget } =
    circuitBreakers === undefined ? NO_POLICIES : readCircuitBreakers(circuitBreakers, "circuit_breakers", found);
  const outlier =
    outlierDetection === undefined ? undefined : readOutlier(outlierDetection, "outlier_detection", found);
  const healthCheck = readHealthChecks(message.healthChecks, found);
  const policy = readTypedMetadata(ClusterPolicy, metadata, POLICY, found);
  if (policy === undefined) {
    const policies = { ...NO_POLICIES, limits, retryBudget, outlier, healthCheck };
    return { policies, service: message.name, version: "", lb: undefined };
  }
  return {
    policies: { limits, outlier, ...readPolicies(policy, found) },
    service: policy.service,
    version: policy.version,
    lb: policy.peakEwma === undefined ? undefined : readPeakEwma(policy.peakEwma, found),
  };
}

function policyMessage({ service, version, lb, policies }: Cluster): ClusterPolicy {
  const { breaker, retryBudget, adaptive, healthCheck, fallback } = policies;
  return {
    service,
    version,
    breaker: breaker === undefined ? undefined : breakerMessage(breaker),
    retryBudget: retryBudget === undefined ? undefined : budgetMessage(retryBudget),
    adaptive: adaptive === undefined ? undefined : Adaptive.fromPartial(adaptive),
    healthCheck: healthCheck === undefined ? undefined : healthPolicyMessage(healthCheck),
    fallback: fallback === undefined ? undefined : fallbackMessage(fallback),
    peakEwma:
      lb.kind === "peak-ewma"
        ? { decay: encodeDuration(lb.decayMs), defaultRtt: encodeDuration(lb.defaultRttMs) }
        : undefined,
  };
}

function readPolicies(
  { breaker, retryBudget, adaptive, healthCheck, fallback }: ClusterPolicy,
  found: Violation[],
): Omit<ClusterPolicies, "limits" | "outlier" | "slowStart"> {
  return {
    breaker: breaker === undefined ? undefined : readBreaker(breaker, at("breaker"), found),
    retryBudget: retryBudget === undefined ? undefined : readBudget(retryBudget, at("retry_budget"), found),
    adaptive: adaptive === undefined ? undefined : readAdaptive(adaptive, at("adaptive"), found),
    healthCheck: healthCheck === undefined ? undefined : readHealthPolicy(healthCheck, at("health_check"), found),
    fallback: fallback === undefined ? undefined : readFallback(fallback, at("fallback"), found),
  };
}

function readAdaptive(message: Adaptive, path: string, found: Violation[]): ClusterPolicies["adaptive"] {
  const { concurrencyMin } = message;
  const range = { min: Math.max(1, concurrencyMin), max: ANY_COUNT.max };
  return {
    concurrencyMin,
    concurrencyMax: readWithin(message.concurrencyMax, range, join(path, "concurrency_max"), found),
  };
}

function at(field: string): string {
  return join(typedMetadataPath(POLICY), field);
}

function readPeakEwma(message: PeakEwma, found: Violation[]): LbPolicy {
  return {
    kind: "peak-ewma",
    decayMs: readPositiveMs(message.decay, undefined, at("peak_ewma.decay"), found),
    defaultRttMs: readPositiveMs(message.defaultRtt, undefined, at("peak_ewma.default_rtt"), found),
  };
}
