import * as limits from "../../shared/limits.ts";
import type { Problem } from "./read-value.ts";
import type { ServicePolicy } from "./service-policy.ts";

/** The rules between the columns of a ServicePolicy, each being right by itself. */
export function policyProblems(policy: ServicePolicy): readonly Problem[] {
  return [
    ...retryProblems(policy),
    ...orderProblems(policy),
    ...balancingProblems(policy),
    ...rateLimitProblems(policy),
    ...faultProblems(policy),
    ...fallbackProblems(policy),
    ...mirrorProblems(policy),
  ];
}

/** A problem whose sentence begins with the column it is about. */
function problem(path: string, rest: string): Problem {
  return { path, text: `${path} ${rest}` };
}

function retryProblems(policy: ServicePolicy): readonly Problem[] {
  const { perTryTimeoutMs, timeoutMs, hedgeOnPerTryTimeout } = policy;
  const problems: Problem[] = [];
  if (perTryTimeoutMs !== null && perTryTimeoutMs >= timeoutMs) {
    problems.push(
      problem("per_try_timeout_ms", `must be below timeout_ms, ${timeoutMs} ms (got ${perTryTimeoutMs} ms)`),
    );
  }
  if (hedgeOnPerTryTimeout && perTryTimeoutMs === null) {
    problems.push(problem("hedge_on_per_try_timeout", "needs per_try_timeout_ms, after which the next try starts"));
  }
  return problems;
}

/** Two columns of which one bounds the other. */
function orderProblems(policy: ServicePolicy): readonly Problem[] {
  const problems: Problem[] = [];
  if (policy.retryBackoffBaseMs > policy.retryBackoffMaxMs) {
    const words = `must be at most retry_backoff_max_ms, ${policy.retryBackoffMaxMs} ms (got ${policy.retryBackoffBaseMs} ms)`;
    problems.push(problem("retry_backoff_base_ms", words));
  }
  if (policy.outlierMaxEjectionMs < policy.outlierBaseEjectionMs) {
    const words = `must be at least outlier_base_ejection_ms, ${policy.outlierBaseEjectionMs} ms (got ${policy.outlierMaxEjectionMs} ms)`;
    problems.push(problem("outlier_max_ejection_ms", words));
  }
  if (policy.healthCheckTimeoutMs >= policy.healthCheckIntervalMs) {
    const words = `must be below health_check_interval_ms, ${policy.healthCheckIntervalMs} ms (got ${policy.healthCheckTimeoutMs} ms)`;
    problems.push(problem("health_check_timeout_ms", words));
  }
  return problems;
}

function balancingProblems({ hashOn, lbPolicy }: ServicePolicy): readonly Problem[] {
  if (hashOn === null || lbPolicy === "ring_hash" || lbPolicy === "maglev") return [];
  return [problem("hash_on", `needs lb_policy ring_hash or maglev (got ${lbPolicy})`)];
}

function rateLimitProblems({ rateLimitRequests, rateLimitBurst }: ServicePolicy): readonly Problem[] {
  if (rateLimitBurst === null || rateLimitRequests !== null) return [];
  return [problem("rate_limit_burst", "needs rate_limit_requests, without which there is no limit")];
}

/** A share needs what is done to it. The other way round is a fault that is switched off, and may be on again. */
function faultProblems(policy: ServicePolicy): readonly Problem[] {
  const { faultDelayPercent, faultDelayMs, faultAbortPercent, faultAbortStatus } = policy;
  const problems: Problem[] = [];
  if (faultDelayPercent > 0 && faultDelayMs === null) {
    problems.push(
      problem("fault_delay_percent", `needs fault_delay_ms beside it (got ${faultDelayPercent}% of nothing)`),
    );
  }
  if (faultAbortPercent > 0 && faultAbortStatus === null) {
    const words = `needs fault_abort_status beside it (got ${faultAbortPercent}% of nothing)`;
    problems.push(problem("fault_abort_percent", words));
  }
  return problems;
}

function fallbackProblems(policy: ServicePolicy): readonly Problem[] {
  const { fallback, fallbackService, fallbackBody, serviceName } = policy;
  const problems: Problem[] = [];
  if (fallback === "service" && fallbackService === null) {
    problems.push(problem("fallback_service", "is missing: fallback service needs the name of one"));
  }
  if (fallback !== "service" && fallbackService !== null) {
    problems.push(problem("fallback_service", `needs fallback service (got fallback ${fallback})`));
  }
  if (fallbackService === serviceName) {
    problems.push(problem("fallback_service", `must be another service (got ${serviceName}, whose fallback it is)`));
  }
  const bytes = new TextEncoder().encode(fallbackBody).byteLength;
  if (bytes > limits.STATIC_BODY_BYTES_MAX) {
    problems.push(problem("fallback_body", `must be at most ${limits.STATIC_BODY_BYTES_MAX} bytes (got ${bytes})`));
  }
  return problems;
}

/** A version of the service itself is the usual place for copies; the whole of it would get everything twice. */
function mirrorProblems({ mirrorTo, serviceName }: ServicePolicy): readonly Problem[] {
  if (mirrorTo !== serviceName) return [];
  return [problem("mirror_to", `must be another service, or one version such as ${serviceName}/v2 (got ${mirrorTo})`)];
}
