import type { SlowStartPolicy } from "../../shared/model/cluster-policy.ts";

/** A window has so many steps: each makes a new picker, and a finer ramp would not be seen in the traffic. */
const STEPS = 10;
const ROUNDING = 1e-6;

/**
 * Gives an endpoint that has become usable its share little by little (semantics.md 7; Envoy `slow_start_config`), whether
 * it is new, was ejected, or has passed its checks again. Caches are cold after each of these.
 *
 *     weight x max(least share, time since it became usable / window)
 *
 * Not the first endpoints of a cluster: when a proxy starts, its peers have long been warm, and with nobody before
 * them there is nobody to take the rest.
 *
 * Pure: time comes in as `nowMs`; the shell asks for the shares again when `nextWakeMs` has come.
 */
export class SlowStart {
  /** Since when each starting endpoint is usable. */
  readonly #sinceMs = new Map<string, number>();
  #usable: ReadonlySet<string> = new Set();
  #policy: SlowStartPolicy | undefined = undefined;

  /** Endpoints that have not got their whole share yet. */
  get startingCount(): number {
    return this.#sinceMs.size;
  }

  isStarting(key: string): boolean {
    return this.#sinceMs.has(key);
  }

  /** The endpoints that are usable from now on. Without a policy they have their whole share. */
  follow(policy: SlowStartPolicy | undefined, usable: ReadonlySet<string>, nowMs: number): void {
    const before = this.#usable;
    this.#usable = usable;
    this.#policy = policy;
    if (policy === undefined) {
      this.#sinceMs.clear();
      return;
    }
    for (const [key, sinceMs] of this.#sinceMs) {
      if (!usable.has(key) || nowMs - sinceMs >= policy.windowMs) this.#sinceMs.delete(key);
    }
    if (before.size === 0) return;
    for (const key of usable) if (!before.has(key)) this.#sinceMs.set(key, nowMs);
  }

  /** In (0, 1]. */
  shareOf(key: string, nowMs: number): number {
    const sinceMs = this.#sinceMs.get(key);
    if (sinceMs === undefined || this.#policy === undefined) return 1;
    const { windowMs, minWeightPercent } = this.#policy;
    return Math.min(1, Math.max(minWeightPercent / 100, (nowMs - sinceMs) / windowMs));
  }

  /** When the next step is due; Infinity when nobody starts. */
  nextWakeMs(nowMs: number): number {
    let wakeMs = Infinity;
    const stepMs = (this.#policy?.windowMs ?? 0) / STEPS;
    for (const sinceMs of this.#sinceMs.values()) {
      // Woken for a step it is in that step, whatever the rounding.
      const steps = Math.floor((nowMs - sinceMs) / stepMs + ROUNDING) + 1;
      wakeMs = Math.min(wakeMs, sinceMs + steps * stepMs);
    }
    return wakeMs;
  }
}
