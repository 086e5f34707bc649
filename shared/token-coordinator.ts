import { COORDINATED_KEYS_MAX } from "./limits.ts";
import { KeyTable } from "./key-table.ts";
import { TokenBucket, type TokenRate } from "./token-bucket.ts";

/** What is asked for one descriptor of a domain. */
export interface TokenDemand {
  /** Tells the bucket within its domain. */
  readonly key: string;
  readonly tokens: number;
  /** `all`: so many or none (Envoy). `lease`: what there is, up to so many. `return`: they come back. */
  readonly kind: "all" | "lease" | "return";
}

export interface TokenGrant {
  readonly granted: number;
  /** Whether all that was asked was granted. */
  readonly isWhole: boolean;
  /** Whole tokens left. */
  readonly remaining: number;
  /** Until there is a token; 0: there is one. */
  readonly waitMs: number;
}

/**
 * Holds the one bucket of each (domain, key) of the mesh: the exact count behind limits that many proxies share (seed
 * F3.9). A bucket is only in memory: after a restart all are full, which lets through one burst more.
 *
 * At most COORDINATED_KEYS_MAX buckets; beyond it a domain's new keys share one, as in TokenBuckets.
 */
export class TokenCoordinator {
  granted = 0;
  refused = 0;
  readonly #buckets: KeyTable<TokenBucket>;
  /** By domain, of those with a limit. */
  readonly #shared = new Map<string, TokenBucket>();

  constructor(keysMax = COORDINATED_KEYS_MAX) {
    this.#buckets = new KeyTable(keysMax);
  }

  get buckets(): number {
    return this.#buckets.size;
  }

  decide(domain: string, rate: TokenRate, demand: TokenDemand, nowMs: number): TokenGrant {
    const bucket = this.#bucket(domain, demand.key, rate, nowMs);
    const granted = taken(bucket, demand, nowMs);
    const isWhole = demand.kind === "return" || granted === demand.tokens;
    this.granted += granted;
    if (!isWhole) this.refused += demand.tokens - granted;
    return { granted, isWhole, remaining: bucket.remaining(nowMs), waitMs: bucket.waitMs(1, nowMs) };
  }

  #bucket(domain: string, key: string, rate: TokenRate, nowMs: number): TokenBucket {
    // A line feed stands in no domain's name.
    const name = `${domain}\n${key}`;
    const bucket = this.#buckets.get(name) ?? this.#new(domain, name, rate, nowMs);
    bucket.rate = rate;
    return bucket;
  }

  #new(domain: string, name: string, rate: TokenRate, nowMs: number): TokenBucket {
    if (this.#buckets.makeRoom(nowMs)) {
      const bucket = new TokenBucket(rate, nowMs);
      this.#buckets.add(name, bucket);
      return bucket;
    }
    const shared = this.#shared.get(domain) ?? new TokenBucket(rate, nowMs);
    this.#shared.set(domain, shared);
    return shared;
  }

  /** The domain has no limit any more. */
  forget(domain: string): void {
    this.#shared.delete(domain);
  }
}

function taken(bucket: TokenBucket, { kind, tokens }: TokenDemand, nowMs: number): number {
  if (kind === "lease") return bucket.takeUpTo(tokens, nowMs);
  if (kind === "all") return bucket.take(tokens, nowMs) ? tokens : 0;
  bucket.giveBack(tokens, nowMs);
  return 0;
}
