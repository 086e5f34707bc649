import type { Duration } from "../generated/google/protobuf/duration.ts";
import { violation, type Violation } from "../violation.ts";

/** Kept to a microsecond: below that no timer of ours can tell a difference. */
export function encodeDuration(ms: number): Duration {
  const microseconds = Math.round(ms * 1_000);
  const seconds = Math.trunc(microseconds / 1_000_000);
  return { seconds: BigInt(seconds), nanos: (microseconds - seconds * 1_000_000) * 1_000 };
}

export function decodeDuration(duration: Duration): number {
  return Number(duration.seconds) * 1_000 + duration.nanos / 1_000_000;
}

/** Milliseconds of a field that Envoy, too, wants to be more than 0; `absentMs` when it is unset. */
export function readPositiveMs(
  duration: Duration | undefined,
  absentMs: number | undefined,
  path: string,
  found: Violation[],
): number {
  const ms = duration === undefined ? absentMs : decodeDuration(duration);
  if (ms === undefined) found.push(violation(path, "must be set"));
  else if (ms <= 0) found.push(violation(path, `${ms} ms is not more than 0`));
  return ms ?? 0;
}
