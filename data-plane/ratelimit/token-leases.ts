import type { Address } from "../../shared/address.ts";
import type { Clock } from "../../shared/clock.ts";
import { TOKEN_LEASE_RETRY_MS, TOKEN_LEASE_TICK_MS } from "../../shared/defaults.ts";
import { RATE_LIMIT_DESCRIPTORS_MAX } from "../../shared/limits.ts";
import type { Logger } from "../../shared/log.ts";
import type { RateLimitPolicy } from "../../shared/model/rate-limit.ts";
import type { LeaseGrant, LeaseWish } from "../../shared/model/token-lease.ts";
import type { Random } from "../../shared/random.ts";
import { err, ok, type Result } from "../../shared/result.ts";
import type { Timer, Timers } from "../../shared/timers.ts";
import { leaseRequest, readGrants } from "../../shared/wire/token-lease-wire.ts";
import { SharedRateLimit } from "../policy/shared-rate-limit.ts";
import type { RateLimits } from "../runtime/rate-limits.ts";
import type { LeaseChannel } from "./lease-channel.ts";

export interface TokenLeasesOptions {
  readonly rateLimits: RateLimits;
  /** Of control planes, tried in turn. */
  readonly addresses: readonly Address[];
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  readonly log: Logger;
}

/** How the calls for one limit stand. */
interface Calls {
  isCalling: boolean;
  /** Not before that. */
  nextMs: number;
}

/**
 * Keeps the leases of global limits filled: one call at a time for each limit, far from any request. It runs only while
 * the configuration names such a limit.
 */
export class TokenLeases {
  readonly #options: TokenLeasesOptions;
  readonly #calls = new WeakMap<SharedRateLimit, Calls>();
  #ticking: Timer | undefined = undefined;
  #channel: LeaseChannel | undefined = undefined;

  constructor(options: TokenLeasesOptions) {
    this.#options = options;
  }

  /** After each change of configuration. */
  follow(): void {
    const isNeeded = [...this.#options.rateLimits.values()].some(({ state }) => state instanceof SharedRateLimit);
    if (!isNeeded) this.stop();
    else this.#ticking ??= this.#options.timers.every(TOKEN_LEASE_TICK_MS, () => this.#tick());
  }

  stop(): void {
    this.#ticking?.cancel();
    this.#ticking = undefined;
    this.#channel?.close();
    this.#channel = undefined;
  }

  #tick(): void {
    for (const { limit, state } of this.#options.rateLimits.values()) {
      if (state instanceof SharedRateLimit) this.#turn(state, limit.policy);
    }
  }

  #turn(state: SharedRateLimit, policy: RateLimitPolicy): void {
    const nowMs = this.#options.clock.nowMs();
    const calls = this.#calls.get(state) ?? { isCalling: false, nextMs: 0 };
    this.#calls.set(state, calls);
    const wishes = state.onTick(nowMs, !calls.isCalling && nowMs >= calls.nextMs);
    if (wishes.length === 0) return;
    calls.isCalling = true;
    void this.#ask(policy, wishes).then((grants) => {
      calls.isCalling = false;
      this.#onAnswer(state, policy, wishes, grants);
      // A channel that was opened after the end.
      if (this.#ticking === undefined) this.stop();
    });
  }

  #onAnswer(
    state: SharedRateLimit,
    policy: RateLimitPolicy,
    wishes: readonly LeaseWish[],
    grants: Result<readonly LeaseGrant[], string>,
  ): void {
    const { clock, random, log } = this.#options;
    const nowMs = clock.nowMs();
    const before = state.coordinator;
    if (grants.ok) {
      state.onGranted(wishes, grants.value, nowMs);
      if (before === "gone") log.info({ limit: policy.name }, "the limit is shared again");
      // There may be more than went into one call.
      if (wishes.length + 2 > RATE_LIMIT_DESCRIPTORS_MAX && this.#ticking !== undefined) this.#turn(state, policy);
      return;
    }
    state.onFailed(nowMs);
    const calls = this.#calls.get(state);
    if (calls !== undefined) calls.nextMs = nowMs + TOKEN_LEASE_RETRY_MS * (1 + random.unit());
    if (before !== "gone") {
      log.warn({ limit: policy.name, proxies: state.proxies }, `no tokens from the control plane: ${grants.error}`);
    }
  }

  async #ask(policy: RateLimitPolicy, wishes: readonly LeaseWish[]): Promise<Result<readonly LeaseGrant[], string>> {
    this.#channel ??= await this.#newChannel();
    const answer = await this.#channel.call(leaseRequest(policy.name, policy.by, wishes));
    if (!answer.ok) return answer;
    const grants = readGrants(answer.value, wishes.length);
    return grants === undefined ? err("the rate limit service knows no leases") : ok(grants);
  }

  /** gRPC is half of the start-up time: it is for those who need it. */
  async #newChannel(): Promise<LeaseChannel> {
    const { LeaseChannel } = await import("./lease-channel.ts");
    return new LeaseChannel(this.#options.addresses, this.#options.clock);
  }
}
