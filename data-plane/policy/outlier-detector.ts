import type { OutlierPolicy } from "../../shared/model/cluster-policy.ts";
import type { Verdict } from "./verdict.ts";

/** What an endpoint did to be ejected: the four detectors of Envoy's `outlier_detection`. */
export type EjectionReason = "consecutive-5xx" | "consecutive-gateway" | "success-rate" | "failure-percentage";

/**
 * Why an endpoint is back: its time has passed; it answered a health check; or the cluster became so small that ejecting
 * this many would break an invariant.
 */
export type ReturnReason = "time-served" | "health-check" | "too-few-endpoints";

export type OutlierEvent =
  | { readonly kind: "ejected"; readonly key: string; readonly reason: EjectionReason; readonly untilMs: number }
  | { readonly kind: "returned"; readonly key: string; readonly reason: ReturnReason };

export interface Ejection {
  readonly reason: EjectionReason;
  readonly atMs: number;
  /** It ends at the first sweep after this. */
  readonly untilMs: number;
}

/** An endpoint that the detector watches; one that drains is not among them. */
export interface Watched {
  readonly key: string;
  /** Healthy by its configuration and its checks: available unless ejected. */
  readonly isUsable: boolean;
}

/** Ejections last this much longer or shorter, so that proxies do not all try an endpoint again at once. */
const JITTER = 0.1;

/** What is counted of one endpoint. */
class Tally {
  isUsable: boolean;
  ejection: Ejection | undefined = undefined;
  /** Ejections in a row: the multiplier of the next one's time, less one. */
  ejections = 0;
  failuresInRow = 0;
  gatewayFailuresInRow = 0;
  /** Of this interval. */
  successes = 0;
  failures = 0;

  constructor(isUsable: boolean) {
    this.isUsable = isUsable;
  }

  get volume(): number {
    return this.successes + this.failures;
  }

  get isAvailable(): boolean {
    return this.isUsable && this.ejection === undefined;
  }

  forgetRow(): void {
    this.failuresInRow = 0;
    this.gatewayFailuresInRow = 0;
  }
}

/**
 * Takes out an endpoint that does worse than its cluster ought to, by what its requests came to (semantics.md 5; Envoy
 * `outlier_detection`; seed F3.8).
 *
 *     in ──(failures in a row: at once │ worse than the others: at a sweep)──▶ ejected
 *     ejected ──(a sweep after base x ejections in a row │ a passed health check)──▶ in
 *
 * A sweep comes at each interval, while there is anything to sweep. Each that finds an endpoint in takes one off its
 * ejections in a row.
 *
 * Invariants:
 * - At most `maxEjectionPercent` of the endpoints are ejected, but one of two or more may always be, unless it is 0: a
 *   tenth of three would be nobody (Envoy `always_eject_one_host`).
 * - The last available endpoint is never ejected; and when the others go, an ejected one comes back.
 * - Every ejection ends.
 *
 * Pure: time and chance come in; the shell calls `onTick` when `nextWakeMs` has come.
 */
export class OutlierDetector {
  #policy: OutlierPolicy;
  readonly #tallies = new Map<string, Tally>();
  #sweepMs = Infinity;
  #ejected = 0;
  #available = 0;

  constructor(policy: OutlierPolicy) {
    this.#policy = policy;
  }

  /** Endpoints that are out now. */
  get ejectedCount(): number {
    return this.#ejected;
  }

  /** When `onTick` has something to do; Infinity: not before the next ejection. */
  get nextWakeMs(): number {
    return this.#sweepMs;
  }

  ejectionOf(key: string): Ejection | undefined {
    return this.#tallies.get(key)?.ejection;
  }

  /** The cluster's endpoints as they are from now on. What is known of those that stay is kept. */
  follow(policy: OutlierPolicy, watched: readonly Watched[], nowMs: number): readonly OutlierEvent[] {
    this.#policy = policy;
    const before = new Map(this.#tallies);
    this.#tallies.clear();
    for (const { key, isUsable } of watched) {
      const tally = before.get(key) ?? new Tally(isUsable);
      tally.isUsable = isUsable;
      this.#tallies.set(key, tally);
    }
    this.#count();
    const events: OutlierEvent[] = [];
    for (let next = this.#mustReturn(); next !== undefined; next = this.#mustReturn()) {
      events.push(this.#return(next, "too-few-endpoints"));
    }
    this.#schedule(nowMs);
    return events;
  }

  /**
   * How an attempt at the endpoint went. A reason: it has failed so often in a row that it must be ejected, and may be.
   * Hot: once per attempt, one look-up.
   */
  onResult(key: string, verdict: Verdict): EjectionReason | undefined {
    const tally = this.#tallies.get(key);
    if (tally === undefined || verdict === "none") return undefined;
    if (verdict === "success" || verdict === "rate-limited") {
      tally.successes += 1;
      if (tally.failuresInRow > 0) tally.forgetRow();
      return undefined;
    }
    tally.failures += 1;
    tally.failuresInRow += 1;
    tally.gatewayFailuresInRow = verdict === "error" ? 0 : tally.gatewayFailuresInRow + 1;
    const reason = this.#rowReason(tally);
    return reason !== undefined && this.#mayEject(tally) ? reason : undefined;
  }

  /** Ejects it, as `onResult` has asked for. `unit` in [0, 1) varies the time. */
  eject(key: string, reason: EjectionReason, nowMs: number, unit: number): OutlierEvent | undefined {
    const tally = this.#tallies.get(key);
    if (tally === undefined || !this.#mayEject(tally)) return undefined;
    const event = this.#eject(key, tally, { reason, atMs: nowMs, untilMs: nowMs + this.#timeMs(tally, unit) });
    this.#schedule(nowMs);
    return event;
  }

  /** Another worker has ejected it, for so long: it is out here, too, unless an invariant of what is known here forbids it. */
  adopt(key: string, reason: EjectionReason, nowMs: number, forMs: number): OutlierEvent | undefined {
    const tally = this.#tallies.get(key);
    if (tally === undefined || !this.#mayEject(tally)) return undefined;
    const event = this.#eject(key, tally, { reason, atMs: nowMs, untilMs: nowMs + forMs });
    this.#schedule(nowMs);
    return event;
  }

  /**
   * It has answered a health check: an ejection ends. The row of one that is in goes on: requests fail where the check
   * sees nothing (seed F3.8).
   */
  onCheckPassed(key: string): OutlierEvent | undefined {
    return this.ejectionOf(key) === undefined ? undefined : this.#return(key, "health-check");
  }

  /** The sweep: ends ejections, compares the endpoints with each other, and begins a new interval. */
  onTick(nowMs: number, random: { unit(): number }): readonly OutlierEvent[] {
    if (nowMs < this.#sweepMs) return [];
    const events = this.#endEjections(nowMs);
    for (const [key, reason] of [...this.#belowTheRest(), ...this.#failingTooMany()]) {
      const event = this.eject(key, reason, nowMs, random.unit());
      if (event !== undefined) events.push(event);
    }
    for (const tally of this.#tallies.values()) {
      tally.successes = 0;
      tally.failures = 0;
    }
    this.#sweepMs = Infinity;
    this.#schedule(nowMs);
    return events;
  }

  #endEjections(nowMs: number): OutlierEvent[] {
    const events: OutlierEvent[] = [];
    for (const [key, tally] of this.#tallies) {
      if (tally.ejection === undefined) tally.ejections = Math.max(0, tally.ejections - 1);
      else if (nowMs >= tally.ejection.untilMs) events.push(this.#return(key, "time-served"));
    }
    return events;
  }

  /** Those whose share of successes lies far below the mean of all that were used enough. */
  #belowTheRest(): readonly (readonly [key: string, reason: EjectionReason])[] {
    const { successRateStdevFactor } = this.#policy;
    const compared = successRateStdevFactor === 0 ? [] : this.#comparable();
    if (compared.length === 0) return [];
    const rates = compared.map(([, tally]) => successRate(tally));
    const mean = rates.reduce((sum, rate) => sum + rate, 0) / rates.length;
    const variance = rates.reduce((sum, rate) => sum + (rate - mean) ** 2, 0) / rates.length;
    const least = mean - (Math.sqrt(variance) * successRateStdevFactor) / 1_000;
    return compared.filter((_, index) => (rates[index] ?? 1) < least).map(([key]) => [key, "success-rate"] as const);
  }

  #failingTooMany(): readonly (readonly [key: string, reason: EjectionReason])[] {
    const { failurePercentage } = this.#policy;
    const compared = failurePercentage === 0 ? [] : this.#comparable();
    return compared
      .filter(([, tally]) => 100 * tally.failures >= failurePercentage * tally.volume)
      .map(([key]) => [key, "failure-percentage"] as const);
  }

  /** Those with enough requests in this interval to say something; nobody, when they are too few to be compared. */
  #comparable(): readonly (readonly [key: string, tally: Tally])[] {
    const { hostsMin, volumeMin } = this.#policy;
    const enough = [...this.#tallies].filter(
      ([, tally]) => tally.ejection === undefined && tally.volume >= Math.max(1, volumeMin),
    );
    // The worst first: there may be no room for all of them.
    return enough.length >= hostsMin ? enough.sort(([, a], [, b]) => successRate(a) - successRate(b)) : [];
  }

  #rowReason(tally: Tally): EjectionReason | undefined {
    const { consecutive5xx, consecutiveGateway } = this.#policy;
    if (consecutive5xx > 0 && tally.failuresInRow >= consecutive5xx) return "consecutive-5xx";
    if (consecutiveGateway > 0 && tally.gatewayFailuresInRow >= consecutiveGateway) return "consecutive-gateway";
    return undefined;
  }

  #mayEject(tally: Tally): boolean {
    if (tally.ejection !== undefined || this.#ejected >= this.#ejectedMax()) return false;
    return this.#available - (tally.isAvailable ? 1 : 0) > 0;
  }

  #ejectedMax(): number {
    const { maxEjectionPercent } = this.#policy;
    const size = this.#tallies.size;
    const one = size >= 2 && maxEjectionPercent > 0 ? 1 : 0;
    return Math.max(one, Math.floor((size * maxEjectionPercent) / 100));
  }

  #timeMs(tally: Tally, unit: number): number {
    const { baseEjectionMs, maxEjectionMs } = this.#policy;
    const timeMs = Math.min(baseEjectionMs * (tally.ejections + 1), Math.max(baseEjectionMs, maxEjectionMs));
    return timeMs * (1 - JITTER + 2 * JITTER * unit);
  }

  #eject(key: string, tally: Tally, ejection: Ejection): OutlierEvent {
    tally.ejection = ejection;
    // Beyond the longest time a higher count would only take longer to come down.
    const { baseEjectionMs, maxEjectionMs } = this.#policy;
    tally.ejections = Math.min(tally.ejections + 1, Math.max(1, Math.ceil(maxEjectionMs / baseEjectionMs)));
    tally.forgetRow();
    this.#count();
    return { kind: "ejected", key, reason: ejection.reason, untilMs: ejection.untilMs };
  }

  #return(key: string, reason: ReturnReason): OutlierEvent {
    const tally = this.#tallies.get(key);
    if (tally !== undefined) {
      tally.ejection = undefined;
      // Answers to requests from before the ejection came meanwhile, and say nothing of now.
      tally.forgetRow();
    }
    this.#count();
    return { kind: "returned", key, reason };
  }

  /** The one to take back, when an invariant asks for one: the usable before the others, then whose time is over first. */
  #mustReturn(): string | undefined {
    const ejected = [...this.#tallies].filter(([, { ejection }]) => ejection !== undefined);
    const [next] = ejected.sort(([, a], [, b]) => Number(b.isUsable) - Number(a.isUsable) || endOf(a) - endOf(b));
    if (next === undefined) return undefined;
    const [key, { isUsable }] = next;
    return ejected.length > this.#ejectedMax() || (this.#available === 0 && isUsable) ? key : undefined;
  }

  /** Changes are rare: counting anew cannot be wrong. */
  #count(): void {
    this.#ejected = 0;
    this.#available = 0;
    for (const tally of this.#tallies.values()) {
      if (tally.ejection !== undefined) this.#ejected += 1;
      if (tally.isAvailable) this.#available += 1;
    }
  }

  /** Without an ejection, now or lately, and without comparisons there is nothing to sweep. */
  #schedule(nowMs: number): void {
    const { successRateStdevFactor, failurePercentage, intervalMs } = this.#policy;
    const compares = (successRateStdevFactor > 0 || failurePercentage > 0) && this.#tallies.size > 0;
    const isNeeded = compares || [...this.#tallies.values()].some(({ ejections }) => ejections > 0);
    if (!isNeeded) this.#sweepMs = Infinity;
    else if (this.#sweepMs > nowMs + intervalMs) this.#sweepMs = nowMs + intervalMs;
  }
}

function endOf({ ejection }: Tally): number {
  return ejection?.untilMs ?? 0;
}

function successRate({ successes, volume }: Tally): number {
  return successes / volume;
}
