import type { Breaker } from "../generated/heddle/discovery/v1/discovery.ts";
import type { BreakerPolicy } from "../model/cluster-policy.ts";
import type { Violation } from "../violation.ts";
import { encodeDuration, readPositiveMs } from "./duration-wire.ts";
import { join } from "./field-rules.ts";
import { PERCENT, readWithin } from "./range-wire.ts";

export function breakerMessage(policy: BreakerPolicy): Breaker {
  return {
    thresholdPercent: policy.thresholdPercent,
    window: encodeDuration(policy.windowMs),
    samplesMin: policy.samplesMin,
    consecutiveFailures: policy.consecutiveFailures,
    recovery: encodeDuration(policy.recoveryMs),
    recoveryMax: encodeDuration(policy.recoveryMaxMs),
    successes: policy.successes,
  };
}

export function readBreaker(message: Breaker, path: string, found: Violation[]): BreakerPolicy {
  return {
    thresholdPercent: readWithin(message.thresholdPercent, PERCENT, join(path, "threshold_percent"), found),
    windowMs: readPositiveMs(message.window, undefined, join(path, "window"), found),
    samplesMin: message.samplesMin,
    consecutiveFailures: message.consecutiveFailures,
    recoveryMs: readPositiveMs(message.recovery, undefined, join(path, "recovery"), found),
    recoveryMaxMs: readPositiveMs(message.recoveryMax, undefined, join(path, "recovery_max"), found),
    successes: message.successes,
  };
}
