/**
 * Why a retry that would have been right was not made:
 * - `retry-limit-exceeded`, `retry-budget`, `retry-overflow`, `circuit-open`: a policy of ours says that it is enough (URX).
 * - `no-time-left`: the deadline would have passed.
 * - `retried-by-caller`: an earlier hop retries.
 * - `told-not-to`: the answer came with x-heddle-overloaded or x-heddle-retried.
 */
export type RetryRefusal =
  | "retry-limit-exceeded"
  | "retry-budget"
  | "retry-overflow"
  | "circuit-open"
  | "no-time-left"
  | "retried-by-caller"
  | "told-not-to";

/** A policy of ours ended the retries: Envoy's URX. */
export function isCutOff(refusal: RetryRefusal | ""): boolean {
  switch (refusal) {
    case "retry-limit-exceeded":
    case "retry-budget":
    case "retry-overflow":
    case "circuit-open":
      return true;
    default:
      return false;
  }
}

/** How often each of them was the reason. */
export class RetryRefusals {
  readonly #counts = new Map<RetryRefusal, number>();

  count(refusal: RetryRefusal): void {
    this.#counts.set(refusal, (this.#counts.get(refusal) ?? 0) + 1);
  }

  entries(): Iterable<readonly [RetryRefusal, number]> {
    return this.#counts;
  }
}
