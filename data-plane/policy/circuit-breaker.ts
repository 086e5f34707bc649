import { BREAKER_JITTER_RATIO } from "../../shared/defaults.ts";
import type { BreakerPolicy } from "../../shared/model/cluster-policy.ts";
import { SlidingSum } from "../../shared/sliding-sum.ts";
import type { SharedCount } from "../workers/shared-count.ts";
import { isFailure, type TimedVerdict } from "./verdict.ts";

/** How an attempt went, and where; a service that is one place needs no `endpoint`. */
export interface PlacedVerdict extends TimedVerdict {
  readonly endpoint?: string;
  /** How many could have been asked, that one included. */
  readonly endpoints?: number;
}

export type BreakerState = "closed" | "open" | "half-open";

/** How a breaker stands, for the same service's breaker in another worker. Durations, because each has a clock of its own. */
export interface BreakerView {
  readonly state: BreakerState;
  /** How long it opened last, and how long until it asks for a probe. */
  readonly openMs: number;
  readonly probeInMs: number;
  /** Probes in a row that succeeded. */
  readonly successes: number;
}

/** What {@link CircuitBreaker.admit} returns in place of a permit. */
export const REFUSED = -1;

/**
 * Stops sending to a service that keeps failing, then trusts it again one probe at a time (semantics.md 4, seeds.md C1-C3).
 *
 *     closed ──(failures in a row, or their share of a window, are too many)──▶ open
 *     open ──(its time has passed, and a request asks)──▶ half-open
 *     half-open ──(so many probes in a row succeed)──▶ closed, with nothing remembered
 *     half-open ──(a probe fails)──▶ open, for twice as long
 *
 * A row of failures counts when they come from as many different endpoints as there are, or as the row is long: one dead
 * replica of three, asked by a burst of requests, fails ten times before the others have answered once, and is a matter of
 * outlier detection. The same holds for a window with nothing but failures in it.
 *
 * Failures in a row open it ON the one that completes the row; their share only ABOVE the threshold, and not before the
 * window holds enough results (C2).
 *
 * Invariants:
 * - Half-open has at most one probe in flight, in all workers of the proxy together.
 * - A result counts only in the epoch that admitted it, which is what a permit names. An attempt that was admitted before the
 *   breaker opened and ends after it must not close, or re-open, anything.
 * - Every permit comes back once, and a probe without a verdict (its client went away) makes room for another one.
 *
 * A 429 counts nowhere: the service is well and wants less, which is neither a failure nor a sign that it may have everything
 * again. So it neither breaks a row of failures nor dilutes their share, and a probe that meets one is as if it had not been.
 *
 * Pure: time and chance come in, nothing is scheduled. The policy comes with each call, so that the state outlives every
 * change of it. "Open" means that requests are refused, as in an electrical breaker (Linkerd's gate uses it the other way).
 */
export class CircuitBreaker {
  state: BreakerState = "closed";
  /** Times it opened, a failed probe included, and requests it refused. */
  opens = 0;
  refusals = 0;
  /** Failures since the last success. */
  failuresInRow = 0;
  /** Where they happened; no more than a row is long. */
  readonly #failedAt = new Set<string>();
  readonly #results = new SlidingSum();
  readonly #failures = new SlidingSum();
  /** Number of the current state: each change begins another one. */
  #epoch = 1;
  #openMs = 0;
  #probeAtMs = 0;
  #isProbing = false;
  #successes = 0;
  /** Probes in flight in all workers; undefined with one. */
  readonly #probesOfAll: SharedCount | undefined;

  constructor(probesOfAll?: SharedCount) {
    this.#probesOfAll = probesOfAll;
  }

  /** When an open breaker asks for a probe. */
  get probeAtMs(): number {
    return this.#probeAtMs;
  }

  // Hot: once per attempt.
  /** A permit, to be given to {@link report} or {@link giveBack} exactly once, or {@link REFUSED}. */
  admit(nowMs: number): number {
    if (this.state === "closed") return this.#epoch;
    if (this.isRefusing(nowMs) || !this.#takeProbe()) {
      this.refusals += 1;
      return REFUSED;
    }
    if (this.state === "open") this.#become("half-open");
    this.#isProbing = true;
    return this.#epoch;
  }

  /** Whether {@link admit} would refuse now. */
  isRefusing(nowMs: number): boolean {
    if (this.state === "closed") return false;
    return this.state === "open" ? nowMs < this.#probeAtMs : this.#isProbing;
  }

  // Hot: once per attempt. `unit` in [0, 1) is the chance of the jitter.
  report(policy: BreakerPolicy, permit: number, result: PlacedVerdict, unit: number): void {
    const { verdict, nowMs } = result;
    if (verdict === "none" || verdict === "rate-limited") return this.giveBack(permit);
    if (permit !== this.#epoch) return undefined;
    this.#endProbe();
    return isFailure(verdict) ? this.#onFailure(policy, result, unit) : this.#onSuccess(policy, nowMs);
  }

  /** Nothing was learnt under this permit. */
  giveBack(permit: number): void {
    if (permit === this.#epoch) this.#endProbe();
  }

  /**
   * An attempt of another worker went like this. It is counted, and opens nothing: the worker that met the last failure
   * opens its own, and tells. While open or half-open only probes count, and of these their worker tells, too.
   */
  hear(policy: BreakerPolicy, { verdict, nowMs, endpoint }: PlacedVerdict): void {
    if (this.state !== "closed" || verdict === "none" || verdict === "rate-limited") return;
    if (isFailure(verdict)) this.#noteFailure(policy, endpoint);
    this.#count(policy, isFailure(verdict), nowMs);
  }

  view(nowMs: number): BreakerView {
    const probeInMs = Math.max(0, this.#probeAtMs - nowMs);
    return { state: this.state, openMs: this.#openMs, probeInMs, successes: this.#successes };
  }

  /** Another worker's breaker has changed: this one stands like it. A probe of ours that is in flight decides nothing any more. */
  adopt({ state, openMs, probeInMs, successes }: BreakerView, nowMs: number): void {
    if (state === "closed" && this.state === "closed") return;
    if (state === "closed") this.#close();
    else this.#become(state);
    this.#openMs = openMs;
    this.#probeAtMs = nowMs + probeInMs;
    this.#successes = successes;
  }

  /** Results and failures in the window, for people. */
  counts(policy: BreakerPolicy, nowMs: number): { readonly results: number; readonly failures: number } {
    const { windowMs } = policy;
    return { results: this.#results.sum(windowMs, nowMs), failures: this.#failures.sum(windowMs, nowMs) };
  }

  #onSuccess(policy: BreakerPolicy, nowMs: number): void {
    if (this.state === "closed") return this.#count(policy, false, nowMs);
    this.failuresInRow = 0;
    this.#successes += 1;
    if (this.#successes >= policy.successes) this.#close();
    return undefined;
  }

  #onFailure(policy: BreakerPolicy, { nowMs, endpoint, endpoints = 1 }: PlacedVerdict, unit: number): void {
    if (this.state !== "closed") {
      this.failuresInRow += 1;
      this.#open(Math.min(this.#openMs * 2, policy.recoveryMaxMs), nowMs, unit);
      return;
    }
    this.#noteFailure(policy, endpoint);
    this.#count(policy, true, nowMs);
    if (this.#isTooMany(policy, endpoints, nowMs)) this.#open(policy.recoveryMs, nowMs, unit);
  }

  #noteFailure({ consecutiveFailures }: BreakerPolicy, endpoint = ""): void {
    if (this.#failedAt.size < consecutiveFailures) this.#failedAt.add(endpoint);
  }

  #count({ windowMs }: BreakerPolicy, isFailed: boolean, nowMs: number): void {
    if (!isFailed && this.failuresInRow > 0) this.#failedAt.clear();
    this.failuresInRow = isFailed ? this.failuresInRow + 1 : 0;
    this.#results.add(1, windowMs, nowMs);
    if (isFailed) this.#failures.add(1, windowMs, nowMs);
  }

  #isTooMany(policy: BreakerPolicy, endpoints: number, nowMs: number): boolean {
    const { consecutiveFailures, samplesMin, thresholdPercent, windowMs } = policy;
    const isWide = this.#failedAt.size >= Math.min(endpoints, consecutiveFailures);
    if (consecutiveFailures > 0 && this.failuresInRow >= consecutiveFailures && isWide) return true;
    const results = this.#results.sum(windowMs, nowMs);
    const failures = this.#failures.sum(windowMs, nowMs);
    // Nothing but failures is a row, too.
    if (failures === results && !isWide) return false;
    return results >= samplesMin && failures * 100 > thresholdPercent * results;
  }

  #open(openMs: number, nowMs: number, unit: number): void {
    this.#become("open");
    this.opens += 1;
    this.#openMs = openMs;
    // The proxies of a fleet open together; without jitter they would also probe together.
    this.#probeAtMs = nowMs + openMs * (1 + BREAKER_JITTER_RATIO * (2 * unit - 1));
  }

  /** Counted first, then compared: of two workers that would probe at once, at most one does. */
  #takeProbe(): boolean {
    if (this.#probesOfAll === undefined) return true;
    this.#probesOfAll.add(1);
    if (this.#probesOfAll.total <= 1) return true;
    this.#probesOfAll.add(-1);
    return false;
  }

  #endProbe(): void {
    if (this.#isProbing) this.#probesOfAll?.add(-1);
    this.#isProbing = false;
  }

  #close(): void {
    this.#become("closed");
    this.#results.clear();
    this.#failures.clear();
  }

  #become(state: BreakerState): void {
    this.state = state;
    this.#epoch += 1;
    this.#endProbe();
    this.#successes = 0;
    this.#failedAt.clear();
  }
}
