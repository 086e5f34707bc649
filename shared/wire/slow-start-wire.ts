import { ENVOY_SLOW_START_MIN_WEIGHT_PERCENT } from "../defaults.ts";
import { Cluster_SlowStartConfig as SlowStartMessage } from "../generated/envoy/config/cluster/v3/cluster.ts";
import type { SlowStartPolicy } from "../model/cluster-policy.ts";
import type { Violation } from "../violation.ts";
import { slowStartRules } from "./cluster-rules.ts";
import { decodeDuration, encodeDuration } from "./duration-wire.ts";
import { refuseUnsupported } from "./field-rules.ts";

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
  return { windowMs, minWeightPercent: message.minWeightPercent?.value ?? ENVOY_SLOW_START_MIN_WEIGHT_PERCENT };
}
