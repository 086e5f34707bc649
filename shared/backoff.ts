/**
 * How long to wait before try number `attempt` (1 is the first retry), with full jitter: uniform in
 * [0, min(maxMs, baseMs * 2^(attempt-1))). Full jitter spreads a herd best
 * (AWS Architecture Blog, "Exponential Backoff And Jitter"); Envoy does the same for retries.
 */
export function fullJitterMs(attempt: number, baseMs: number, maxMs: number, unit: number): number {
  const exponent = Math.min(attempt - 1, 30);
  return Math.min(maxMs, baseMs * 2 ** exponent) * unit;
}

/** Like {@link fullJitterMs}, but never below `floorMs`: for reconnects, where 0 would hammer a dead server. */
export function jitterAboveMs(attempt: number, floorMs: number, maxMs: number, unit: number): number {
  const ceiling = Math.min(maxMs, floorMs * 2 ** Math.min(attempt, 30));
  return floorMs + (ceiling - floorMs) * unit;
}
