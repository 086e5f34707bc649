import { RATE_LIMIT_KEYS_MAX } from "./limits.ts";
import { KeyTable } from "./key-table.ts";
import { TokenBucket, type TokenRate } from "./token-bucket.ts";

/**
 * A bucket for each key, at most RATE_LIMIT_KEYS_MAX. A full bucket can be forgotten and nobody notices; when all are in
 * use, new keys share one bucket. So a client that makes up keys gets no more than that one beside those it has, and takes nothing from others
 * that are known.
 */
export class TokenBuckets {
  readonly #buckets: KeyTable<TokenBucket>;
  #shared: TokenBucket | undefined = undefined;

  constructor(keysMax = RATE_LIMIT_KEYS_MAX) {
    this.#buckets = new KeyTable(keysMax);
  }

  get size(): number {
    return this.#buckets.size;
  }

  /** The bucket of that key, which fills by `rate` from now on. Hot: one look-up for a known key. */
  of(key: string, rate: TokenRate, nowMs: number): TokenBucket {
    const known = this.#buckets.get(key);
    if (known === undefined) return this.#new(key, rate, nowMs);
    known.rate = rate;
    return known;
  }

  #new(key: string, rate: TokenRate, nowMs: number): TokenBucket {
    if (!this.#buckets.makeRoom(nowMs)) {
      this.#shared ??= new TokenBucket(rate, nowMs);
      this.#shared.rate = rate;
      return this.#shared;
    }
    const bucket = new TokenBucket(rate, nowMs);
    this.#buckets.add(ownCopy(key), bucket);
    return bucket;
  }
}

/** A part of a string keeps the whole of it: the key must not hold on to the head it came in. */
function ownCopy(key: string): string {
  return Buffer.from(key, "utf8").toString("utf8");
}
