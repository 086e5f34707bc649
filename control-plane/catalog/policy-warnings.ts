import { RETRIABLE_STATUSES } from "../../shared/defaults.ts";
import type { Catalog } from "./catalog.ts";
import { parseCluster } from "./cluster-ref.ts";
import { asksForFault } from "./fault-end.ts";
import { policyGaps } from "./policy-gaps.ts";
import type { ServicePolicy } from "./service-policy.ts";
import { servesShare, usableEndpoints } from "./shares.ts";
import { setting, surprise, unsetting, type Surprise } from "./surprise.ts";

/**
 * What of a policy will surprise, told when it is written and by `heddle check`. `isThere` tells of services that have a
 * proxy, an endpoint or a policy.
 */
export function policyWarnings(
  after: Catalog,
  policy: ServicePolicy,
  isThere: (service: string) => boolean,
): readonly Surprise[] {
  return [
    ...retryWarnings(policy),
    ...policyGaps(policy),
    ...faultWarnings(policy, isThere),
    ...mirrorWarnings(after, policy),
    ...fallbackWarnings(after, policy),
    ...columnsWithoutEffect(policy),
  ];
}

function retryWarnings(policy: ServicePolicy): readonly Surprise[] {
  const found: Surprise[] = [];
  const { perTryTimeoutMs, retryAttempts, timeoutMs } = policy;
  if (perTryTimeoutMs !== null && perTryTimeoutMs * retryAttempts > timeoutMs) {
    const all = perTryTimeoutMs * retryAttempts;
    found.push(
      surprise(
        `its ${retryAttempts} tries of per_try_timeout_ms ${perTryTimeoutMs} take up to ${all} ms, but timeout_ms is ${timeoutMs}: the last tries may be cut short or never made`,
        setting(policy, `--per-try-timeout-ms ${Math.max(1, Math.floor(timeoutMs / retryAttempts))}`),
      ),
    );
  }
  if (policy.retryNonIdempotent) {
    found.push(
      surprise(
        "retry_non_idempotent repeats POST and PATCH: what they do may be done twice",
        unsetting(policy, "retry_non_idempotent"),
      ),
    );
  }
  return found;
}

/** Without a share there is no fault. */
const FAULT_SHARES = ["fault_delay_percent", "fault_abort_percent"];

function faultWarnings(policy: ServicePolicy, isThere: (service: string) => boolean): readonly Surprise[] {
  if (!asksForFault(policy)) {
    const aimed = policy.faultSource !== null || policy.faultHeaderMatch !== null;
    const text = "fault_source and fault_header_match have no effect without a delay or an abort";
    return aimed ? [surprise(text, unsetting(policy, "fault_source", "fault_header_match"))] : [];
  }
  const found: Surprise[] = [];
  if (policy.faultDurationSec === 0) {
    found.push(surprise("its fault has no end (fault_duration_sec 0)", unsetting(policy, ...FAULT_SHARES)));
  }
  if (policy.faultSource !== null && !isThere(policy.faultSource)) {
    found.push(
      surprise(
        `its fault is for calls from ${policy.faultSource}, which has no proxy, no endpoint and no policy: it waits until one is started`,
        `heddle run --service ${policy.faultSource} -- COMMAND`,
      ),
    );
  }
  return found;
}

/** Copies for nobody are lost without a trace. */
function mirrorWarnings(after: Catalog, { mirrorTo }: ServicePolicy): readonly Surprise[] {
  if (mirrorTo === null) return [];
  const { service, version } = parseCluster(mirrorTo);
  const serves = usableEndpoints(after, service).some(
    (row) => version === null || servesShare(row, { name: version, takesUnversioned: version === "v1" }),
  );
  if (serves) return [];
  return [
    surprise(
      `mirror_to ${mirrorTo} has no usable endpoint: copies are thrown away until one is started`,
      `heddle run --service ${service}${version === null ? "" : ` --version ${version}`} -- COMMAND`,
    ),
  ];
}

function fallbackWarnings(after: Catalog, { fallback, fallbackService }: ServicePolicy): readonly Surprise[] {
  if (fallback !== "service" || fallbackService === null) return [];
  if (usableEndpoints(after, fallbackService).length > 0) return [];
  return [
    surprise(
      `fallback_service ${fallbackService} has no usable endpoint: nobody answers in place of this service`,
      `heddle run --service ${fallbackService} -- COMMAND`,
    ),
  ];
}

function columnsWithoutEffect(policy: ServicePolicy): readonly Surprise[] {
  const found: Surprise[] = [];
  const { slowStartSec, lbPolicy, fallback, retryOn } = policy;
  if (slowStartSec > 0 && lbPolicy !== "round_robin" && lbPolicy !== "least_request") {
    found.push(
      surprise(
        `slow_start_sec has no effect with lb_policy ${lbPolicy}: only round_robin and least_request have one`,
        unsetting(policy, "slow_start_sec"),
      ),
    );
  }
  if (fallback === "cached_response") {
    found.push(surprise("fallback cached_response stores answers to GET only: other methods get fallback_body"));
  }
  if (policy.retryStatuses.join() !== RETRIABLE_STATUSES.join() && !retryOn.includes("retriable-status-codes")) {
    found.push(
      surprise(
        "retry_statuses has no effect while retry_on is without retriable-status-codes",
        unsetting(policy, "retry_statuses"),
      ),
    );
  }
  return found;
}
