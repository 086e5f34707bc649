import { ENVOY_SLOW_START_MIN_WEIGHT_PERCENT } from "../defaults.ts";
import { Cluster_SlowStartConfig as SlowStartMessage } from "../generated/envoy/config/cluster/v3/cluster.ts";
import type { SlowStartPolicy } from "../model/cluster-policy.ts";
import type { Violation } from "../violation.ts";
import { slowStartRules } from "./cluster-rules.ts";
import { decodeDuration, encodeDuration } from "./duration-wire.ts";
import { join, refuseUnsupported } from "./field-rules.ts";
import { PERCENT, readWithin } from "./range-wire.ts";

export function slowStartMessage(policy: SlowStartPolicy): SlowStartMessage {
  return SlowStartMessage.fromPartial({
    slowStartWindow: encodeDuration(policy.windowMs),
    minWeightPercent: { value: policy.minWeightPercent },
  });
}

/** The same fields stand in lb_config and in the balancers' own messages. No window: off, as in Envoy. */
export function readSlowStart(
  message: SlowStartMessage | undefined,
  path: string,
  found: Violation[],
): SlowStartPolicy | undefined {
  if (message === undefined) return undefined;
  refuseUnsupported(message, slowStartRules, path, found);
  const windowMs = message.slowStartWindow === undefined ? 0 : decodeDuration(message.slowStartWindow);
  if (windowMs <= 0) return undefined;
  const percent = message.minWeightPercent?.value ?? ENVOY_SLOW_START_MIN_WEIGHT_PERCENT;
  return { windowMs, minWeightPercent: readWithin(percent, PERCENT, join(path, "min_weight_percent"), found) };
}
