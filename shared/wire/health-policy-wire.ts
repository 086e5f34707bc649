import { type HealthCheck, HealthCheck_By } from "../generated/heddle/discovery/v1/discovery.ts";
import type { HealthCheckPolicy } from "../model/cluster-policy.ts";
import { violation, type Violation } from "../violation.ts";
import { encodeDuration, readPositiveMs } from "./duration-wire.ts";
import { join } from "./field-rules.ts";

const askers = {
  proxy: HealthCheck_By.BY_PROXY,
  callers: HealthCheck_By.BY_CALLERS,
  both: HealthCheck_By.BY_BOTH,
} as const;

/** For Heddle's proxies: with Envoy's message each reader would ask, whoever shall. */
export function healthPolicyMessage(policy: HealthCheckPolicy): HealthCheck {
  return {
    by: askers[policy.by],
    path: policy.path,
    interval: encodeDuration(policy.intervalMs),
    timeout: encodeDuration(policy.timeoutMs),
    unhealthyThreshold: policy.unhealthyThreshold,
    healthyThreshold: policy.healthyThreshold,
  };
}

/** Undefined, with the reason in `found`, when this release does not know who shall ask. */
export function readHealthPolicy(
  message: HealthCheck,
  path: string,
  found: Violation[],
): HealthCheckPolicy | undefined {
  const by = (["proxy", "callers", "both"] as const).find((asker) => askers[asker] === message.by);
  if (by === undefined) {
    found.push(violation(join(path, "by"), `${message.by} is not known to Heddle`));
    return undefined;
  }
  return {
    by,
    path: message.path,
    intervalMs: readPositiveMs(message.interval, undefined, join(path, "interval"), found),
    timeoutMs: readPositiveMs(message.timeout, undefined, join(path, "timeout"), found),
    unhealthyThreshold: message.unhealthyThreshold,
    healthyThreshold: message.healthyThreshold,
  };
}
