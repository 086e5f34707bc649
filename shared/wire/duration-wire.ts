import type { Duration } from "../generated/google/protobuf/duration.ts";

/** Kept to a microsecond: below that no timer of ours can tell a difference. */
export function encodeDuration(ms: number): Duration {
  const microseconds = Math.round(ms * 1_000);
  const seconds = Math.trunc(microseconds / 1_000_000);
  return { seconds: BigInt(seconds), nanos: (microseconds - seconds * 1_000_000) * 1_000 };
}

export function decodeDuration(duration: Duration): number {
  return Number(duration.seconds) * 1_000 + duration.nanos / 1_000_000;
}
