import { HealthCheck } from "../generated/envoy/config/core/v3/health_check.ts";
import { RequestMethod } from "../generated/envoy/config/core/v3/base.ts";
import { CodecClientType } from "../generated/envoy/type/v3/http.ts";
import type { HealthCheckPolicy } from "../model/cluster-policy.ts";
import { violation, type Violation } from "../violation.ts";
import { healthCheckRules, httpHealthCheckRules } from "./cluster-rules.ts";
import { encodeDuration, readPositiveMs } from "./duration-wire.ts";
import { join, refuseUnsupported } from "./field-rules.ts";

/** What an Envoy shall ask by itself: nothing when only the destination's own proxy asks. */
export function healthCheckMessages(policy: HealthCheckPolicy | undefined): HealthCheck[] {
  if (policy === undefined || policy.by === "proxy") return [];
  return [
    HealthCheck.fromPartial({
      interval: encodeDuration(policy.intervalMs),
      timeout: encodeDuration(policy.timeoutMs),
      unhealthyThreshold: policy.unhealthyThreshold,
      healthyThreshold: policy.healthyThreshold,
      // Without the list only 200 passes.
      healthChecker: {
        $case: "httpHealthCheck",
        value: { path: policy.path, expectedStatuses: [{ start: 200n, end: 300n }] },
      },
    }),
  ];
}

/** The check of a foreign control plane, which the caller itself makes; undefined without one. */
export function readHealthChecks(messages: readonly HealthCheck[], found: Violation[]): HealthCheckPolicy | undefined {
  const [message] = messages;
  if (message === undefined) return undefined;
  if (messages.length > 1) found.push(violation("health_checks", "must not be more than one"));
  const path = "health_checks[0]";
  refuseUnsupported(message, healthCheckRules, path, found);
  return {
    by: "callers",
    path: readPath(message, path, found),
    intervalMs: readPositiveMs(message.interval, undefined, join(path, "interval"), found),
    timeoutMs: readPositiveMs(message.timeout, undefined, join(path, "timeout"), found),
    unhealthyThreshold: readThreshold(message.unhealthyThreshold, join(path, "unhealthy_threshold"), found),
    healthyThreshold: readThreshold(message.healthyThreshold, join(path, "healthy_threshold"), found),
  };
}

/** Required by Envoy, which counts 0 like 1. */
function readThreshold(value: number | undefined, path: string, found: Violation[]): number {
  if (value === undefined) found.push(violation(path, "must be set"));
  return Math.max(1, value ?? 1);
}

function readPath(message: HealthCheck, path: string, found: Violation[]): string {
  const checker = message.healthChecker;
  if (checker?.$case !== "httpHealthCheck") {
    found.push(
      violation(path, `${checker?.$case ?? "no health_checker"} is not supported by Heddle, only http_health_check`),
    );
    return "";
  }
  const at = join(path, "http_health_check");
  const http = checker.value;
  refuseUnsupported(http, httpHealthCheckRules, at, found);
  if (http.path === "") found.push(violation(join(at, "path"), "must not be empty"));
  if (http.method !== RequestMethod.METHOD_UNSPECIFIED && http.method !== RequestMethod.GET) {
    found.push(violation(join(at, "method"), `${http.method} is not GET`));
  }
  if (http.codecClientType !== CodecClientType.HTTP1) {
    found.push(violation(join(at, "codec_client_type"), `${http.codecClientType} is not HTTP1`));
  }
  for (const [index, { start, end }] of http.expectedStatuses.entries()) {
    // A part of 2xx is asked for: all of 2xx passing is the milder test. Anything beyond would take out what shall stay in.
    if (start >= 200n && end <= 300n) continue;
    found.push(violation(join(at, `expected_statuses[${index}]`), `${start}-${end} is not within 200-300`));
  }
  return http.path;
}
