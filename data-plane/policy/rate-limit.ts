import type { TokenRate } from "../../shared/token-bucket.ts";
import { TokenBuckets } from "../../shared/token-buckets.ts";

/** Admitted; any other answer is how many milliseconds it takes until it is worth another try. */
export const ADMITTED = 0;

/** Decides about the requests of one limit, whoever keeps its tokens. Never waits. */
export interface RateLimit {
  /** Requests that passed, and that did not. */
  readonly allowed: number;
  readonly limited: number;
  /** Keys with a state of their own. */
  readonly keys: number;
  /** {@link ADMITTED}, or the milliseconds to wait, above 0. `key` says whose tokens are taken. Hot. */
  admit(key: string, rate: TokenRate, nowMs: number): number;
  /** Another worker has admitted `requests` of them. */
  hear(key: string, rate: TokenRate, requests: number, nowMs: number): void;
}

/** A limit that this proxy keeps alone. */
export class LocalRateLimit implements RateLimit {
  allowed = 0;
  limited = 0;
  readonly #buckets: TokenBuckets;

  constructor(keysMax?: number) {
    this.#buckets = new TokenBuckets(keysMax);
  }

  get keys(): number {
    return this.#buckets.size;
  }

  admit(key: string, rate: TokenRate, nowMs: number): number {
    const bucket = this.#buckets.of(key, rate, nowMs);
    if (bucket.take(1, nowMs)) {
      this.allowed += 1;
      return ADMITTED;
    }
    this.limited += 1;
    return bucket.waitMs(1, nowMs);
  }

  hear(key: string, rate: TokenRate, requests: number, nowMs: number): void {
    this.#buckets.of(key, rate, nowMs).spend(requests, nowMs);
  }
}
