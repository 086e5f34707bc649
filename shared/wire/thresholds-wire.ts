import {
  ENVOY_MAX_RETRIES,
  ENVOY_RETRY_BUDGET_MIN,
  ENVOY_RETRY_BUDGET_PERCENT,
  ENVOY_RETRY_BUDGET_WINDOW_MS,
  ENVOY_THRESHOLD,
} from "../defaults.ts";
import {
  CircuitBreakers,
  CircuitBreakers_Thresholds_RetryBudget as RetryBudget,
} from "../generated/envoy/config/cluster/v3/circuit_breaker.ts";
import { RoutingPriority } from "../generated/envoy/config/core/v3/base.ts";
import { NO_POLICIES, type ConcurrencyLimits, type RetryBudgetPolicy } from "../model/cluster-policy.ts";
import type { Violation } from "../violation.ts";
import { circuitBreakersRules, retryBudgetRules, thresholdsRules } from "./cluster-rules.ts";
import { encodeDuration, readPositiveMs } from "./duration-wire.ts";
import { join, refuseUnsupported } from "./field-rules.ts";
import { PERCENT, readWithin } from "./range-wire.ts";

/** "No bound", written out: what is unset would be 1,024, and 3 for retries. Istio does the same (semantics.md 4). */
const UNBOUNDED = 0xffff_ffff;

interface Thresholds {
  readonly limits: ConcurrencyLimits;
  readonly retryBudget: RetryBudgetPolicy | undefined;
}

/** In Envoy a budget puts max_retries out of force, so the bound that an operator asked for takes the budget's place. */
export function circuitBreakersMessage({ limits, retryBudget }: Thresholds): CircuitBreakers {
  const isBudgeted = retryBudget !== undefined && limits.retries === undefined;
  return CircuitBreakers.fromPartial({
    thresholds: [
      {
        priority: RoutingPriority.DEFAULT,
        maxConnections: limits.connections ?? UNBOUNDED,
        maxPendingRequests: limits.pending ?? UNBOUNDED,
        maxRequests: limits.requests ?? UNBOUNDED,
        maxRetries: limits.retries ?? UNBOUNDED,
        ...(isBudgeted ? { retryBudget: budgetMessage(retryBudget) } : {}),
      },
    ],
  });
}

/** The thresholds of the default priority; without any, nothing is bounded but by the proxy's own limits. */
export function readCircuitBreakers(message: CircuitBreakers, path: string, found: Violation[]): Thresholds {
  refuseUnsupported(message, circuitBreakersRules, path, found);
  const index = message.thresholds.findIndex(({ priority }) => priority === RoutingPriority.DEFAULT);
  const thresholds = message.thresholds[index];
  if (thresholds === undefined) return { limits: NO_POLICIES.limits, retryBudget: undefined };
  const at = join(path, `thresholds[${index}]`);
  refuseUnsupported(thresholds, thresholdsRules, at, found);
  const { retryBudget } = thresholds;
  return {
    limits: {
      connections: bound(thresholds.maxConnections ?? ENVOY_THRESHOLD),
      pending: bound(thresholds.maxPendingRequests ?? ENVOY_THRESHOLD),
      requests: bound(thresholds.maxRequests ?? ENVOY_THRESHOLD),
      retries: retryBudget === undefined ? bound(thresholds.maxRetries ?? ENVOY_MAX_RETRIES) : undefined,
    },
    retryBudget: retryBudget === undefined ? undefined : readBudget(retryBudget, join(at, "retry_budget"), found),
  };
}

function bound(threshold: number): number | undefined {
  return threshold === UNBOUNDED ? undefined : threshold;
}

/** Envoy counts retries at once, so a minimum for each second becomes one for each moment; 0 would stop a quiet caller. */
function budgetMessage(budget: RetryBudgetPolicy): RetryBudget {
  return RetryBudget.fromPartial({
    // Rounded, so that 0.28 is 28 and not 28.000000000000004.
    budgetPercent: { value: Math.min(100, Math.round(budget.ratio * 1e8) / 1e6) },
    budgetInterval: encodeDuration(budget.windowMs),
    minRetryConcurrency: Math.max(1, Math.round(budget.minPerSec)),
  });
}

function readBudget(message: RetryBudget, path: string, found: Violation[]): RetryBudgetPolicy {
  refuseUnsupported(message, retryBudgetRules, path, found);
  const percent = message.budgetPercent?.value ?? ENVOY_RETRY_BUDGET_PERCENT;
  return {
    ratio: readWithin(percent, PERCENT, join(path, "budget_percent"), found) / 100,
    minPerSec: message.minRetryConcurrency ?? ENVOY_RETRY_BUDGET_MIN,
    windowMs: readPositiveMs(
      message.budgetInterval,
      ENVOY_RETRY_BUDGET_WINDOW_MS,
      join(path, "budget_interval"),
      found,
    ),
  };
}
