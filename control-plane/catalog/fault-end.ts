import type { FaultColumns, ServicePolicy } from "./service-policy.ts";

/** The columns that say what a fault does. A change of one of them begins it anew. */
const COLUMNS = [
  "faultDelayPercent",
  "faultDelayMs",
  "faultAbortPercent",
  "faultAbortStatus",
  "faultSource",
  "faultHeaderMatch",
  "faultDurationSec",
] as const satisfies readonly (keyof FaultColumns)[];

/** Whether a policy asks for a fault, over or not. */
export function asksForFault(policy: FaultColumns): boolean {
  return policy.faultDelayPercent > 0 || policy.faultAbortPercent > 0;
}

/** Whether a policy's fault is to be injected at this moment, in Unix milliseconds. */
export function isFaultOn(policy: FaultColumns, nowWallMs: number): boolean {
  return asksForFault(policy) && (policy.faultUntil === null || Date.parse(policy.faultUntil) > nowWallMs);
}

/**
 * When the fault of a row that is put at `now` and asks for one ends; null for never.
 *
 * - A row that is put again as it stands begins its fault anew (`isRepeated`).
 * - A row of which other columns change keeps the end of its fault: to change a timeout must not bring back a fault
 *   that is over.
 * - A row from an older revision comes with the end that it had: a rollback must not bring one back either.
 */
export function faultUntil(
  put: ServicePolicy,
  before: ServicePolicy | undefined,
  now: string,
  isRepeated: boolean,
): string | null {
  if (put.faultDurationSec === 0) return null;
  if (put.faultUntil !== null) return put.faultUntil;
  if (before !== undefined && !isRepeated && isSameFault(before, put)) return before.faultUntil;
  return new Date(Date.parse(now) + put.faultDurationSec * 1_000).toISOString();
}

function isSameFault(a: ServicePolicy, b: ServicePolicy): boolean {
  return COLUMNS.every((column) => JSON.stringify(a[column]) === JSON.stringify(b[column]));
}
