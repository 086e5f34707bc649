import { KeyTable } from "../../shared/key-table.ts";
import { RATE_LIMIT_DESCRIPTORS_MAX, RATE_LIMIT_KEYS_MAX } from "../../shared/limits.ts";
import { TOKEN_LEASE_RETRY_MS } from "../../shared/defaults.ts";
import type { LeaseGrant, LeaseWish } from "../../shared/model/token-lease.ts";
import { TokenBucket, type TokenRate } from "../../shared/token-bucket.ts";
import { ADMITTED, type RateLimit } from "./rate-limit.ts";
import { TokenLease } from "./token-lease.ts";

/** The key of all that there is no room for. */
const OTHERS = "*";

/**
 * A limit that all proxies of a service share. The coordinator in the control plane holds the one bucket of each key; this
 * proxy takes blocks of its tokens ahead of need, so that a request never waits for it.
 *
 *     unknown ──(an answer)──▶ present ──(a call fails)──▶ gone ──(an answer)──▶ present
 *
 * - present, unknown: a request takes a leased token. Without one it passes on credit, up to the share of this proxy in
 *   the burst, unless the coordinator said that the limit is reached; the next lease pays for it first.
 * - gone: what is held is used up; then each proxy goes on with its share, the limit divided by the number of proxies,
 *   which starts empty. Before any coordinator ever answered, `failOpen` decides.
 *
 * Invariant, whatever the demand: from any moment on, all proxies together admit no more than `burst + rate x t`, plus what
 * they held at that moment, plus what they owe at the end (each at most `burst`, and `max(1, burst / proxies)`). When
 * the coordinator dies, this still holds with `burst + proxies` for the shares. One that starts anew begins with full
 * buckets: one burst more.
 */
export class SharedRateLimit implements RateLimit {
  allowed = 0;
  limited = 0;
  /** Tokens that came, and calls that failed. */
  leased = 0;
  failures = 0;
  /** Proxies that share the limit, this one included; 1 or more. */
  proxies = 1;
  failOpen = true;
  coordinator: "unknown" | "present" | "gone" = "unknown";
  readonly #leases: KeyTable<TokenLease>;
  #active: TokenLease[] = [];
  #others: TokenLease | undefined = undefined;
  #goneMs = 0;
  /** A coordinator has answered before one was gone. */
  #hasShares = false;

  constructor(keysMax = RATE_LIMIT_KEYS_MAX) {
    this.#leases = new KeyTable(keysMax);
  }

  get keys(): number {
    return this.#leases.size;
  }

  /** Tokens at hand, of all keys. */
  get held(): number {
    return this.#active.reduce((sum, { tokens, returning }) => sum + Math.max(0, tokens) + returning, 0);
  }

  /** Requests that passed on credit and are not paid for. */
  get owed(): number {
    return this.#active.reduce((sum, { tokens }) => sum + Math.max(0, -tokens), 0);
  }

  admit(key: string, rate: TokenRate, nowMs: number): number {
    const lease = this.#leases.get(key) ?? this.#new(key, rate, nowMs);
    lease.rate = rate;
    lease.onRequest();
    if (!lease.isActive) {
      lease.isActive = true;
      this.#active.push(lease);
    }
    if (lease.takeHeld() || this.#takeWithout(lease, nowMs)) {
      this.allowed += 1;
      return ADMITTED;
    }
    this.limited += 1;
    return this.#waitMs(lease, nowMs);
  }

  /** The other has leases of its own: what it admits was granted to it. */
  hear(): void {}

  /**
   * What to ask the coordinator for, now and in one call; nothing unless `mayAsk`. Of more than fit, those that waited
   * longest come first.
   */
  onTick(nowMs: number, mayAsk: boolean): readonly LeaseWish[] {
    const wishes: LeaseWish[] = [];
    const waiting: TokenLease[] = [];
    const asking: TokenLease[] = [];
    for (const lease of this.#active) {
      lease.onTick(nowMs);
      const before = wishes.length;
      // A lease may have two wishes: what it gives back, and what it lacks.
      if (mayAsk && before + 2 <= RATE_LIMIT_DESCRIPTORS_MAX) wish(lease, nowMs, wishes);
      if (wishes.length > before) asking.push(lease);
      else if (lease.isQuiet(nowMs)) lease.rest();
      else waiting.push(lease);
    }
    this.#active = waiting.concat(asking);
    return wishes;
  }

  /** In the order of the wishes. */
  onGranted(wishes: readonly LeaseWish[], grants: readonly LeaseGrant[], nowMs: number): void {
    if (this.coordinator === "gone") this.#endShares(nowMs);
    this.coordinator = "present";
    for (const [index, { key, tokens }] of wishes.entries()) {
      const grant = grants[index];
      if (tokens < 0 || grant === undefined) continue;
      this.leased += grant.granted;
      this.#known(key)?.onGranted(tokens, grant, nowMs);
    }
  }

  onFailed(nowMs: number): void {
    this.failures += 1;
    if (this.coordinator === "gone") return;
    if (this.coordinator === "present") this.#hasShares = true;
    this.coordinator = "gone";
    this.#goneMs = nowMs;
  }

  #takeWithout(lease: TokenLease, nowMs: number): boolean {
    if (this.coordinator !== "gone") return lease.takeOnCredit(this.#credit(lease.rate));
    return this.#hasShares ? this.#share(lease).take(1, nowMs) : this.failOpen;
  }

  #waitMs(lease: TokenLease, nowMs: number): number {
    if (this.coordinator !== "gone") return lease.dueMs > nowMs ? lease.dueMs - nowMs : 1 / lease.rate.tokensPerMs;
    return this.#hasShares ? this.#share(lease).waitMs(1, nowMs) : TOKEN_LEASE_RETRY_MS;
  }

  #credit({ burst }: TokenRate): number {
    return Math.max(1, Math.floor(burst / this.proxies));
  }

  /** Fills from when the coordinator was gone; what the key owes comes off first. */
  #share(lease: TokenLease): TokenBucket {
    const { tokensPerMs, burst } = lease.rate;
    const rate = { tokensPerMs: tokensPerMs / this.proxies, burst: Math.max(1, burst / this.proxies) };
    if (lease.share === undefined || lease.shareSinceMs !== this.#goneMs) {
      lease.share = new TokenBucket(rate, this.#goneMs, Math.min(0, lease.tokens));
      lease.shareSinceMs = this.#goneMs;
      lease.tokens = Math.max(0, lease.tokens);
    }
    lease.share.rate = rate;
    return lease.share;
  }

  /** What a share still owes, the lease owes again. */
  #endShares(nowMs: number): void {
    for (const lease of this.#active) {
      if (lease.share !== undefined && lease.shareSinceMs === this.#goneMs) {
        lease.tokens += Math.min(0, Math.trunc(lease.share.balance(nowMs)));
      }
      lease.share = undefined;
    }
  }

  #known(key: string): TokenLease | undefined {
    return this.#leases.get(key) ?? (key === OTHERS ? this.#others : undefined);
  }

  #new(key: string, rate: TokenRate, nowMs: number): TokenLease {
    if (!this.#leases.makeRoom(nowMs)) return (this.#others ??= new TokenLease(OTHERS, rate, nowMs));
    // A copy: a part of a head would keep the whole of it.
    const own = Buffer.from(key, "utf8").toString("utf8");
    const lease = new TokenLease(own, rate, nowMs);
    this.#leases.add(own, lease);
    return lease;
  }
}

function wish(lease: TokenLease, nowMs: number, wishes: LeaseWish[]): void {
  const { key, returning } = lease;
  if (returning > 0) wishes.push({ key, tokens: -returning });
  lease.returning = 0;
  const tokens = lease.lacks(nowMs);
  if (tokens > 0) wishes.push({ key, tokens });
}
