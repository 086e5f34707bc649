/**
 * How long to wait before try number `attempt` (1 is the first retry), with full jitter: uniform in
 * [0, min(maxMs, baseMs * 2^(attempt-1))). Full jitter spreads a herd best
 * (AWS Architecture Blog, "Exponential Backoff And Jitter"); Envoy does the same for retries.
 */
export function fullJitterMs(attempt: number, baseMs: number, maxMs: number, unit: number): number {
  const exponent = Math.min(attempt - 1, 30);
  return Math.min(maxMs, baseMs * 2 ** exponent) * unit;
}

/** Slower than doubling: whoever has waited for a while waits a fraction of that while again, not as long again. */
const RECONNECT_GROWTH = 1.5;

/**
 * Like {@link fullJitterMs}, but never below `floorMs`: for reconnects, where 0 would hammer a dead server. After an
 * outage of T most are back within T/3, and at most `maxMs` pass.
 */
export function jitterAboveMs(attempt: number, floorMs: number, maxMs: number, unit: number): number {
  const ceiling = Math.min(maxMs, floorMs * RECONNECT_GROWTH ** Math.min(attempt, 60));
  return floorMs + (ceiling - floorMs) * unit;
}
