import { RETRIABLE_STATUSES } from "../../shared/defaults.ts";
import type { Catalog } from "./catalog.ts";
import { parseCluster } from "./cluster-ref.ts";
import { asksForFault } from "./fault-end.ts";
import type { ServicePolicy } from "./service-policy.ts";
import { servesShare, usableEndpoints } from "./shares.ts";

/**
 * What of a policy will surprise: right by itself, and seldom meant. Sentences without the name of the row.
 * `isThere` tells of services that have a proxy, an endpoint or a policy.
 */
export function policyWarnings(
  after: Catalog,
  policy: ServicePolicy,
  isThere: (service: string) => boolean,
): readonly string[] {
  return [
    ...retryWarnings(policy),
    ...faultWarnings(policy, isThere),
    ...mirrorWarnings(after, policy),
    ...columnsWithoutEffect(policy),
  ];
}

function retryWarnings(policy: ServicePolicy): readonly string[] {
  const warnings: string[] = [];
  const { perTryTimeoutMs, retryAttempts, timeoutMs } = policy;
  if (perTryTimeoutMs !== null && perTryTimeoutMs * retryAttempts > timeoutMs) {
    const all = perTryTimeoutMs * retryAttempts;
    warnings.push(
      `its ${retryAttempts} tries of per_try_timeout_ms ${perTryTimeoutMs} take up to ${all} ms, but timeout_ms is ${timeoutMs}: the last tries may be cut short or never made`,
    );
  }
  if (policy.retryNonIdempotent) {
    warnings.push("retry_non_idempotent repeats POST and PATCH: what they do may be done twice");
  }
  return warnings;
}

function faultWarnings(policy: ServicePolicy, isThere: (service: string) => boolean): readonly string[] {
  if (!asksForFault(policy)) {
    const aimed = policy.faultSource !== null || policy.faultHeaderMatch !== null;
    return aimed ? ["fault_source and fault_header_match have no effect without a delay or an abort"] : [];
  }
  const warnings: string[] = [];
  if (policy.faultDurationSec === 0) {
    warnings.push(
      `its fault has no end: take it away with heddle policy set ${policy.serviceName} --unset fault-delay-percent --unset fault-delay-ms --unset fault-abort-percent --unset fault-abort-status`,
    );
  }
  if (policy.faultSource !== null && !isThere(policy.faultSource)) {
    warnings.push(
      `its fault is for calls from ${policy.faultSource}, which has no proxy, no endpoint and no policy: it waits until one is started`,
    );
  }
  return warnings;
}

/** Copies for nobody are lost without a trace. */
function mirrorWarnings(after: Catalog, { mirrorTo }: ServicePolicy): readonly string[] {
  if (mirrorTo === null) return [];
  const { service, version } = parseCluster(mirrorTo);
  const serves = usableEndpoints(after, service).some(
    (row) => version === null || servesShare(row, { name: version, takesUnversioned: version === "v1" }),
  );
  return serves ? [] : [`mirror_to ${mirrorTo} has no usable endpoint: copies are thrown away until one is started`];
}

function columnsWithoutEffect(policy: ServicePolicy): readonly string[] {
  const warnings: string[] = [];
  const { slowStartSec, lbPolicy, fallback, retryOn } = policy;
  if (slowStartSec > 0 && lbPolicy !== "round_robin" && lbPolicy !== "least_request") {
    warnings.push(
      `slow_start_sec has no effect with lb_policy ${lbPolicy}: only round_robin and least_request have one`,
    );
  }
  if (fallback === "cached_response") {
    warnings.push("fallback cached_response stores answers to GET only: other methods get fallback_body");
  }
  if (policy.retryStatuses.join() !== RETRIABLE_STATUSES.join() && !retryOn.includes("retriable-status-codes")) {
    warnings.push("retry_statuses has no effect while retry_on is without retriable-status-codes");
  }
  return warnings;
}
