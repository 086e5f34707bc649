import { assert } from "../../shared/assert.ts";
import {
  ADAPTIVE_BUFFER_RATIO,
  ADAPTIVE_JITTER_RATIO,
  ADAPTIVE_MEASURE_MS,
  ADAPTIVE_MEASURE_SAMPLES,
  ADAPTIVE_UPDATE_MS,
} from "../../shared/defaults.ts";
import type { AdaptivePolicy } from "../../shared/model/cluster-policy.ts";

/** How an attempt went: when it was reported, and how long it took until then. */
export interface LatencySample {
  readonly latencyMs: number;
  readonly nowMs: number;
}

const GRADIENT_MIN = 0.5;
const GRADIENT_MAX = 2;

/**
 * A bound on requests at once that follows the latency (Envoy's `adaptive_concurrency`, its gradient controller): what a
 * service answers in when it has little to do, against what it answers in now.
 *
 *     limit' = limit x gradient + sqrt(limit x gradient)     gradient = least latency x 1.25 / latency now, in 0.5 - 2
 *
 * The root is room for a queue, without which the limit could never grow.
 *
 *     measuring (few at once, until enough have answered) ──▶ following ──(a minute)──▶ measuring
 *
 * A trailing minimum in place of the measuring would drift upwards under a load that never ends, since what it would see is
 * the latency that the limit itself allows.
 *
 * Invariants:
 * - `concurrencyMin` <= limit <= `concurrencyMax`, and what is under way is at most the limit when one more is let in.
 * - The least latency is that of attempts which began while few were under way.
 *
 * Pure: time and chance come in, and the policy with each call.
 */
export class AdaptiveLimit {
  active = 0;
  refusals = 0;
  /** 0 until it has been measured. */
  leastMs = 0;
  /** What holds while it follows. */
  #limit = 0;
  #isMeasuring = true;
  /** When the present measuring, or else following, began. */
  #sinceMs = -Infinity;
  #nextMeasureMs = 0;
  #windowEndMs = 0;
  #samples = 0;
  #sumMs = 0;
  /** The most that were under way in this window: a limit that nobody came near has no reason to grow. */
  #peak = 0;

  // Hot: once per attempt. Allocates nothing.
  acquire(policy: AdaptivePolicy): boolean {
    if (this.active >= this.limit(policy)) {
      this.refusals += 1;
      return false;
    }
    this.active += 1;
    if (this.active > this.#peak) this.#peak = this.active;
    return true;
  }

  release(): void {
    assert(this.active > 0, "what is given back was taken");
    this.active -= 1;
  }

  /** What may be under way now. */
  limit({ concurrencyMin, concurrencyMax }: AdaptivePolicy): number {
    if (this.#isMeasuring) return concurrencyMin;
    return Math.floor(Math.max(concurrencyMin, Math.min(concurrencyMax, this.#limit)));
  }

  // Hot: once per attempt. `unit` in [0, 1) is the chance of the jitter.
  /** An attempt has ended with an answer, which says how long the service takes. */
  onSample(policy: AdaptivePolicy, { latencyMs, nowMs }: LatencySample, unit: number): void {
    // It began under another limit than the present one.
    if (nowMs - latencyMs < this.#sinceMs) return;
    this.#samples += 1;
    this.#sumMs += latencyMs;
    if (this.#isMeasuring) {
      if (this.#samples >= ADAPTIVE_MEASURE_SAMPLES) this.#endMeasuring(policy, nowMs, unit);
    } else if (nowMs >= this.#windowEndMs) {
      this.#follow(policy, this.#sumMs / this.#samples);
      this.#beginWindow(nowMs);
      if (nowMs >= this.#nextMeasureMs) this.#beginMeasuring(nowMs);
    }
  }

  /**
   * One has ended without an answer: that would have taken at least so long, which says something only if it is long. A
   * service that refuses at once must not look like one that has little to do.
   */
  onFailure(policy: AdaptivePolicy, sample: LatencySample, unit: number): void {
    if (!this.#isMeasuring && sample.latencyMs > this.leastMs) this.onSample(policy, sample, unit);
  }

  #follow(policy: AdaptivePolicy, latencyMs: number): void {
    const now = this.limit(policy);
    const ratio = (this.leastMs * (1 + ADAPTIVE_BUFFER_RATIO)) / Math.max(latencyMs, Number.MIN_VALUE);
    const shrunk = now * Math.max(GRADIENT_MIN, Math.min(GRADIENT_MAX, ratio));
    const next = shrunk + Math.sqrt(shrunk);
    this.#limit = next > now && this.#peak * 2 < now ? now : Math.min(policy.concurrencyMax, next);
  }

  #beginMeasuring(nowMs: number): void {
    this.#isMeasuring = true;
    this.#sinceMs = nowMs;
  }

  #endMeasuring(policy: AdaptivePolicy, nowMs: number, unit: number): void {
    this.leastMs = this.#sumMs / this.#samples;
    this.#isMeasuring = false;
    this.#limit = Math.max(this.#limit, policy.concurrencyMin);
    this.#sinceMs = nowMs;
    // The proxies of a fleet would starve the service together.
    this.#nextMeasureMs = nowMs + ADAPTIVE_MEASURE_MS * (1 + ADAPTIVE_JITTER_RATIO * unit);
    this.#beginWindow(nowMs);
  }

  #beginWindow(nowMs: number): void {
    this.#windowEndMs = nowMs + ADAPTIVE_UPDATE_MS;
    this.#samples = 0;
    this.#sumMs = 0;
    this.#peak = this.active;
  }
}
