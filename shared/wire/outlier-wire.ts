import {
  ENVOY_OUTLIER_BASE_EJECTION_MS,
  ENVOY_OUTLIER_CONSECUTIVE,
  ENVOY_OUTLIER_FAILURE_PERCENTAGE,
  ENVOY_OUTLIER_FAILURE_PERCENTAGE_VOLUME,
  ENVOY_OUTLIER_HOSTS_MIN,
  ENVOY_OUTLIER_INTERVAL_MS,
  ENVOY_OUTLIER_MAX_EJECTION_MS,
  ENVOY_OUTLIER_MAX_EJECTION_PERCENT,
  ENVOY_OUTLIER_STDEV_FACTOR,
  ENVOY_OUTLIER_SUCCESS_RATE_VOLUME,
} from "../defaults.ts";
import { OutlierDetection } from "../generated/envoy/config/cluster/v3/outlier_detection.ts";
import type { OutlierPolicy } from "../model/cluster-policy.ts";
import { violation, type Violation } from "../violation.ts";
import { encodeDuration, readPositiveMs } from "./duration-wire.ts";
import { join, refuseUnsupported } from "./field-rules.ts";
import { outlierRules } from "./outlier-rules.ts";
import { PERCENT, readWithin } from "./range-wire.ts";

const ALWAYS = 100;
const NEVER = 0;

/** Every chance to enforce is written out: Envoy enforces some detectors when nothing is said, and others not. */
export function outlierMessage(policy: OutlierPolicy): OutlierDetection {
  const enforced = (threshold: number): number => (threshold === 0 ? NEVER : ALWAYS);
  const set = (threshold: number): number | undefined => (threshold === 0 ? undefined : threshold);
  return OutlierDetection.fromPartial({
    consecutive5xx: set(policy.consecutive5xx),
    enforcingConsecutive5xx: enforced(policy.consecutive5xx),
    consecutiveGatewayFailure: set(policy.consecutiveGateway),
    enforcingConsecutiveGatewayFailure: enforced(policy.consecutiveGateway),
    interval: encodeDuration(policy.intervalMs),
    baseEjectionTime: encodeDuration(policy.baseEjectionMs),
    maxEjectionTime: encodeDuration(policy.maxEjectionMs),
    maxEjectionPercent: policy.maxEjectionPercent,
    successRateStdevFactor: set(policy.successRateStdevFactor),
    enforcingSuccessRate: enforced(policy.successRateStdevFactor),
    successRateMinimumHosts: policy.hostsMin,
    successRateRequestVolume: policy.volumeMin,
    failurePercentageThreshold: set(policy.failurePercentage),
    enforcingFailurePercentage: enforced(policy.failurePercentage),
    failurePercentageMinimumHosts: policy.hostsMin,
    failurePercentageRequestVolume: policy.volumeMin,
    // These three count only with split_external_local_origin_errors; said all the same, so that nothing is left open.
    enforcingConsecutiveLocalOriginFailure: NEVER,
    enforcingLocalOriginSuccessRate: NEVER,
    enforcingFailurePercentageLocalOrigin: NEVER,
  });
}

/** Unset fields have Envoy's defaults (xds.md 2.22). */
export function readOutlier(message: OutlierDetection, path: string, found: Violation[]): OutlierPolicy {
  refuseUnsupported(message, outlierRules, path, found);
  const at = (field: string): string => join(path, field);
  const by5xx = isEnforced(message.enforcingConsecutive5xx ?? ALWAYS, at("enforcing_consecutive_5xx"), found);
  const byGateway = isEnforced(
    message.enforcingConsecutiveGatewayFailure ?? NEVER,
    at("enforcing_consecutive_gateway_failure"),
    found,
  );
  const baseEjectionMs = readPositiveMs(
    message.baseEjectionTime,
    ENVOY_OUTLIER_BASE_EJECTION_MS,
    at("base_ejection_time"),
    found,
  );
  const maxAbsentMs = Math.max(ENVOY_OUTLIER_MAX_EJECTION_MS, baseEjectionMs);
  if (message.splitExternalLocalOriginErrors && !by5xx) {
    found.push(
      violation(at("split_external_local_origin_errors"), "needs consecutive_5xx: Heddle counts both together"),
    );
  }
  return {
    consecutive5xx: by5xx ? (message.consecutive5xx ?? ENVOY_OUTLIER_CONSECUTIVE) : 0,
    consecutiveGateway: byGateway ? (message.consecutiveGatewayFailure ?? ENVOY_OUTLIER_CONSECUTIVE) : 0,
    intervalMs: readPositiveMs(message.interval, ENVOY_OUTLIER_INTERVAL_MS, at("interval"), found),
    baseEjectionMs,
    maxEjectionMs: readPositiveMs(message.maxEjectionTime, maxAbsentMs, at("max_ejection_time"), found),
    maxEjectionPercent: readWithin(
      message.maxEjectionPercent ?? ENVOY_OUTLIER_MAX_EJECTION_PERCENT,
      PERCENT,
      at("max_ejection_percent"),
      found,
    ),
    ...readStatistics(message, path, found),
  };
}

/** Our two statistical detectors share their minimums: where Envoy's differ, the larger one ejects later for both. */
function readStatistics(
  message: OutlierDetection,
  path: string,
  found: Violation[],
): Pick<OutlierPolicy, "successRateStdevFactor" | "failurePercentage" | "hostsMin" | "volumeMin"> {
  const byRate = isEnforced(message.enforcingSuccessRate ?? ALWAYS, join(path, "enforcing_success_rate"), found);
  const byShare = isEnforced(
    message.enforcingFailurePercentage ?? NEVER,
    join(path, "enforcing_failure_percentage"),
    found,
  );
  const larger = (ofRate: number, ofShare: number): number => {
    if (byRate === byShare) return Math.max(ofRate, ofShare);
    return byRate ? ofRate : ofShare;
  };
  const share = message.failurePercentageThreshold ?? ENVOY_OUTLIER_FAILURE_PERCENTAGE;
  const threshold = readWithin(share, PERCENT, join(path, "failure_percentage_threshold"), found);
  return {
    successRateStdevFactor: byRate ? (message.successRateStdevFactor ?? ENVOY_OUTLIER_STDEV_FACTOR) : 0,
    failurePercentage: byShare ? threshold : 0,
    hostsMin: larger(
      message.successRateMinimumHosts ?? ENVOY_OUTLIER_HOSTS_MIN,
      message.failurePercentageMinimumHosts ?? ENVOY_OUTLIER_HOSTS_MIN,
    ),
    volumeMin: larger(
      message.successRateRequestVolume ?? ENVOY_OUTLIER_SUCCESS_RATE_VOLUME,
      message.failurePercentageRequestVolume ?? ENVOY_OUTLIER_FAILURE_PERCENTAGE_VOLUME,
    ),
  };
}

/** Ejecting by chance is refused: an operator who watches one proxy could not tell whether the policy works. */
function isEnforced(percent: number, path: string, found: Violation[]): boolean {
  if (percent !== NEVER && percent !== ALWAYS) {
    found.push(violation(path, `${percent} is neither 0 nor 100: Heddle enforces a detector always or never`));
  }
  return percent !== NEVER;
}
