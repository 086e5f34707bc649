/** How a bucket fills. `burst` is its size, 1 or more, else nothing would ever pass. */
export interface TokenRate {
  readonly tokensPerMs: number;
  readonly burst: number;
}

/** Sums of fractions of tokens are off by less: what is due at a moment is there at that moment. */
const ROUNDING = 1e-6;

/**
 * A token bucket (Envoy's TokenBucket, seed F3.9): fills continuously up to its size, and starts full unless told
 * otherwise. In any time t at most `burst + tokensPerMs * t` tokens leave it.
 *
 * Pure: time comes in. A clock that runs backwards fills nothing.
 */
export class TokenBucket {
  /** May be replaced at any time; what is above the new size is lost. */
  rate: TokenRate;
  #tokens: number;
  #atMs: number;

  constructor(rate: TokenRate, nowMs: number, tokens = rate.burst) {
    this.rate = rate;
    this.#tokens = tokens;
    this.#atMs = nowMs;
  }

  /** All of them, or none. Hot. */
  take(count: number, nowMs: number): boolean {
    this.#fill(nowMs);
    if (this.#tokens + ROUNDING < count) return false;
    this.#tokens -= count;
    return true;
  }

  /** Somebody else has taken so many of them, whether they were there or not: what is lacking has to come first. */
  spend(count: number, nowMs: number): void {
    this.#fill(nowMs);
    this.#tokens -= count;
  }

  /** As many whole ones as there are, at most `count`. */
  takeUpTo(count: number, nowMs: number): number {
    this.#fill(nowMs);
    const taken = Math.min(count, this.#whole());
    this.#tokens -= taken;
    return taken;
  }

  giveBack(count: number, nowMs: number): void {
    this.#fill(nowMs);
    this.#tokens = Math.min(this.rate.burst, this.#tokens + count);
  }

  /** With fractions, and below 0 for one that began so. */
  balance(nowMs: number): number {
    this.#fill(nowMs);
    return this.#tokens;
  }

  /** Whole tokens in it. */
  remaining(nowMs: number): number {
    this.#fill(nowMs);
    return this.#whole();
  }

  /** Until so many are in it; Infinity when they never fit. */
  waitMs(count: number, nowMs: number): number {
    this.#fill(nowMs);
    if (count > this.rate.burst) return Infinity;
    const lacking = count - this.#tokens;
    return lacking <= ROUNDING ? 0 : lacking / this.rate.tokensPerMs;
  }

  /** Nothing is lost with it: a new one is full, too. */
  isSpare(nowMs: number): boolean {
    this.#fill(nowMs);
    return this.#tokens + ROUNDING >= this.rate.burst;
  }

  #whole(): number {
    return Math.max(0, Math.floor(this.#tokens + ROUNDING));
  }

  #fill(nowMs: number): void {
    const passedMs = nowMs - this.#atMs;
    const { tokensPerMs, burst } = this.rate;
    if (passedMs > 0) {
      this.#tokens += passedMs * tokensPerMs;
      this.#atMs = nowMs;
    }
    if (this.#tokens > burst) this.#tokens = burst;
  }
}
