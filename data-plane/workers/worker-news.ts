import type { BreakerView } from "../policy/circuit-breaker.ts";
import type { EjectionReason } from "../policy/outlier-detector.ts";
import type { Verdict } from "../policy/verdict.ts";

/** What one worker met that the others must know to decide alike. Plain data: it goes from thread to thread. */
export interface News {
  readonly attempts: readonly AttemptNews[];
  readonly breakers: readonly BreakerNews[];
  readonly ejections: readonly EjectionNews[];
  readonly budgets: readonly BudgetNews[];
  readonly tokens: readonly TokenNews[];
}

/** How attempts at one endpoint went, in their order. */
export interface AttemptNews {
  readonly cluster: string;
  readonly endpoint: string;
  readonly verdicts: Verdict[];
}

/** A circuit breaker that changed, or tried a probe. */
export interface BreakerNews {
  readonly service: string;
  readonly view: BreakerView;
}

/** An endpoint that was ejected for so long. */
export interface EjectionNews {
  readonly cluster: string;
  readonly endpoint: string;
  readonly reason: EjectionReason;
  readonly forMs: number;
}

/** What requests paid for retries, and retries took, by the budget of a cluster's service. */
export interface BudgetNews {
  readonly cluster: string;
  requests: number;
  retries: number;
}

/** Tokens that requests took from a bucket of a rate limit. */
export interface TokenNews {
  readonly limit: string;
  readonly key: string;
  count: number;
}

/** Entries of one message; what comes then goes with the next. */
const ENTRIES_MAX = 1_000;

/**
 * Gathers news until they are posted. Attempts at an endpoint stand together, so that a message is as long as there are
 * endpoints and not as there are requests.
 */
export class NewsDesk {
  /** cluster -> endpoint. */
  readonly #attempts = new Map<string, Map<string, AttemptNews>>();
  #attemptCount = 0;
  readonly #breakers = new Map<string, BreakerView>();
  readonly #ejections: EjectionNews[] = [];
  readonly #budgets = new Map<string, BudgetNews>();
  /** limit -> key. */
  readonly #tokens = new Map<string, Map<string, TokenNews>>();
  #tokenCount = 0;

  get isEmpty(): boolean {
    return (
      this.#attemptCount === 0 &&
      this.#breakers.size + this.#ejections.length + this.#budgets.size === 0 &&
      this.#tokenCount === 0
    );
  }

  /** No more entries should be added before it is emptied. */
  get isFull(): boolean {
    return this.#attemptCount + this.#tokenCount >= ENTRIES_MAX;
  }

  // Hot: once per attempt, two look-ups.
  onAttempt(cluster: string, endpoint: string, verdict: Verdict): void {
    const byEndpoint = obtain(this.#attempts, cluster, () => new Map<string, AttemptNews>());
    obtain(byEndpoint, endpoint, () => ({ cluster, endpoint, verdicts: [] })).verdicts.push(verdict);
    this.#attemptCount += 1;
  }

  /** The last view of a moment is the one that counts. */
  onBreaker(service: string, view: BreakerView): void {
    this.#breakers.set(service, view);
  }

  onEjection(ejection: EjectionNews): void {
    this.#ejections.push(ejection);
  }

  // Hot: once per request of a cluster with a budget.
  onBudget(cluster: string, requests: number, retries: number): void {
    const budget = obtain(this.#budgets, cluster, () => ({ cluster, requests: 0, retries: 0 }));
    budget.requests += requests;
    budget.retries += retries;
  }

  // Hot: once per request of a limited route, two look-ups.
  onToken(limit: string, key: string): void {
    const byKey = obtain(this.#tokens, limit, () => new Map<string, TokenNews>());
    obtain(byKey, key, () => ({ limit, key, count: 0 })).count += 1;
    this.#tokenCount += 1;
  }

  take(): News {
    const news: News = {
      attempts: [...this.#attempts.values()].flatMap((byEndpoint) => [...byEndpoint.values()]),
      breakers: [...this.#breakers].map(([service, view]) => ({ service, view })),
      ejections: this.#ejections.splice(0),
      budgets: [...this.#budgets.values()],
      tokens: [...this.#tokens.values()].flatMap((byKey) => [...byKey.values()]),
    };
    this.#attempts.clear();
    this.#breakers.clear();
    this.#budgets.clear();
    this.#tokens.clear();
    this.#attemptCount = 0;
    this.#tokenCount = 0;
    return news;
  }
}

function obtain<V>(map: Map<string, V>, key: string, make: () => V): V {
  const known = map.get(key);
  if (known !== undefined) return known;
  const made = make();
  map.set(key, made);
  return made;
}
