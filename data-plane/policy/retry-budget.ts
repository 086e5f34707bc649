import type { RetryBudgetPolicy } from "../../shared/model/cluster-policy.ts";
import { SlidingSum } from "../../shared/sliding-sum.ts";

/**
 * Retries as a share of the requests of a trailing window, to one service from one proxy (semantics.md 2; Linkerd's budget):
 *
 *     balance = ratio x requests + minPerSec x window - retries
 *
 * A service that fails altogether gets `1 + ratio` times its load, and not as many times as there are attempts; a service
 * with little traffic still gets its few retries. What is counted are whole requests and whole retries, so that the sum is
 * exact however long it runs. It expires with the window: a quiet hour saves nothing up for a storm.
 *
 * Pure: time comes in, and the policy with each call.
 */
export class RetryBudget {
  /** Retries that it refused. */
  refusals = 0;
  readonly #requests = new SlidingSum();
  readonly #retries = new SlidingSum();

  // Hot: once per request. Allocates nothing.
  /** An original request; not a retry of one. */
  deposit(policy: RetryBudgetPolicy, nowMs: number): void {
    this.#requests.add(1, policy.windowMs, nowMs);
  }

  /** Whether one more retry may be made; then it is counted. */
  withdraw(policy: RetryBudgetPolicy, nowMs: number): boolean {
    if (this.balance(policy, nowMs) < 1) {
      this.refusals += 1;
      return false;
    }
    this.#retries.add(1, policy.windowMs, nowMs);
    return true;
  }

  /** Requests and retries of another worker. */
  hear({ windowMs }: RetryBudgetPolicy, requests: number, retries: number, nowMs: number): void {
    this.#requests.add(requests, windowMs, nowMs);
    this.#retries.add(retries, windowMs, nowMs);
  }

  /** Retries that may be made now. Below 0 when requests have expired before the retries that they paid for. */
  balance({ ratio, minPerSec, windowMs }: RetryBudgetPolicy, nowMs: number): number {
    const earned = ratio * this.#requests.sum(windowMs, nowMs) + (minPerSec * windowMs) / 1_000;
    return earned - this.#retries.sum(windowMs, nowMs);
  }
}
