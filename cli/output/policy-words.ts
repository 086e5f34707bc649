import { unreachable } from "../../shared/assert.ts";
import type { ClusterPolicies, FallbackPolicy, OutlierPolicy } from "../../shared/model/cluster-policy.ts";
import type { RateLimitPolicy } from "../../shared/model/rate-limit.ts";
import type { FaultPolicy, RetryPolicy, Route } from "../../shared/model/route.ts";
import { describeHeader } from "./match-words.ts";

/** One policy that is on: its name, and its numbers in a line that can be read aloud. */
export interface PolicyWords {
  readonly policy: string;
  readonly setting: string;
}

/** What protects a cluster; nothing for what is off. */
export function clusterPolicyWords(policies: ClusterPolicies): readonly PolicyWords[] {
  const { breaker, retryBudget, limits, adaptive, outlier, healthCheck, slowStart, fallback } = policies;
  const bounds = Object.entries(limits).filter(([, bound]) => bound !== undefined);
  return present([
    ["breaker", breaker && breakerWords(breaker)],
    [
      "retry-budget",
      retryBudget &&
        `${percent(retryBudget.ratio * 100)} of the requests in ${span(retryBudget.windowMs)}, at least ${retryBudget.minPerSec}/s`,
    ],
    ["limits", bounds.map(([name, bound]) => `${name} ${bound}`).join(", ")],
    ["adaptive", adaptive && `${adaptive.concurrencyMin}-${adaptive.concurrencyMax} requests at once`],
    ["outlier", outlier && outlierWords(outlier)],
    [
      "health-check",
      healthCheck &&
        `GET ${healthCheck.path} every ${span(healthCheck.intervalMs)} by ${healthCheck.by}, ` +
          `out after ${healthCheck.unhealthyThreshold}, back after ${healthCheck.healthyThreshold}`,
    ],
    ["slow-start", slowStart && `from ${percent(slowStart.minWeightPercent)} in ${span(slowStart.windowMs)}`],
    ["fallback", fallback && fallbackWords(fallback)],
  ]);
}

/** What a route does beside choosing where to go. */
export function routePolicyWords({ action, fault, rateLimit }: Route): readonly PolicyWords[] {
  const forward = action.kind === "forward" ? action : undefined;
  const mirrors = forward?.mirrors.map(({ cluster, percent: share }) => `${percent(share)} to ${cluster}`) ?? [];
  return present([
    ["retry", forward?.retry && retryWords(forward.retry)],
    ["mirror", mirrors.join(", ")],
    ["fault", fault && faultWords(fault)],
    ["rate-limit", rateLimit && rateLimitWords(rateLimit)],
  ]);
}

function present(pairs: readonly (readonly [policy: string, setting: string | undefined])[]): readonly PolicyWords[] {
  return pairs.flatMap(([policy, setting]) => (setting === undefined || setting === "" ? [] : [{ policy, setting }]));
}

function breakerWords(breaker: NonNullable<ClusterPolicies["breaker"]>): string {
  const { thresholdPercent, samplesMin, windowMs, consecutiveFailures, recoveryMs, recoveryMaxMs } = breaker;
  const inRow = consecutiveFailures === 0 ? "" : ` or ${consecutiveFailures} in a row`;
  return (
    `opens above ${percent(thresholdPercent)} of ${samplesMin} or more in ${span(windowMs)}${inRow}, ` +
    `for ${span(recoveryMs)} to ${span(recoveryMaxMs)}, closes after ${breaker.successes}`
  );
}

function outlierWords(outlier: OutlierPolicy): string {
  const detectors = [
    outlier.consecutive5xx > 0 ? `${outlier.consecutive5xx} 5xx in a row` : "",
    outlier.consecutiveGateway > 0 ? `${outlier.consecutiveGateway} gateway errors in a row` : "",
    outlier.successRateStdevFactor > 0 ? `${outlier.successRateStdevFactor / 1_000} deviations below the others` : "",
    outlier.failurePercentage > 0 ? `${percent(outlier.failurePercentage)} failed` : "",
  ].filter((detector) => detector !== "");
  const when = detectors.length === 0 ? "never" : detectors.join(" or ");
  return (
    `${when}, out for ${span(outlier.baseEjectionMs)} to ${span(outlier.maxEjectionMs)}, ` +
    `at most ${percent(outlier.maxEjectionPercent)} of the endpoints`
  );
}

function fallbackWords(fallback: FallbackPolicy): string {
  switch (fallback.kind) {
    case "cached-response":
      return `the last good answer, up to ${span(fallback.maxAgeMs)} old${fallback.body === undefined ? "" : ", or a fixed one"}`;
    case "static":
      return "a fixed answer";
    case "service":
      return `to ${fallback.cluster}`;
    default:
      return unreachable(fallback);
  }
}

function retryWords(retry: RetryPolicy): string {
  return [
    `${retry.retries} on ${retry.retryOn.join(" ")}`,
    retry.perTryTimeoutMs === undefined ? "" : `${span(retry.perTryTimeoutMs)} a try`,
    retry.hedgeOnTryTimeout ? "hedged" : "",
    retry.retryAfterMaxMs > 0 ? `Retry-After up to ${span(retry.retryAfterMaxMs)}` : "",
    retry.retryNonIdempotent ? "also what is not idempotent" : "",
  ]
    .filter((part) => part !== "")
    .join(", ");
}

function faultWords({ delay, abort, headers, untilWallMs }: FaultPolicy): string {
  return [
    delay === undefined ? "" : `${percent(delay.percent)} delayed by ${span(delay.ms)}`,
    abort === undefined ? "" : `${percent(abort.percent)} answered ${abort.status}`,
    headers.length === 0 ? "" : `when ${headers.map(describeHeader).join(" and ")}`,
    untilWallMs === undefined ? "" : `until ${new Date(untilWallMs).toISOString()}`,
  ]
    .filter((part) => part !== "")
    .join(", ");
}

export function rateLimitWords({ requests, perMs, burst, by, scope }: RateLimitPolicy): string {
  const whose = by.kind === "header" ? `header ${by.name}` : by.kind;
  return `${requests} in ${span(perMs)}, ${burst} at once, by ${whose}, ${scope}`;
}

function percent(share: number): string {
  return `${Number(share.toFixed(4))}%`;
}

/** Exact, in the unit that needs no point: these are settings, not measurements. */
function span(ms: number): string {
  return ms >= 1_000 && ms % 100 === 0 ? `${ms / 1_000}s` : `${ms}ms`;
}
