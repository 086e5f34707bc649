import type { FieldRules } from "./field-rules.ts";

/**
 * Failures to connect are counted together with bad answers here: an endpoint that fails in both ways is taken out
 * sooner than with split counts, never later. Our ejections vary by themselves, end early when a health check passes, and
 * leave one endpoint in use. Outside: 24, plug-ins that decide; 26 only tells degraded endpoints apart, which Heddle uses
 * like healthy ones.
 */
export const outlierRules: FieldRules = {
  read: [
    "consecutive5xx",
    "interval",
    "baseEjectionTime",
    "maxEjectionPercent",
    "enforcingConsecutive5xx",
    "enforcingSuccessRate",
    "successRateMinimumHosts",
    "successRateRequestVolume",
    "successRateStdevFactor",
    "consecutiveGatewayFailure",
    "enforcingConsecutiveGatewayFailure",
    "failurePercentageThreshold",
    "enforcingFailurePercentage",
    "failurePercentageMinimumHosts",
    "failurePercentageRequestVolume",
    "maxEjectionTime",
  ],
  ignored: [
    "splitExternalLocalOriginErrors",
    "consecutiveLocalOriginFailure",
    "enforcingConsecutiveLocalOriginFailure",
    "enforcingLocalOriginSuccessRate",
    "enforcingFailurePercentageLocalOrigin",
    "maxEjectionTimeJitter",
    "successfulActiveHealthCheckUnejectHost",
    "alwaysEjectOneHost",
  ],
  outside: "refuse",
  exceptions: [26],
};
