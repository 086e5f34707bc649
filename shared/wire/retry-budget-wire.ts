import type { RetryBudget } from "../generated/heddle/discovery/v1/discovery.ts";
import type { RetryBudgetPolicy } from "../model/cluster-policy.ts";
import type { Violation } from "../violation.ts";
import { encodeDuration, readPositiveMs } from "./duration-wire.ts";
import { join } from "./field-rules.ts";
import { ANY_COUNT, readWithin } from "./range-wire.ts";

/** The exact numbers, for Heddle's proxies; thresholds-wire.ts writes the nearest that Envoy can count. */
export function budgetMessage({ ratio, minPerSec, windowMs }: RetryBudgetPolicy): RetryBudget {
  return { ratio, minPerSec, window: encodeDuration(windowMs) };
}

export function readBudget(message: RetryBudget, path: string, found: Violation[]): RetryBudgetPolicy {
  return {
    ratio: readWithin(message.ratio, ANY_COUNT, join(path, "ratio"), found),
    minPerSec: readWithin(message.minPerSec, ANY_COUNT, join(path, "min_per_sec"), found),
    windowMs: readPositiveMs(message.window, undefined, join(path, "window"), found),
  };
}
