/**
 * How an attempt ended, for whoever judges endpoints and services. Each attempt counts, not each request (seeds.md C19).
 * - `success`: an answer below 500, but for 429.
 * - `error`: a 5xx of the service itself.
 * - `gateway`: 502, 503, 504.
 * - `local`: no answer: not connected, reset, too slow, not HTTP (Envoy's local origin).
 * - `rate-limited`: 429. The service is well and wants less.
 * - `none`: says nothing of the endpoint: the client went away, or a refusal of our own.
 */
export type Verdict = "success" | "error" | "gateway" | "local" | "rate-limited" | "none";

/** A verdict and when it was reached. */
export interface TimedVerdict {
  readonly verdict: Verdict;
  readonly nowMs: number;
}

// Hot: once per attempt.
export function verdictOf(status: number): Verdict {
  if (status < 500) return status === 429 ? "rate-limited" : "success";
  return status >= 502 && status <= 504 ? "gateway" : "error";
}

/** Whether it counts against the service. */
export function isFailure(verdict: Verdict): boolean {
  return verdict === "error" || verdict === "gateway" || verdict === "local";
}
