import {
  TOKEN_LEASE_AHEAD_MS,
  TOKEN_LEASE_MS,
  TOKEN_LEASE_RETRY_MS,
  TOKEN_LEASE_TICK_MS,
} from "../../shared/defaults.ts";
import type { LeaseGrant } from "../../shared/model/token-lease.ts";
import type { TokenBucket, TokenRate } from "../../shared/token-bucket.ts";

/** What was wanted counts half as much after this long. */
const DEMAND_HALF_LIFE_MS = 100;
/** A key that needs less than this many tokens ahead is quiet. */
const QUIET_TOKENS = 0.05;

/**
 * The tokens that this proxy holds of one key of a global limit, and how many it should hold.
 *
 * `tokens` below 0 are owed: requests that passed on credit before their tokens came. What comes pays them first, so in
 * the long run every admitted request has taken a token of the coordinator.
 */
export class TokenLease {
  readonly key: string;
  rate: TokenRate;
  tokens = 0;
  /** Unused ones on their way back. */
  returning = 0;
  /** Looked at by each tick; only SharedRateLimit writes it. */
  isActive = false;
  /** The last wish was not granted whole: the limit is reached, and nothing passes on credit. */
  isExhausted = false;
  /** When there will be a token, as the coordinator said. */
  dueMs = 0;
  #askMs = 0;
  /** While there is no coordinator; only SharedRateLimit writes it, and since when it fills. */
  share: TokenBucket | undefined = undefined;
  shareSinceMs = 0;
  #expiresMs = 0;
  #requests = 0;
  #requestsPerMs = 0;
  #measuredMs: number;

  constructor(key: string, rate: TokenRate, nowMs: number) {
    this.key = key;
    this.rate = rate;
    this.#measuredMs = nowMs;
  }

  // Hot: once per request, admitted or not.
  onRequest(): void {
    this.#requests += 1;
  }

  /** Hot. */
  takeHeld(): boolean {
    if (this.tokens < 1) return false;
    this.tokens -= 1;
    return true;
  }

  /** Takes a token that is still to come, as long as no more than `credit` of them are. Hot. */
  takeOnCredit(credit: number): boolean {
    if (this.isExhausted || this.tokens - 1 < -credit) return false;
    this.tokens -= 1;
    return true;
  }

  /** Follows the demand, and puts what was held for too long on its way back. */
  onTick(nowMs: number): void {
    const passedMs = nowMs - this.#measuredMs;
    if (passedMs > 0) {
      const now = this.#requests / Math.max(passedMs, TOKEN_LEASE_TICK_MS);
      this.#requestsPerMs = Math.max(now, this.#requestsPerMs * 0.5 ** (passedMs / DEMAND_HALF_LIFE_MS));
      this.#requests = 0;
      this.#measuredMs = nowMs;
    }
    if (this.tokens > 0 && nowMs >= this.#expiresMs) {
      this.returning += this.tokens;
      this.tokens = 0;
    }
  }

  /** Tokens to ask for now; 0: none. A lease that is more than half full can wait. */
  lacks(nowMs: number): number {
    if (nowMs < this.#askMs) return 0;
    const target = this.#target;
    return this.tokens <= target / 2 ? target - this.tokens : 0;
  }

  onGranted(asked: number, { granted, waitMs }: LeaseGrant, nowMs: number): void {
    this.tokens += granted;
    if (granted > 0) this.#expiresMs = nowMs + TOKEN_LEASE_MS;
    this.isExhausted = granted < asked;
    this.dueMs = this.isExhausted ? nowMs + waitMs : 0;
    // Others may give back before it is due.
    this.#askMs = this.isExhausted ? nowMs + Math.min(waitMs, TOKEN_LEASE_RETRY_MS) : 0;
  }

  /** Nothing to follow and nothing to settle. */
  isQuiet(nowMs: number): boolean {
    return (
      this.#target === 0 && this.#requests === 0 && this.tokens === 0 && this.returning === 0 && nowMs >= this.#askMs
    );
  }

  /** Who comes back after a while is not met with what was true then. */
  rest(): void {
    this.isActive = false;
    this.isExhausted = false;
  }

  isSpare(nowMs: number): boolean {
    return !this.isActive && (this.share === undefined || this.share.isSpare(nowMs));
  }

  get #target(): number {
    const ahead = this.#requestsPerMs * TOKEN_LEASE_AHEAD_MS;
    return ahead < QUIET_TOKENS ? 0 : Math.min(this.rate.burst, Math.ceil(ahead));
  }
}
